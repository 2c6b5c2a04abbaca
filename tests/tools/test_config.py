"""`mcp.json`: every mistake is told with its line and its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.settings import ROOT
from tests.tools.conftest import House
from tools.config import load_tools, read_tools
from tools.lines import lines
from tools.resolve import Address, Program, check_tools, start_of


def told(folder: Path, text: str, **environment: str) -> list[tuple[int, str, str, str]]:
    file = folder / "mcp.json"
    file.write_text(text)
    found = check_tools(file, environment)
    assert all(error.file == str(file) for error in found)
    return [(error.line, error.field, error.reason, error.remedy) for error in found]


def entry(body: str) -> str:
    return f'{{\n  "mcpServers": {{\n    "s": {{\n      {body}\n    }}\n  }}\n}}'


@pytest.mark.parametrize(
    ("body", "line", "field", "reason", "remedy"),
    [
        ('"command": 3', 4, "command", "3 does not fit", "valid string"),
        ('"args": []', 3, "", "neither 'command' nor 'url'", "program to start"),
        ('"command": "x",\n"url": "http://x"', 5, "url", "both", "Keep one"),
        ('"url": "ftp://x"', 4, "url", "'ftp://x'", "http:// or https://"),
        ('"url": "http://x", "type": "sse"', 4, "type", '"sse"', "streamable"),
        ('"url": "http://x", "type": "stdio"', 4, "type", "'stdio'", "Set it to 'http'"),
        ('"command": "x", "type": "http"', 4, "type", "'http'", "Set it to 'stdio'"),
        (
            '"command": "x",\n\n"cmd": 1',
            6,
            "cmd",
            "no such key",
            "Known here: args, auth, base_url, command",
        ),
        ('"command": "x", "args": ["${"]', 4, "args.0", "names no variable", "${NAME}"),
        ('"command": "x", "env": {"A": "${NOPE}"}', 4, "env.A", "NOPE is not set", "Set NOPE"),
        ('"url": "${WHERE}"', 4, "url", "is none once", "begins with http"),
        ('"command": "x",\n"command": "y"', 5, "command", "stands twice", "Remove one"),
    ],
)
def test_each_mistake_has_its_line_field_reason_and_remedy(
    tmp_path: Path, body: str, line: int, field: str, reason: str, remedy: str
) -> None:
    ((at, where, why, mend),) = told(tmp_path, entry(body), WHERE="nowhere")
    assert (at, where) == (line, f"mcpServers.s.{field}".rstrip("."))
    assert reason in why
    assert remedy in mend


@pytest.mark.parametrize(
    ("terms", "field", "reason", "remedy"),
    [
        ('"label": "secret"', "label", '"secret" does not fit', "'public'"),
        ('"timeout_seconds": 0', "timeout_seconds", "0 does not fit", "greater than 0"),
        ('"max_bytes": "9"', "max_bytes", '"9" does not fit', "valid integer"),
        ('"actions": {"t": "fly"}', "actions.t", '"fly" does not fit', "'read', 'write'"),
        ('"bind": {"f": "home"}', "bind.f", '"home" does not fit', "'docs'"),
        ('"limit": 1', "limit", "no such key", "Known here: actions, bind, breaker"),
        ('"breaker": {"tries": 1}', "breaker.tries", "no such key", "Known here: failures, sec"),
        ('"max_parallel": 0', "max_parallel", "0 does not fit", "greater than or equal to 1"),
        ('"rates": {"t": "often"}', "rates.t", '"often" does not fit', "such as 10/minute"),
        ('"rates": {"*": "0/hour"}', "rates.*", '"0/hour" does not fit', "such as 10/minute"),
        (
            '"credentials": {"acme": {"T": {"value": "x"}}}',
            "credentials.acme.T.value",
            "no such key",
            "Known here: env, file, prefix",
        ),
        (
            '"credentials": {"acme": {"T": {"env": "A", "file": "b"}}}',
            "credentials.acme.T",
            "needs one of 'env' and 'file'",
            "Name the environment variable",
        ),
    ],
)
def test_each_mistake_in_the_terms_has_its_line_field_reason_and_remedy(
    tmp_path: Path, terms: str, field: str, reason: str, remedy: str
) -> None:
    body = f'"command": "x",\n"switchyard": {{\n{terms}}}'
    ((at, where, why, mend),) = told(tmp_path, entry(body))
    assert (at, where) == (6, f"mcpServers.s.switchyard.{field}")
    assert reason in why
    assert remedy in mend


def test_no_server_may_pass_for_the_files_of_a_run(tmp_path: Path) -> None:
    told_of = told(tmp_path, '{"mcpServers": {"files": {"command": "x"}}}')
    ((_, field, reason, remedy),) = told_of
    assert field == "mcpServers.files"
    assert "taken by the files of a run" in reason
    assert "another name" in remedy


def test_no_server_may_call_its_writing_a_store(tmp_path: Path) -> None:
    body = '"command": "x", "switchyard": {"actions": {"t": "store"}}'
    ((_, field, reason, _),) = told(tmp_path, entry(body))
    assert field == "mcpServers.s.switchyard.actions.t"
    assert '"store" does not fit' in reason


def test_a_file_that_is_not_json_is_told_with_its_line(tmp_path: Path) -> None:
    ((line, _, reason, _),) = told(tmp_path, '{\n  "mcpServers": {,}\n}')
    assert (line, reason.startswith("The file is not JSON")) == (2, True)


@pytest.mark.parametrize("text", ["[]", "{}", '{"mcpServers": []}', "null", '"x"'])
def test_a_file_of_another_shape_is_told(tmp_path: Path, text: str) -> None:
    assert len(told(tmp_path, text)) == 1


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = '{"mcpServers": {"A_b": {"command": "x"}, "c": {}, "d": {"url": "x"}}}'
    assert len(told(tmp_path, text)) == 3


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_tools(tmp_path / "mcp.json")


def test_a_secret_is_never_in_a_message(tmp_path: Path) -> None:
    (found,) = told(tmp_path, entry('"url": "${DOOR}"'), DOOR="pass-word")
    assert not any("pass-word" in str(part) for part in found)


def test_variables_are_put_in_with_their_defaults(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(
        '{"mcpServers": {"a": {"command": "${RUN:-sh}", "args": ["-c", "${X}", "${Y:-}$Z"]},'
        ' "b": {"url": "https://${HOST}/mcp", "headers": {"A": "Bearer ${X}"}}}}'
    )
    config = load_tools(file)
    environment = {"X": "1", "HOST": "h", "RUN": ""}
    program = start_of(config, "a", environment)
    assert isinstance(program, Program)
    assert (program.command, program.args, program.cwd) == ("sh", ("-c", "1", "$Z"), str(ROOT))
    assert "X" not in program.env
    assert start_of(config, "b", environment) == Address(
        url="https://h/mcp", headers={"A": "Bearer 1"}
    )


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"bind": {"foldr": "docs"}}, "bind.foldr: server 's' has no such argument"),
        ({"actions": {"post": "send"}}, "actions.post: server 's' has no such tool"),
        ({"keys": {"send": "idempotency"}}, "keys.send: server 's' has no such argument"),
        ({"keys": {"sendd": "to"}}, "keys.sendd: server 's' has no such tool"),
    ],
)
async def test_terms_that_name_what_a_server_does_not_have_keep_it_closed(
    house: House, terms: dict[str, object], told: str
) -> None:
    async with house.gate(s=house.scripted(**terms), t=house.scripted()) as door:
        assert told in door.gateway.unavailable["s"]
        assert f"{house.folder / 'mcp.json'}:" in door.gateway.unavailable["s"]
        assert not any(name.startswith("s_") for name in door.gateway.catalogue)
        assert (await door.call("t_say", text="x")).text == "x"


async def test_an_action_of_the_file_goes_before_the_word_of_the_server(house: House) -> None:
    terms = {"actions": {"say": "send"}, "label": "regulated", "untrusted": False}
    async with house.gate(s=house.scripted(**terms)) as door:
        say, add, send = (door.gateway.catalogue[f"s_{name}"] for name in ("say", "add", "send"))
    assert (say.action, say.effect) == ("send", True)
    assert (add.action, add.effect) == ("read", False)
    assert (send.action, send.effect) == ("write", True)
    assert (say.label, say.cleared_for, say.untrusted) == ("regulated", "internal", False)


def test_the_file_that_is_shipped_has_no_mistake() -> None:
    assert check_tools(ROOT / "config" / "mcp.json", {}) == []


def test_lines_are_found_in_any_layout() -> None:
    found = lines('{"a": {"b\\"": [1,\n {"c":\n "}"}], "a": 2},\n\n"a": {}}')
    assert found.find(("a", 'b"', 1, "c")) == 2
    assert found.find(("a", 'b"', 9)) == 1
    assert found.of[("a",)] == 5
    assert found.twice == (("a",),)


def test_every_mistake_is_returned_and_the_first_is_raised(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text('{"mcpServers": {"a": {}, "b": {}}}')
    found = read_tools(file)
    assert isinstance(found, list)
    with pytest.raises(ConfigError) as caught:
        load_tools(file)
    assert (len(found), str(caught.value)) == (2, str(found[0]))
