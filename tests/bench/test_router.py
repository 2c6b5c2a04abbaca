"""What the router's benchmark rests on: its figures, its draws, and a sample of its parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.registry import load_registry
from bench.router import FIGURES, complete, merged
from bench.router_answers import (
    PROMISE,
    Answers,
    coverage_at,
    figures,
    kept,
    threshold_at,
)
from bench.router_baselines import Baseline, folds
from bench.router_cost import prices
from bench.router_data import NAMES, Data, Sample, domains, draw, halves, load, rows
from bench.router_latency import cell
from bench.router_ours import VARIANTS, Ours
from bench.router_prompt import stage_tokens
from bench.router_server import Asked, Decided, Server, routed, shipped
from bench.router_specialists import specialists_of
from bench.router_splits import WAYS, Found, Request, of, pairs, singles
from runtime.settings import ROOT


def answers(
    ranked: list[list[int]], score: list[float], sure: list[bool], listed: list[int] | None = None
) -> Answers:
    """Answers whose scores stand for everything."""
    return Answers(
        ranked=np.array(ranked, dtype=np.intp),
        first=np.array(score),
        inside=np.array(score),
        sure=np.array(sure, dtype=np.bool_),
        outside=~np.array(sure, dtype=np.bool_),
        listed=None if listed is None else np.array(listed, dtype=np.intp),
    )


@pytest.fixture(scope="module")
def clinc() -> Data:
    return load("clinc150", "val")


@pytest.fixture(scope="module")
def ten(clinc: Data) -> Sample:
    return draw(clinc, 5, 0, sorted(clinc.pool)[:10])


def test_the_data_sets_are_whole() -> None:
    counts = {name: {split: len(pairs) for split, pairs in rows(name).items()} for name in NAMES}
    assert counts == {
        "clinc150": {
            "oos_val": 100,
            "val": 3000,
            "train": 15000,
            "oos_test": 1000,
            "test": 4500,
            "oos_train": 100,
        },
        "banking77": {"train": 10003, "test": 3080},
    }
    assert set(domains()) == set(load("clinc150", "test").pool)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_asked_on_the_development_split_is_never_drawn_or_tested(name: str) -> None:
    val, test = load(name, "val"), load(name, "test")
    drawn = [(text, intent) for intent, texts in val.pool.items() for text in texts]
    asked = list(val.asked)
    assert set(val.pool) == set(test.pool) == {intent for _, intent in asked}
    # A few texts stand twice in the sets as they were published, so rows are counted.
    published = rows(name)
    source = published["train"] if name == "banking77" else published["train"] + published["val"]
    assert sorted(drawn + asked) == sorted(source)


def test_a_draw_follows_from_its_seed_alone(clinc: Data) -> None:
    first, again, other = (draw(clinc, 5, seed) for seed in (1, 1, 2))
    assert first.texts == again.texts
    assert first.texts != other.texts
    assert len(first.texts) == 5 * 150
    taught, siblings = halves(clinc, 3)
    assert sorted([*taught, *siblings]) == sorted(clinc.pool)


def test_a_threshold_never_cuts_between_equal_scores() -> None:
    score = np.array([0.9, 0.8, 0.8, 0.7])
    right = np.array([True, True, False, True])
    assert coverage_at(score, right, 0.98) == 0.25
    assert threshold_at(score, right, 0.98) == 0.9
    assert coverage_at(score, right, 0.75) == 1.0
    assert threshold_at(score, ~np.ones(4, dtype=np.bool_), 0.5) == float("inf")


def test_figures_of_answers_that_were_worked_out_by_hand() -> None:
    truth = np.array([0, 1, 2, 3], dtype=np.intp)
    inside = answers(
        [[0, 1], [1, 0], [0, 2], [2, 0]],
        [0.9, 0.8, 0.7, 0.1],
        [True, True, True, False],
        [1, 1, 1, 2],
    )
    foreign = answers([[0, 1], [1, 0]], [0.05, 0.75], [False, True])
    found = figures(inside, truth, foreign)
    assert found["accuracy"] == 0.5
    assert found["oos_recall_at_95"] == 0.5  # the threshold is 0.1: all four must be accepted
    assert found["coverage_at_98"] == 0.75
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["precision_mixed"] == 0.5
    assert found["coverage_oracle_at_98"] == 0.5
    assert found["short_list_recall"] == 0.0
    assert found["short_list_mean"] == 2.0
    assert found["top5_recall"] == 0.0
    assert found["top5_recall_all"] == 0.75
    assert found["declined_outside"] == 0.5
    # Two of three does not refute 98 % at the level of 5 %.
    assert kept(inside, truth) == (False, True)


def test_a_promise_is_kept_at_its_word_and_where_nothing_is_answered() -> None:
    truth = np.zeros(100, dtype=np.intp)
    for wrong, expected in ((2, (True, True)), (4, (False, True)), (8, (False, False))):
        ranked = [[1]] * wrong + [[0]] * (100 - wrong)
        assert kept(answers(ranked, [1.0] * 100, [True] * 100), truth) == expected
    assert kept(answers([[1]], [1.0], [False]), truth[:1]) == (True, True)


def test_ours_learns_ten_intents_and_names_may_be_hidden(clinc: Data, ten: Sample) -> None:
    asked = tuple((text, name) for text, name in clinc.asked if name in ten.names)
    texts = tuple(text for text, _ in asked)
    for system in (Ours(encoder=None), Ours(encoder=None, changes=VARIANTS["names hidden"])):
        found = figures(system.train(ten).answer(texts), ten.numbers(asked), None)
        assert found["accuracy"] is not None
        assert found["accuracy"] > 0.6
        assert found["oos_recall_at_95"] is None


def test_a_baseline_chooses_its_threshold_without_the_requests_that_it_is_asked(
    ten: Sample,
) -> None:
    def by_length(
        texts: tuple[str, ...], labels: np.ndarray, width: int
    ) -> object:  # one that knows nothing: its best score is never right often enough
        return lambda asked: np.tile(np.linspace(0, 1, width), (len(asked), 1))

    trained = Baseline(name="constant", fit=by_length).train(ten)  # type: ignore[arg-type]
    assert not trained.answer(("anything",)).sure.any()
    for known, asked in folds(ten.labels):
        assert set(ten.labels[known]) == set(ten.labels[asked]) == set(range(10))


def test_a_cell_reads_time_memory_and_accuracy_in_a_process_of_its_own(
    clinc: Data, ten: Sample
) -> None:
    asked = tuple((text, name) for text, name in clinc.asked if name in ten.names)
    texts = [text for text, _ in asked]
    found = cell("ours, tf-idf alone", ten, texts, asked)
    assert 0 < found["latency_ms_p50"] <= found["latency_ms_p99"]
    assert found["startup_s"] > 0
    assert found["process_mb"] > found["rss_mb"] > 0
    assert found["accuracy"] == found["accuracy_wide"] > 0.6


def test_the_prompt_does_not_grow_with_the_number_of_specialists(clinc: Data) -> None:
    few = specialists_of(draw(clinc, 5, 0, sorted(clinc.pool)[:10]))
    many = specialists_of(draw(clinc, 5, 0))
    text = "how do i freeze my account"
    assert stage_tokens(few, text, 5) == stage_tokens(many, text, 5)
    assert stage_tokens(many, text, 5) < 0.1 * stage_tokens(many, text, 150)


def test_pairs_are_of_two_domains_and_singles_have_one_intent(clinc: Data) -> None:
    by = domains()
    both = pairs(clinc, 0, 2 * len(WAYS))
    assert {one.way for one in both} == set(WAYS)
    slugs = {name.replace("_", "-"): domain for name, domain in by.items()}
    assert all(slugs[one.parts[0]] != slugs[one.parts[1]] for one in both)
    alone = singles(clinc, 0)
    joining = [one for one in alone if one.way == "joining"]
    assert any(" and " in one.text for one in joining)
    assert len(alone) == 2 * len(joining)


def test_rates_of_splits_that_were_worked_out_by_hand() -> None:
    requests = [
        Request(text="a and b", parts=("x", "y"), way="and", halves=("a", "b")),
        Request(text="c and d", parts=("x", "y"), way="and", halves=("c", "d")),
        Request(text="e and f", parts=("x",), way="joining"),
        Request(text="g", parts=("x",), way="plain"),
    ]
    cuts = [
        Found(parts=("x", "z"), texts=("A", "b."), sure=True),
        Found(),
        Found(parts=("x", "z"), texts=("e", "f")),
        Found(),
    ]
    found = of(requests, cuts)
    assert (found["routed_right"], found["routed_f1"]) == (0.0, 0.0)
    assert (found["answered_locally"], found["answered_precision"]) == (0.5, 0.5)
    assert found["recall"] == 0.5
    assert found["precision"] == 0.5
    assert found["split_f1"] == 0.5
    assert found["false_split_rate"] == 0.5
    assert found["false_split_rate_joining"] == 1.0
    assert found["precision_at_10"] == 0.1


def test_the_200_requests_are_new_and_go_to_specialists_that_exist() -> None:
    asked = shipped()
    registry = load_registry(ROOT / "agents" / "specialists")
    examples = {
        example.casefold()
        for one in registry.values()
        for intent in one.intents
        for example in intent.examples
    }
    assert len({one.text.casefold() for one in asked} - examples) == 200
    assert {name for one in asked for name in one.expect} == set(registry)
    assert any(not one.expect for one in asked)
    assert any(len(one.expect) > 1 for one in asked)


def test_nobodys_request_is_right_at_the_fallback_or_declined_and_nowhere_else() -> None:
    def decided(kind: str, *names: str) -> Decided:
        return Decided(
            kind=kind, stage="model", specialists=names, tokens=0, seconds=0.0, reason=""
        )

    assert decided("decline").right(())
    assert decided("dispatch", "general").right(())
    assert not decided("dispatch", "notify").right(())
    assert not decided("dispatch", "notify", "crm-lookup").right(("crm-lookup", "notify"))


def test_a_part_that_runs_alone_leaves_the_figures_of_the_others() -> None:
    old = {"data": {"clinc150": {"10": {"ours": {"accuracy": 0.9}}}}, "cost": {"shipped": 1}}
    new = {"data": {"clinc150": {"10": {"ours": {"startup_s": 2.0}}}}}
    found = complete(merged(old, new))
    row = found["data"]["clinc150"]["10"]["ours"]
    assert (row["accuracy"], row["startup_s"], row["rss_mb"]) == (0.9, 2.0, None)
    assert set(FIGURES) <= set(row)
    assert found["cost"] == {"shipped": 1}


def test_every_vendor_has_a_price_for_the_tier_that_routes() -> None:
    found = prices()
    assert {"anthropic", "openai", "google", "bedrock"} <= set(found)
    assert all(0 < prompt < answer for prompt, answer in found.values())
    assert PROMISE == 0.98


@pytest.mark.long
async def test_the_dev_server_routes_a_sample_the_same_way_twice(tmp_path: Path) -> None:
    asked = [
        Asked(text="@crm-lookup 240", expect=("crm-lookup",)),
        Asked(text="Look up customer 64, please", expect=("crm-lookup",)),
        Asked(text="Review INC-2026-003", expect=("incident-review",)),
    ]
    with Server(tmp_path) as server:
        found = (await routed(server.url, asked, asked[:2], 2))["end_to_end"]
    assert found["accuracy"] == 1.0
    assert found["share_by_stage"]["rule"] == pytest.approx(1 / 3, abs=1e-4)
    assert (found["same_route"], found["differing"], found["errors"]) == (2, [], [])
