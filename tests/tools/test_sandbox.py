"""Code runs in the sandbox over the files of its run, or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.sandbox import LIMITS, Host, attempted, host
from bench.sandbox_attempts import ATTEMPTS, Attempt
from ledger.files import Quotas
from runtime.canonical import Json
from runtime.context import RunContext
from tests.tools.conftest import House, Person
from tools.policy import Policy
from tools.sandbox_box import Box, NoSandbox, find_box
from tools.sandbox_limits import SandboxLimits

SMALL: Json = {"seconds": 3, "processes": 16, "output_bytes": 20000, "workspace_bytes": 5000000}
TERMS: Json = {"label": "public", "cleared_for": "regulated"}


def entry(**limits: Json) -> Json:
    return {"sandbox": SMALL | limits, "switchyard": TERMS}


@pytest.fixture
async def box() -> Box:
    try:
        return await find_box(LIMITS)
    except NoSandbox as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def prey() -> Iterator[Host]:
    with host() as laid_out:
        yield laid_out


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
async def test_no_attempt_to_escape_gets_anything(box: Box, prey: Host, attempt: Attempt) -> None:
    done, got = await attempted(box, attempt, prey)
    assert got == "", done


@pytest.mark.parametrize(
    "name", ["TCP to the host", "Unix socket by path", "a file of the host", "/proc of others"]
)
def test_the_same_attempts_succeed_without_the_sandbox(prey: Host, name: str) -> None:
    (attempt,) = (one for one in ATTEMPTS if one.name == name)
    code = attempt.code_for(prey.words())
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ESCAPED" in told.stdout
    prey.harmed()


async def test_a_limit_of_one_process_ends_nothing_but_the_job(box: Box) -> None:
    first = await box.run(
        [box.python, "/tmp/main"], "import os; print(os.getpid(), os.getuid())", {}
    )
    again = await box.run([box.python, "/tmp/main"], "print(1)", {})
    assert (first.stdout, again.stdout) == ("2 65534\n", "1\n")


async def test_code_reads_the_files_of_its_run_and_what_it_writes_is_kept(
    house: House, box: Box
) -> None:
    async with house.gate(sandbox=entry()) as door:
        await door.call("files_write", path="data/a.csv", content="1\n2\n3\n", call="w")
        reply = await door.call(
            "sandbox_python",
            code="n = sum(map(int, open('data/a.csv')))\nprint(n)\n"
            "import os; os.mkdir('out'); open('out/sum.txt', 'w').write(f'{n}\\n')\n"
            "open('out/raw.bin', 'wb').write(b'\\xff\\xfe')",
        )
        read = await door.call("files_read", path="out/sum.txt")
        shell = await door.call(
            "sandbox_shell", code="wc -l < data/a.csv; ls", files=["data/a.csv"]
        )
    assert reply.text.splitlines()[1:] == [
        "stdout:",
        "6",
        "",
        "Written: out/sum.txt, version 1, 2 B",
        "Not kept: out/raw.bin: it is not text in UTF-8",
    ]
    assert reply.outcome == "ok"
    assert read.data["text"] == "6"
    assert shell.data["stdout"] == "3\ndata\n"
    (_, made) = await house.ledger.files.log("r1")
    assert (made.call, made.task) == (reply.id, "d1/a")


async def test_a_link_brings_nothing_of_the_host_into_the_files(house: House, box: Box) -> None:
    secret = house.folder / "secret.txt"
    secret.write_text("of the host")
    async with house.gate(sandbox=entry()) as door:
        reply = await door.call(
            "sandbox_shell", code=f"ln -s {secret} a; ln -s /work/b c; echo x>b"
        )
    assert reply.data["written"] == [{"path": "b", "version": 1}]
    assert set(reply.data["not_kept"]) == {"a", "c"}
    assert [file.path for file in await house.ledger.files.latest("r1")] == ["b"]


async def test_files_of_another_run_are_not_there(house: House, box: Box) -> None:
    other = RunContext(run="r2", task="d1", specialist="tester", label=house.context.label)
    async with house.gate(sandbox=entry()) as door:
        await door.call("files_write", context=other, path="theirs", content="of r2")
        reply = await door.call("sandbox_shell", code="cat theirs; ls -a")
        named = await door.call("sandbox_shell", code="true", files=["theirs"], call="2")
    assert reply.data["stdout"] == ".\n..\n"
    assert "there is no 'theirs' in this run" in named.text


async def test_the_quotas_of_the_run_hold_for_what_code_writes(house: House, box: Box) -> None:
    async with house.gate(quotas=Quotas(run_bytes=1_000), sandbox=entry()) as door:
        reply = await door.call(
            "sandbox_shell", code="yes | head -c 900 > a; yes | head -c 900 > b"
        )
    assert [file["path"] for file in reply.data["written"]] == ["a"]
    assert "Limit 'run_bytes' of config/limits.yaml is 1,000" in reply.data["not_kept"]["b"]


@pytest.mark.parametrize(
    ("code", "limit"),
    [("while True: pass", "seconds"), ("while True: print('x' * 999)", "output_bytes")],
)
async def test_a_limit_is_named_with_its_figure(
    house: House, box: Box, code: str, limit: str
) -> None:
    async with house.gate(sandbox=entry(seconds=1)) as door:
        reply = await door.call("sandbox_python", code=code)
    assert reply.outcome == "error"
    assert reply.data["limit"] == limit
    if limit == "seconds":
        assert reply.text.startswith("ended by its limit 'seconds' of 1, ")


async def test_code_that_fails_is_an_error_with_its_own_words(house: House, box: Box) -> None:
    async with house.gate(sandbox=entry()) as door:
        reply = await door.call("sandbox_python", code="raise ValueError('no such thing')")
    assert reply.error
    assert reply.text.startswith("exit code 1, ")
    assert "ValueError: no such thing" in reply.text


async def test_the_same_code_runs_anew_in_a_new_call_and_not_in_the_same(
    house: House, box: Box
) -> None:
    code = "echo x >> log; wc -l < log"
    async with house.gate(sandbox=entry()) as door:
        said = [
            (await door.call("sandbox_shell", code=code, call=call)).data["stdout"]
            for call in ("1", "2", "2")
        ]
    assert said == ["1\n", "2\n", "2\n"]


async def test_running_code_is_decided_as_the_action_execute(house: House, base: Policy) -> None:
    person = Person("refused")
    async with house.gate(base, sandbox=entry()) as door:
        assert door.gateway.catalogue["sandbox_shell"].action == "execute"
        reply = await door.call("sandbox_shell", code="true", ask=person)
    assert reply.outcome == "refused"
    assert person.asked[0].question["action"] == "execute"
    assert person.asked[0].question["arguments"] == {"code": "true"}


async def test_without_a_sandbox_nothing_is_run(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with house.gate(sandbox=entry()) as door:
        reply = await door.call("sandbox_shell", code=f"touch {tmp_path}/was-here")
    assert reply.outcome == "error"
    assert "There is no sandbox here: bwrap was not found. Install bubblewrap" in reply.text
    assert not (tmp_path / "was-here").exists()


async def test_a_bwrap_that_may_not_make_namespaces_runs_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert shutil.which("bwrap") == str(fake)
    # Where the tests run as root, nobody may not even start it: that is a reason too.
    with pytest.raises(NoSandbox, match="permit user namespaces"):
        await find_box(SandboxLimits())


async def test_a_server_beside_the_sandbox_is_a_mistake_that_is_told(house: House) -> None:
    with pytest.raises(Exception, match="'command' and 'sandbox'"):
        house.config(s=entry() | {"command": "x"})
    with pytest.raises(Exception, match="Known here: file_bytes"):
        house.config(s={"sandbox": {"secs": 3}})
