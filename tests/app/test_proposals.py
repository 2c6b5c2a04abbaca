"""Feedback becomes a proposal; a proposal becomes an example once an operator approves it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from agents.registry import load_registry
from agents.routing.decision import Route
from agents.routing.earlier import going_on
from agents.routing.local import LocalClassifier
from app.feedback import Said, propose
from app.places import settings_for
from app.proposal_list import listed
from app.proposals import approve, reject, roll_back
from app.route_desk import open_desk
from ledger.proposals import Proposal
from ledger.store import open_ledger
from runtime.errors import OperatorError, RequestError, UnknownRun, UserError
from runtime.labels import Label
from runtime.settings import ROOT, Settings
from tests.app.conftest import Invoke

TEXT = "Zebra quagga okapi"
"""Near no example, so that it goes nowhere by the examples before it is one."""


@pytest.fixture(autouse=True)
def words_alone(config: Callable[..., Path]) -> Path:
    """Routing by words alone, which trains fast; what the commands do is the same."""
    folder = config()
    file = folder / "routing.yaml"
    settings = yaml.safe_load(file.read_text()) | {"embeddings": "none"}
    file.write_text(yaml.safe_dump(settings))
    return folder


@pytest.fixture
def folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped specialists, which may be changed."""
    there = tmp_path / "specialists"
    shutil.copytree(ROOT / "agents" / "specialists", there)
    monkeypatch.setenv("SWITCHYARD_SPECIALISTS", str(there))
    return there


@pytest.fixture
def settings(folder: Path) -> Settings:
    return settings_for()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


async def routed(
    settings: Settings,
    *dispatches: tuple[str, str],
    run: str = "r1",
    text: str = TEXT,
    label: Label = Label.internal,
    stage: str = "model",
    follows: str = "",
    tenant: str = "local",
) -> str:
    """A run that was routed so, on record."""
    async with open_ledger(settings.ledger) as ledger:
        await ledger.runs.start(
            run, thread="t", request=text, tenant=tenant, user="ann", label=label, docs=""
        )
        await ledger.runs.record_route(
            run,
            {
                "kind": "dispatch" if dispatches else "decline",
                "stage": stage,
                "reason": "r",
                "follows": follows,
                "dispatches": [
                    {"id": f"d{at}", "specialist": name, "text": words}
                    for at, (name, words) in enumerate(dispatches, start=1)
                ],
                "given": {"hint": ""},
            },
        )
    return run


async def say(
    settings: Settings,
    specialist: str = "crm-lookup",
    run: str = "r1",
    include_regulated: bool = False,
    **more: str,
) -> Proposal:
    """Feedback on a run, as the operator gives it."""
    registry = load_registry(settings.specialists)
    async with open_ledger(settings.ledger) as ledger:
        found = await ledger.runs.get(run)
        assert found is not None
        return await propose(
            ledger,
            registry,
            found,
            Said(specialist=specialist, **more),
            by="ann",
            score=LocalClassifier(registry.values()).score,
            include_regulated=include_regulated,
        )


async def test_feedback_changes_nothing_before_it_is_approved(
    settings: Settings, folder: Path
) -> None:
    before = contents(folder)
    await routed(settings, ("general", TEXT))
    found = await say(settings, intent="customer-lookup", note="a customer")
    assert found.payload == {
        "text": TEXT,
        "specialist": "crm-lookup",
        "intent": "customer-lookup",
        "was": ["general"],
        "stage": "model",
        "dispatch": "",
        "follows": False,
        "note": "a customer",
        "include_regulated": False,
    }
    assert (found.state, found.sources, found.proposed_by) == ("proposed", ["r1"], "ann")
    assert await say(settings, intent="customer-lookup", note="a customer") == found
    assert contents(folder) == before


async def test_an_approved_example_stands_in_the_file_and_is_routed_by(
    settings: Settings, folder: Path
) -> None:
    file = folder / "crm-lookup.md"
    before = file.read_text()
    await routed(settings, ("general", TEXT))
    found = await say(settings, intent="customer-lookup")
    (seen,) = await listed(settings, "proposed")
    assert seen.effects is not None
    assert (TEXT, "crm-lookup", "crm-lookup") in [
        (one.text, one.after, one.wanted) for one in seen.effects
    ]
    assert file.read_text() == before
    done = await approve(settings, found.id, by="eve")
    assert done.diff == seen.diff
    assert file.read_text() == before.replace(
        "      - Get the contact details of a customer\n",
        f"      - Get the contact details of a customer\n      - {TEXT}\n",
    )
    assert (done.proposal.state, done.proposal.decided_by) == ("approved", "eve")
    assert all(name.endswith(".md") for name in contents(folder))
    async with open_desk(settings) as opened:
        route = await asyncio.to_thread(opened.desk.by_local, TEXT)
    assert isinstance(route, Route)
    assert [one.specialist for one in route.dispatches] == ["crm-lookup"]


async def test_a_rollback_leaves_the_file_as_it_was(settings: Settings, folder: Path) -> None:
    file = folder / "crm-lookup.md"
    before = file.read_bytes()
    await routed(settings, ("general", TEXT))
    found = await say(settings)
    await approve(settings, found.id, by="eve")
    done = await roll_back(settings, found.id, by="bob")
    assert file.read_bytes() == before
    assert (done.proposal.state, done.proposal.rolled_back_by) == ("rolled back", "bob")
    assert f"-      - {TEXT}" in done.diff
    with pytest.raises(UserError, match="is rolled back, by bob"):
        await roll_back(settings, found.id, by="bob")


async def test_what_a_person_took_out_already_is_only_noted(
    settings: Settings, folder: Path
) -> None:
    file = folder / "crm-lookup.md"
    await routed(settings, ("general", TEXT))
    found = await say(settings)
    before = file.read_text()
    await approve(settings, found.id, by="eve")
    file.write_text(before)
    (seen,) = await listed(settings, "approved", quick=True)
    assert "not in the file" in seen.problem
    done = await roll_back(settings, found.id, by="bob")
    assert (done.diff, done.proposal.state) == ("", "rolled back")
    assert file.read_text() == before


async def test_a_rejected_proposal_changes_nothing_and_stays_rejected(
    settings: Settings, folder: Path
) -> None:
    before = (folder / "crm-lookup.md").read_bytes()
    await routed(settings, ("general", TEXT))
    found = await say(settings)
    assert (await reject(settings, found.id, by="eve")).proposal.state == "rejected"
    for decide in (approve, reject):
        with pytest.raises(UserError, match="is rejected, by eve"):
            await decide(settings, found.id, by="bob")
    with pytest.raises(UserError, match="Only what is approved"):
        await roll_back(settings, found.id, by="bob")
    with pytest.raises(UserError, match="was proposed before"):
        await say(settings)
    assert (await say(settings, note="look again")).state == "proposed"
    assert (folder / "crm-lookup.md").read_bytes() == before
    with pytest.raises(UnknownRun, match="no proposal 'p-none'"):
        await approve(settings, "p-none", by="eve")


async def test_words_of_a_regulated_run_never_stand_in_clear(
    settings: Settings, folder: Path
) -> None:
    await routed(settings, ("general", TEXT), label=Label.regulated)
    found = await say(settings, note="see run")
    assert TEXT not in json.dumps(found.payload)
    (seen,) = await listed(settings, "proposed")
    assert (seen.example.text, seen.diff) == ("", "")
    assert "regulated" in seen.problem
    with pytest.raises(UserError, match="has regulated data"):
        await approve(settings, found.id, by="eve")
    assert TEXT not in (folder / "crm-lookup.md").read_text()
    done = await approve(settings, found.id, by="eve", text="Is there a number for a  customer?")
    assert "Is there a number for a customer?" in done.diff


async def test_a_label_that_rose_after_the_feedback_counts(settings: Settings) -> None:
    await routed(settings, ("general", TEXT))
    found = await say(settings)
    async with open_ledger(settings.ledger) as ledger:
        await ledger.runs.raise_label("r1", Label.regulated)
    (seen,) = await listed(settings, "proposed")
    assert (seen.example.text, seen.diff) == ("", "")
    with pytest.raises(UserError, match="has regulated data"):
        await approve(settings, found.id, by="eve")


@pytest.mark.parametrize("at_feedback", [True, False])
async def test_an_operator_may_include_regulated_words(
    settings: Settings, folder: Path, at_feedback: bool
) -> None:
    await routed(settings, ("general", TEXT), label=Label.regulated)
    found = await say(settings, include_regulated=at_feedback)
    assert (TEXT in json.dumps(found.payload)) is at_feedback
    done = await approve(settings, found.id, by="eve", include_regulated=not at_feedback)
    assert TEXT in done.diff


async def test_what_stands_somewhere_already_is_refused(settings: Settings, folder: Path) -> None:
    await routed(settings, ("general", "please look up the customer 7"))
    found = await say(settings, "notify", intent="outbox")
    with pytest.raises(UserError, match="'Look up customer 42' stands under crm-lookup"):
        await approve(settings, found.id, by="eve")
    await routed(settings, ("general", "x"), run="r2")
    again = await say(settings, "notify", run="r2", intent="outbox")
    with pytest.raises(UserError, match="stands under notify/outbox already"):
        await approve(settings, again.id, by="eve", text="what is in the outbox")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("x " * 200, "an example has at most 300"), ("Ask Claude about it", "names a vendor")],
)
async def test_words_that_no_file_may_hold_are_refused(
    settings: Settings, text: str, reason: str
) -> None:
    await routed(settings, ("general", text))
    found = await say(settings, intent="customer-lookup")
    (seen,) = await listed(settings, "proposed")
    assert reason in seen.problem
    with pytest.raises(UserError, match=reason):
        await approve(settings, found.id, by="eve")


async def test_a_file_that_changed_is_edited_where_it_still_fits(
    settings: Settings, folder: Path
) -> None:
    file = folder / "crm-lookup.md"
    await routed(settings, ("general", TEXT))
    found = await say(settings, intent="ticket-lookup")
    file.write_text(file.read_text().replace("name: ticket-lookup", "name: tickets"))
    with pytest.raises(UserError, match="no intent 'ticket-lookup'"):
        await approve(settings, found.id, by="eve")
    file.write_text(file.read_text().replace("name: tickets", "name: ticket-lookup # mine"))
    await approve(settings, found.id, by="eve")
    assert "name: ticket-lookup # mine" in file.read_text()
    file.unlink()
    with pytest.raises(UserError, match="no specialist 'crm-lookup' any more"):
        await roll_back(settings, found.id, by="eve")


async def test_an_approval_that_cannot_be_written_is_open_again(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await routed(settings, ("general", TEXT))
    found = await say(settings)
    before = contents(folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("app.proposal_change.Path.replace", full)
        with pytest.raises(OperatorError, match="No space left"):
            await approve(settings, found.id, by="eve", text="other words")
    assert contents(folder) == before
    (seen,) = await listed(settings, "proposed", quick=True)
    assert (seen.example.text, seen.proposal.decided_by) == (TEXT, None)
    await approve(settings, found.id, by="eve")


async def test_a_follow_up_needs_words_of_its_own(settings: Settings) -> None:
    words = going_on("and for last year?", "Orders of customer 5")
    await routed(settings, ("general", words), follows="r0")
    found = await say(settings)
    assert found.payload["text"] == "and for last year?"
    with pytest.raises(UserError, match="went on from an earlier one"):
        await approve(settings, found.id, by="eve")
    await approve(settings, found.id, by="eve", text="Orders of customer 5 of last year")


async def test_of_a_split_request_one_part_is_meant(settings: Settings) -> None:
    await routed(settings, ("crm-lookup", "look up x"), ("general", "tell him"))
    with pytest.raises(RequestError, match="the request was split") as caught:
        await say(settings, "notify")
    assert "d2: tell him" in caught.value.remedy
    with pytest.raises(RequestError, match="no part 'd3'"):
        await say(settings, "notify", dispatch="d3")
    found = await say(settings, "notify", dispatch="d2")
    assert found.payload["text"] == "tell him"


async def test_mistakes_in_feedback_are_told(settings: Settings) -> None:
    await routed(settings, ("crm-lookup", TEXT), stage="local")
    with pytest.raises(RequestError, match="no specialist 'nobody'"):
        await say(settings, "nobody")
    with pytest.raises(RequestError, match="has no intent 'fly'"):
        await say(settings, intent="fly")
    with pytest.raises(UserError, match="went to 'crm-lookup', by its examples"):
        await say(settings)
    async with open_ledger(settings.ledger) as ledger:
        await ledger.runs.start(
            "r2", thread="", request="x", tenant="local", user="u", label=Label.public, docs=""
        )
    with pytest.raises(UserError, match="no route on record"):
        await say(settings, run="r2")


def test_the_commands_carry_feedback_from_a_run_to_the_file_and_back(
    switchyard: Invoke, folder: Path
) -> None:
    file = folder / "crm-lookup.md"
    before = file.read_bytes()
    run = asyncio.run(routed(settings_for(), ("general", TEXT), run="run-of-ann"))
    said = switchyard("route", "feedback", run[:8], "crm-lookup", "--by", "ann", "--json")
    proposal = json.loads(said.stdout)
    assert (said.exit_code, proposal["proposed_by"]) == (0, "ann")
    shown = switchyard("proposals").stdout
    for part in (proposal["id"], TEXT, f"+      - {TEXT}", "would go another way", "approve p-"):
        assert part in shown
    done = switchyard("proposals", "approve", proposal["id"], "--by", "eve")
    assert (done.exit_code, f"+      - {TEXT}" in done.stdout) == (0, True)
    assert json.loads(switchyard("proposals", "--quick", "--json").stdout) == []
    assert json.loads(switchyard("route", TEXT, "--json").stdout)["stage"] == "local"
    gone = switchyard("proposals", "rollback", proposal["id"], "--json")
    assert json.loads(gone.stdout)["state"] == "rolled back"
    assert file.read_bytes() == before
    assert "rolled back by" in switchyard("proposals", "--state", "all", "--quick").stdout


def test_a_run_of_another_tenant_and_an_unknown_one_are_told(
    switchyard: Invoke, folder: Path
) -> None:
    run = asyncio.run(routed(settings_for(), ("general", TEXT), tenant="acme"))
    done = switchyard("route", "feedback", run, "crm-lookup")
    assert done.exit_code == 2
    assert "--tenant" in done.stderr
    done = switchyard("route", "feedback", run, "crm-lookup", "--tenant", "acme")
    assert done.exit_code == 0
    done = switchyard("route", "feedback", "none", "crm-lookup")
    assert (done.exit_code, "There is no run 'none'" in done.stderr) == (2, True)


def test_the_golden_set_of_the_configuration_is_tried(
    switchyard: Invoke, folder: Path, words_alone: Path
) -> None:
    (words_alone / "golden.jsonl").write_text(
        '{"text": "zebra quagga okapi!", "specialist": "none"}\n'
    )
    run = asyncio.run(routed(settings_for(), ("general", TEXT)))
    switchyard("route", "feedback", run, "crm-lookup")
    (seen,) = json.loads(switchyard("proposals", "--json").stdout)
    (golden,) = [one for one in seen["effects"] if one["text"] == "zebra quagga okapi!"]
    assert (golden["wanted"], golden["after"]) == ("none", "crm-lookup")
    wrong = switchyard("proposals", "--golden", "nowhere.jsonl")
    assert (wrong.exit_code, "cannot be read" in wrong.stderr) == (2, True)
