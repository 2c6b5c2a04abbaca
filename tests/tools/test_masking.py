"""Secrets are nowhere: not in the ledger's files, in answers, events or logs."""

from __future__ import annotations

import base64
import json
import logging
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.canonical import Json
from tests.tools.conftest import House, Person
from tools.masking import MASK, Masking
from tools.results import Answer
from tools.secrets_known import known_secrets

KNOWN = "planted-Kn0wn/value+1"
NAMED = "planted-under-a-name-22"
BEARER = "planted.bearer.33"
AWS = "AKIAQ7PLANTED4EXMPL2"
PLANTED = (KNOWN, NAMED, BEARER, AWS)


@pytest.fixture
def masking() -> Masking:
    return Masking([KNOWN])


@pytest.mark.parametrize(
    "text",
    [
        f"it is {KNOWN}.",
        json.dumps({"note": f'"{KNOWN}"'}),
        "it is planted-Kn0wn%2Fvalue%2B1",
        f"Authorization: Bearer {BEARER}",
        f"Authorization: Basic {NAMED}",
        f"curl -H 'authorization: bearer {BEARER}' x",
        f"password={NAMED} user=ann",
        f"https://x/?api_key={NAMED}&page=2",
        f"DB_PASSWORD: {NAMED}",
        f'{{"clientSecret": "{NAMED}", "a": 1}}',
        json.dumps({"text": json.dumps({"access_token": NAMED})}),
        f"'x-api-key' => '{NAMED}'",
        f"-----BEGIN RSA PRIVATE KEY-----\n{NAMED}\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_a_secret_in_a_text_is_masked(masking: Masking, text: str) -> None:
    masked = masking.text(text)
    assert MASK in masked
    assert "planted" not in masked
    assert masking.text(masked) == masked


def coded(secret: str, before: str) -> str:
    return base64.b64encode(f"{before}{secret} and more".encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        *(coded(KNOWN, before) for before in ("", "a", "ab", "user:")),
        base64.urlsafe_b64encode(KNOWN.encode()).decode(),
        KNOWN.encode().hex(),
        KNOWN.encode().hex().upper(),
        KNOWN.replace("/", "\\/"),
        *(f"{KNOWN[:at]}\n    {KNOWN[at:]}" for at in range(1, len(KNOWN))),
        json.dumps(f"{KNOWN[:9]}\n{KNOWN[9:]}"),
    ],
)
def test_a_known_secret_is_found_however_it_is_written(masking: Masking, text: str) -> None:
    masked = masking.text(text)
    assert MASK in masked
    for part in (KNOWN[:9], KNOWN[9:], KNOWN.encode().hex()[:12]):
        assert part not in masked
    assert coded(KNOWN, "")[:12] not in masked


@pytest.mark.parametrize(
    "text",
    [
        "AKIAQ7PLANTED4EXMPL2",
        "AIzaSyPlanted0123456789abcdefghijklmnop",
        "ghp_planted0123456789abcdefghijkl",
        "github_pat_11PLANTED0_abcdefghijklmnop",
        "glpat-planted0123456789abc",
        "xoxb-1234567890-planted",
        "sk-ant-api03-Planted0123456789-abcdef_G",
        "sk-or-v1-0123456789abcdef0123456789abcdef",
        "sk_live_planted0123456789",
        "SG.planted0123456789.planted0123456789",
        "npm_planted0123456789abcdefghijklmnop",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwbGFudGVkIn0.UGxhbnRlZFNpZ25hdHVyZQ",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nplanted\n-----END PGP PRIVATE KEY BLOCK-----",
    ],
)
def test_what_has_the_shape_of_a_secret_is_masked(masking: Masking, text: str) -> None:
    assert masking.text(f"use '{text}', now") == f"use '{MASK}', now"
    assert masking.value({"note": [text]}) == {"note": [MASK]}
    assert masking.where_suspect({"note": text}, text) == {"note": MASK}
    # Nobody knows it: only what is known is taken out of what a model says.
    assert masking.known(text) == text


@given(
    secret=st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=6),
    before=st.text("ab- \n", max_size=40),
    after=st.text("ab- \n", max_size=40),
)
def test_a_known_secret_is_found_wherever_it_stands(secret: str, before: str, after: str) -> None:
    masked = Masking([secret, "another one of them"]).known(f"{before}{secret}{after}")
    assert MASK in masked
    assert secret not in masked or secret in MASK


def test_a_password_in_an_address_is_masked(masking: Masking) -> None:
    assert masking.text("postgresql://ann:planted@db/x") == f"postgresql://ann:{MASK}@db/x"


@pytest.mark.parametrize(
    "text",
    [
        "a task-list-of-things-to-do-1-and-2-and-3, risk_live_planted",
        "https://example.invalid:8080/a@b?c=http://x/y",
        "ASIA PACIFIC, eyJ is how a token begins, sk-learn-contrib-packages-2",
        "sha256 9f2c41d07be3a6159f2c41d07be3a6159f2c41d07be3a6159f2c41d07be3a615",
    ],
)
def test_what_only_begins_like_a_secret_stays(masking: Masking, text: str) -> None:
    assert masking.text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "The password: it must have twelve characters.",
        "A secret: nobody knew. The token of thanks: a book.",
        '{"next_page_token": "abc123def456", "total_tokens": 12}',
        '{"token": 123456, "password_policy": "at-least-12"}',
        "max_tokens=400, token_count: 12",
        'It asks for "password:" and "user:".',
        "idempotency_key=9f2c9f2c",
    ],
)
def test_a_text_without_a_secret_stays_as_it_is(masking: Masking, text: str) -> None:
    assert masking.text(text) == text


def test_values_under_a_telling_name_are_masked_at_any_depth(masking: Masking) -> None:
    given: Json = {
        "user": "ann",
        "auth": {"password": NAMED, "refreshToken": NAMED, "realm": "x", "attempts": 3},
        "headers": [{"Authorization": f"Basic {NAMED}"}, {"X-API-Key": NAMED}],
        "secrets": [NAMED, {"a": NAMED}],
        "page_token": "abc",
        "token": None,
        KNOWN: 1,
    }
    assert masking.value(given) == {
        "user": "ann",
        "auth": {"password": MASK, "refreshToken": MASK, "realm": "x", "attempts": 3},
        "headers": [{"Authorization": MASK}, {"X-API-Key": MASK}],
        "secrets": [MASK, {"a": MASK}],
        "page_token": "abc",
        "token": None,
        MASK: 1,
    }


def test_an_answer_keeps_its_form(masking: Masking) -> None:
    clean = Answer(text='{"a":1}', data={"a": 1}, error=False)
    assert masking.answer(clean) is clean
    data: Json = {"password": NAMED, "say": 'password:"'}
    text = json.dumps(data, separators=(",", ":"))
    masked = masking.answer(Answer(text=text, data=data, error=False))
    assert masked.data == {"password": MASK, "say": 'password:"'}
    assert json.loads(masked.text) == masked.data


def test_a_long_text_takes_time_in_proportion_to_its_length(masking: Masking) -> None:
    for filler in ("password ", "token:", "a" * 50, 'secret="', "-_" * 20, "bearer "):
        text = filler * (200_000 // len(filler))
        began = time.process_time()
        masking.text(text)
        # A pattern that looks back at all that came before would take minutes.
        assert time.process_time() - began < 5


def test_what_the_configuration_refers_to_is_known(house: House, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of-a-file-44\n")
    server = house.scripted(
        credentials={"*": {"X": {"env": "OWN"}, "Y": {"file": str(tmp_path / "secret")}}}
    )
    server["env"] |= {"A": "${REFERRED}", "B": "${PLACE:-}", "C": "${PYTHON}"}
    known = known_secrets(
        house.config(s=server),
        {
            "REFERRED": "referred-55",
            "OWN": "own-66",
            "PLACE": "/srv/data",
            "SOME_API_KEY": "by-its-name-77",
            "SWITCHYARD_API_KEYS": "ann:key-of-ann-88,bob:key-of-bob-99",
            "DATABASE": "postgresql://u:pass%40word@host/db",
            "UNRELATED": "stays-in-sight",
            "PYTHON": "/usr/bin/python3",
            "HOME": "/home/ann",
        },
    )
    assert {
        "referred-55",
        "own-66",
        "of-a-file-44",
        "by-its-name-77",
        "key-of-ann-88",
        "key-of-bob-99",
        "pass%40word",
        "pass@word",
    } <= known
    assert not {"stays-in-sight", "/srv/data", "/usr/bin/python3", "/home/ann"} & known


def raw(folder: Path) -> bytes:
    """Every byte of the ledger's files, the log of what is not yet in the first included."""
    files = sorted(folder.glob("ledger.sqlite*"))
    assert any(file.name.endswith("-wal") for file in files)
    return b"".join(file.read_bytes() for file in files)


async def test_planted_secrets_are_nowhere(house: House, caplog: pytest.LogCaptureFixture) -> None:
    server = house.scripted()
    server["env"]["PLANTED"] = "${PLANTED}"
    told: list[str] = []
    person = Person("approved")
    asks = '@id("test/ask") @ask("It writes.") permit (principal, action, resource);'
    with caplog.at_level(logging.DEBUG):
        async with house.gate(asks, environment={"PLANTED": KNOWN}, s=server) as door:
            for number, text in enumerate(
                (
                    f"known {KNOWN}",
                    f"Authorization: Bearer {BEARER}",
                    f'{{"password": "{NAMED}"}}',
                    f"api_key={NAMED}",
                )
            ):
                for tool, name in (("s_say", "text"), ("s_send", "to"), ("s_send_keyed", "to")):
                    given: dict[str, Json] = {name: text}
                    reply = await door.call(tool, call=f"call-{number}", ask=person, **given)
                    assert reply.outcome == "ok"
                    told.append(repr(reply))
                given = {"path": f"n{number}.md", "content": f"{KNOWN} {AWS} {text[:5]}"}
                reply = await door.call("files_write", call=f"call-{number}", ask=person, **given)
                told.append(repr(reply))
                reply = await door.call("s_none", call=f"call-{number}", ask=person, text=text)
                told.append(repr(reply))
            # A wrong argument is quoted in what the model is told.
            reply = await door.call("s_add", call="wrong", ask=person, a=f"token={NAMED}", b=1)
            told.append(repr(reply))
            told.append(repr(dict(door.gateway.unavailable)))
    assert any(MASK in one for one in told)
    # The server got them as they are: what it was asked to say is what it was sent.
    assert KNOWN in json.dumps(house.received)
    kept = raw(house.folder)
    seen = "\n".join([*told, caplog.text, *(repr(one) for one in person.asked), repr(house.events)])
    for secret in PLANTED:
        assert secret.encode() not in kept
        assert secret not in seen
    assert MASK.encode() in kept
    with closing(sqlite3.connect(house.folder / "ledger.sqlite")) as rows:
        contents = [row[0] for row in rows.execute("SELECT content FROM audit_content")]
    assert any(MASK in one for one in contents)


async def test_the_last_words_of_a_server_are_masked(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    server: Json = {
        "command": "/bin/sh",
        "args": ["-c", f'echo "cannot log in: password={NAMED}, $PLANTED" >&2; exit 3'],
        "env": {"PLANTED": "${PLANTED}"},
        "switchyard": {"cleared_for": "internal"},
    }
    with caplog.at_level(logging.DEBUG):
        async with house.gate(environment={"PLANTED": KNOWN}, dead=server) as door:
            reply = await door.call("dead_x")
            shown = repr(dict(door.gateway.unavailable))
    kept = raw(house.folder)
    assert "cannot log in" in shown
    assert "cannot log in" in caplog.text
    for secret in PLANTED:
        assert secret not in repr(reply) + shown + caplog.text
        assert secret.encode() not in kept


async def test_an_exchange_with_a_model_is_masked(house: House) -> None:
    async with house.gate(environment={"SOME_TOKEN": KNOWN}) as _:
        await house.ledger.exchanges.record(
            "r1", "d1", "model", {"messages": [f"use {KNOWN}"]}, {"arguments": {"password": NAMED}}
        )
    kept = raw(house.folder)
    assert KNOWN.encode() not in kept
    assert NAMED.encode() not in kept


@pytest.mark.parametrize("piece", ["sk-", "-eyJ", "eyJaaaaaaaaa.", "ghp_", "://a:", "password="])
def test_a_long_text_of_strangers_is_searched_in_steps_that_grow_with_it(piece: str) -> None:
    # A quadratic pattern takes minutes for this, and the test's own limit ends it.
    Masking(()).text(piece * (200_000 // len(piece)) + " .eyJ")
