"""Credentials by tenant: each gets its own, others get none, and nobody gets to see one."""

from __future__ import annotations

import base64
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.canonical import Json, canonical
from tests.tools.conftest import Door, House
from tests.tools.test_http import at, listening
from tools.credentials import Credential, CredentialMissing, Keyring
from tools.gateway import ToolReply

ACME, GLOBEX = "acme-sesame-1", "globex-open-22"
GIVEN: Json = {
    "acme": {"TOKEN": {"env": "SWITCHYARD_ACME"}},
    "globex": {"TOKEN": {"env": "GLOBEX_KEY"}},
}
ENVIRONMENT = {"SWITCHYARD_ACME": ACME, "GLOBEX_KEY": GLOBEX}


async def ask(door: Door, tool: str, tenant: str, call: str = "") -> ToolReply:
    return await door.call(tool, call=call or tenant, context=replace(door.context, tenant=tenant))


async def test_each_tenant_has_a_process_with_its_own_secret_and_nobody_another_s(
    house: House,
) -> None:
    server = house.scripted(credentials=GIVEN)
    async with house.gate(environment=ENVIRONMENT, s=server, t=house.scripted()) as door:
        acme = await ask(door, "s_token", "acme")
        globex = await ask(door, "s_token", "globex")
        assert (acme.text, globex.text) == ("it has 13 characters", "it has 14 characters")
        assert len(house.started) == 3, "one for each tenant that called, one without credentials"
        names = set((await ask(door, "s_environment", "globex")).data["names"])
        assert not {"SWITCHYARD_ACME", "GLOBEX_KEY"} & names
        assert (await ask(door, "t_token", "acme")).text == "it has 0 characters"


async def test_a_tenant_without_credentials_is_denied_and_nothing_is_sent(house: House) -> None:
    server = house.scripted(credentials=GIVEN)
    async with house.gate(environment=ENVIRONMENT, s=server) as door:
        reply = await ask(door, "s_token", "initech")
    assert (reply.outcome, house.received) == ("denied", [])
    assert "Tenant 'initech' has no credentials there." in reply.text
    assert "switchyard.credentials" in reply.text


async def test_all_other_tenants_share_what_stands_under_the_star(house: House) -> None:
    given = GIVEN | {"*": {"TOKEN": {"env": "REST_KEY"}}}
    environment = ENVIRONMENT | {"REST_KEY": "everybody"}
    async with house.gate(environment=environment, s=house.scripted(credentials=given)) as door:
        texts = [(await ask(door, "s_token", name)).text for name in ("initech", "acme", "hooli")]
    assert texts == [f"it has {size} characters" for size in (9, 13, 9)]


async def test_a_secret_is_in_no_reply_record_log_or_error(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = house.scripted(credentials=GIVEN, breaker={"failures": 1})
    async with house.gate(environment=ENVIRONMENT, s=server) as door:
        told = await ask(door, "s_reveal", "acme")
        assert told.outcome == "ok"
        assert "Bearer [secret]" in told.text
        died = await ask(door, "s_reveal_die", "acme")
        assert "wrong token [secret]" in died.text
        refused = await ask(door, "s_say", "acme", "call-2")
        reasons = list(door.gateway.unavailable.values())
    rows = await house.ledger.calls.of_run("r1")
    kept = [await house.ledger.exchanges.content(row.result) for row in rows if row.result]
    seen = canonical([told.text, told.data, died.text, refused.text, reasons, str(rows)])
    seen += "".join((one or b"").decode() for one in kept) + caplog.text
    for file in house.folder.glob("ledger.sqlite*"):
        seen += file.read_bytes().decode("latin-1")
    for secret in (ACME, base64.b64encode(ACME.encode()).decode().rstrip("="), GLOBEX):
        assert secret not in seen


async def test_headers_carry_the_secret_of_the_tenant(house: House) -> None:
    given: Json = {
        "acme": {"Authorization": {"env": "SWITCHYARD_ACME", "prefix": "Bearer "}},
        "globex": {"Authorization": {"env": "GLOBEX_KEY", "prefix": "Bearer "}},
    }
    with listening(ACME) as (url, _):
        async with house.gate(environment=ENVIRONMENT, far=at(url, credentials=given)) as door:
            context = replace(door.context, tenant="acme")
            good = await door.call("far_greet", context=context, name="Ann")
            context = replace(door.context, tenant="globex")
            bad = await door.call("far_greet", context=context, call="call-2", name="Ann")
    assert good.text == "Hello Ann"
    assert "answered with status 401" in bad.text


async def test_a_secret_that_is_missing_keeps_the_server_closed_and_is_named(house: House) -> None:
    async with house.gate(environment={}, s=house.scripted(credentials=GIVEN)) as door:
        told = door.gateway.unavailable["s"]
    assert (
        told == "The credential 'TOKEN' is not set: see the environment variable SWITCHYARD_ACME."
    )


def keyring(file: Path) -> Keyring:
    wanted = {"T": Credential(file=file.name)}
    return Keyring(wanted=wanted, environment={}, folder=file.parent, mask=set().update)


async def test_a_secret_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("open-sesame\n")
    for mode in (0o644, 0o640, 0o602):
        file.chmod(mode)
        with pytest.raises(CredentialMissing, match=f"has mode {mode:04o}.*chmod 600"):
            await keyring(file).read()
    file.chmod(0o400)
    assert await keyring(file).read() == {"T": "open-sesame"}


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "is not set"), ("abc", "fewer than 6"), ("one-line\ntwo-lines", "more than one line")],
)
async def test_a_secret_that_cannot_be_one_is_refused_without_being_shown(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(CredentialMissing, match=told) as caught:
        await keyring(file).read()
    assert not text or text not in str(caught.value)


async def test_a_secret_file_that_is_not_there_or_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CredentialMissing, match="cannot be read: No such file"):
        await keyring(tmp_path / "nothing").read()
    (tmp_path / "folder").mkdir()
    with pytest.raises(CredentialMissing, match="cannot be read: Is a directory"):
        await keyring(tmp_path / "folder").read()
