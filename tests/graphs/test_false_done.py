"""Workers that claim to be done and are not: nothing of it is accepted, whatever the claim.

Every kind of claim is told with several seeds; the same workers are believed as soon as they tell
the truth. `python -m tests.graphs.false_done` prints the counts for any seeds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from harness.verify import Verdict, verify
from runtime.canonical import Json
from tests.graphs.driver import Told
from tests.graphs.false_done import AFTER, WITNESS, Mode, Office, Tally, count, office, table
from tests.graphs.installation import installation, specialist, written
from tests.graphs.lies import LIES
from tests.graphs.planted import plant
from tests.graphs.workers import calls, deliver, work_of
from tests.provider import Exchange, JsonObject, Reply, ScriptedProvider, SeededBrain

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEEDS = (1, 20261, 7)
LATER = 1000
"""Added to a seed: the plan of the claims that need an earlier attempt."""
REPENTING, FEW = 11, 99
FIRST_OR_LATER = [*SEEDS, *(LATER + seed for seed in SEEDS)]


class Runs:
    """The runs of this file, each made once, when a test first asks for it."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.tallies: dict[str, Tally] = {}
        self._told: dict[tuple[Mode, int], Told] = {}

    async def of(self, mode: Mode, seed: int) -> Told:
        if ("honest", FEW) not in self._told:
            # The first run is honest: from it the liars have the evidence of another run.
            self._told["honest", FEW] = await count(self.office, "honest", FEW, self.tallies)
        if (mode, seed) not in self._told:
            self._told[mode, seed] = await count(self.office, mode, seed, self.tallies)
        return self._told[mode, seed]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Runs]:
    at_once = [lie for lie in LIES if not lie.needs_two]
    later = [lie for lie in LIES if lie.needs_two]
    plans = (
        dict.fromkeys(SEEDS, at_once)
        | {LATER + seed: later for seed in SEEDS}
        | {REPENTING: LIES, FEW: LIES[::5]}
    )
    async with office(tmp_path_factory.mktemp("home"), plans) as opened:
        yield Runs(opened)


@pytest.mark.parametrize("seed", FIRST_OR_LATER)
async def test_no_claim_reaches_the_ledger_and_the_answer_names_what_is_missing(
    runs: Runs, seed: int
) -> None:
    told = await runs.of("lying", seed)
    results = await runs.office.driver.services.ledger.tasks.results_of(told.answer["run"])
    assert [row.task for row in results] == [f"d1/{WITNESS}"]
    assert told.answer["status"] == "incomplete"
    missing = {line.partition(":")[0]: line for line in told.answer["missing"]}
    assert missing.keys() == {AFTER, *(lie.kind for lie in runs.office.plans[seed])}
    assert "blocked" in missing[AFTER]


async def test_the_counts_by_kind_are_complete(runs: Runs) -> None:
    for seed in FIRST_OR_LATER:
        await runs.of("lying", seed)
    counts = table(runs.tallies)
    print(f"\n{counts}")  # noqa: T201 - the counts are what this file is for; shown by `pytest -s`
    assert len(runs.tallies) == len(LIES) >= 10
    for tally in runs.tallies.values():
        assert tally.accepted == 0, counts
        assert tally.runs == tally.named == len(SEEDS), counts
        assert tally.told == tally.rejected >= len(SEEDS), counts
        assert all(tally.reasons), counts


async def test_the_same_workers_are_believed_when_they_tell_the_truth(runs: Runs) -> None:
    told = await runs.of("honest", FEW)
    results = await runs.office.driver.services.ledger.tasks.results_of(told.answer["run"])
    assert told.answer["status"] == "done"
    assert told.answer["missing"] == []
    assert {row.attempt for row in results} == {1}
    assert len(results) == len(runs.office.plans[FEW]) + 2


async def test_who_lies_first_is_told_why_and_is_believed_afterwards(runs: Runs) -> None:
    told = await runs.of("repenting", REPENTING)
    briefs = dict(runs.office.staff.briefs)
    tasks = runs.office.driver.services.ledger.tasks
    attempts = {row.task: row.attempt for row in await tasks.results_of(told.answer["run"])}
    rejected = [
        row
        for row in await tasks.history(told.answer["run"])
        if row.state in ("retrying", "escalated")
    ]
    assert told.answer["status"] == "done"
    assert attempts == {f"d1/{lie.kind}": 2 for lie in LIES} | {
        f"d1/{WITNESS}": 1,
        f"d1/{AFTER}": 1,
    }
    assert len(rejected) == len(LIES)
    for row in rejected:
        task = row.task.partition("/")[2]
        assert all(reason in briefs[task, 2] for reason in row.reason.split("; ")), row
        assert row.reason not in briefs[task, 1]


async def test_without_verification_the_same_claims_would_be_accepted(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, verify, lambda *_args, **_named: Verdict(action="accept"))
    tallies: dict[str, Tally] = {}
    await count(runs.office, "lying", FEW, tallies)
    assert sum(tally.accepted for tally in tallies.values()) == len(tallies) > 3


READ_BY: dict[str, JsonObject] = {
    "documents_search_documents": {"query": "apples", "limit": 1},
    "documents_read_document": {"path": "fruit.txt"},
    "documents_grep_documents": {"pattern": "apples"},
}


class Quoting:
    """Quotes the line that it was given, from whichever tool gave it."""

    def reply(self, exchange: Exchange) -> Reply:
        work = work_of(exchange)
        if work is None:
            return SeededBrain(1).reply(exchange)
        if work.begins:
            return calls(work.inputs["tool"], READ_BY[work.inputs["tool"]])
        line = {"path": "fruit.txt", "start_line": 1, "end_line": 1, "quote": "All about apples."}
        return deliver({"citations": [line], "evidence": work.evidence})


@pytest.mark.parametrize("tool", READ_BY)
async def test_a_true_quote_is_believed_whichever_tool_read_the_line(
    tmp_path: Path, tool: str
) -> None:
    docs = tmp_path / "papers"
    docs.mkdir()
    (docs / "fruit.txt").write_text("All about apples.\n")
    task: Json = {
        "id": "quote",
        "objective": "[quote] Quote the line about apples.",
        "inputs": {"tool": {"value": tool}},
        "tools": [tool],
        "output": {"type": "object", "required": ["citations", "evidence"]},
        "accept": [{"check": "citations", "at": "citations"}],
    }
    text = specialist("quoting", [task], outputs={"quote": {"from": "quote"}}, tools=[tool])
    with ScriptedProvider(Quoting()) as provider:
        config = written(tmp_path, provider=provider, servers={"documents": None})
        async with installation(
            tmp_path, text, config=config, docs=docs, docs_roots=str(docs)
        ) as driver:
            told = await driver.ask("Quote it", specialist="quoting")
    assert told.answer["missing"] == []
