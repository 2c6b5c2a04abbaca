"""The figures of a golden set: each against a case that was counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.routing.decision import Candidate, Dispatch, Route, Scored, Stage
from app.golden import Golden
from app.route_baseline import compare, read_baseline
from app.route_count import Decided, figures_of, interval, verdict
from app.route_figures import Figures
from runtime.errors import RequestError


def scored(first: str, probability: float = 0.6, none: float = 0.1, intent: str = "") -> Scored:
    return Scored(
        candidates=(Candidate(specialist=first, intent=intent, probability=probability),),
        none=none,
        threshold=0.9,
        sure=probability >= 0.9,
        outside=False,
        short_list=2,
    )


def decided(
    wanted: str,
    went: str = "",
    *,
    stage: Stage = "local",
    guess: str = "",
    short: tuple[str, ...] = (),
    text: str = "",
    intent: str = "",
    seconds: float = 0.001,
) -> Decided:
    """`wanted` and `went` are names with `+` between them; `none` for nobody."""
    names = () if went == "none" else tuple(went.split("+"))
    route = None
    if went == "?":
        route = Route(kind="clarify", stage=stage, reason="r", question="which?")
    elif went:
        route = Route(
            kind="dispatch" if names else "decline",
            stage=stage,
            reason="r",
            dispatches=tuple(
                Dispatch(id=f"d{at}", specialist=name, text="t") for at, name in enumerate(names)
            ),
        )
    return Decided(
        golden=Golden(
            text=text or f"{wanted} {went} {guess}",
            specialist=() if wanted == "none" else tuple(wanted.split("+")),
            intent=intent,
        ),
        route=route,
        scored=scored(guess or names[0] if names else guess, intent=intent) if guess else None,
        short_list=short,
        seconds=seconds,
        fallback="general",
    )


def figures(*rows: Decided) -> Figures:
    return figures_of(rows, router="r1", promise=0.98)


def test_every_figure_is_what_was_counted_by_hand() -> None:
    found = figures(
        decided("a", "a"),
        decided("a", "b", text="first"),
        decided("a", "b", text="second"),
        decided("a", guess="a", short=("a", "b")),
        decided("b", guess="a", short=("a", "c")),
        decided("b", "b", stage="rule"),
        decided("b", "none"),
        decided("a+b", "a+b"),
        decided("a+b", "a"),
        decided("a", "a+b"),
        decided("none", "none"),
        decided("none", "general"),
        decided("none", "a"),
        decided("none", guess="", short=("a",)),
        decided("general", "general"),
    )
    counted = {
        name: (getattr(found, name).count, getattr(found, name).of)
        for name in (
            "accuracy",
            "coverage",
            "precision",
            "out_of_scope_declined",
            "out_of_scope_taken",
            "wrongly_declined",
            "short_list",
            "split_precision",
            "split_recall",
            "wrongly_split",
        )
    }
    assert counted == {
        "accuracy": (5, 11),
        "coverage": (8, 11),
        "precision": (4, 9),
        "out_of_scope_declined": (2, 4),
        "out_of_scope_taken": (1, 4),
        "wrongly_declined": (1, 11),
        "short_list": (1, 2),
        "split_precision": (1, 2),
        "split_recall": (1, 2),
        "wrongly_split": (1, 9),
    }
    assert {name: one.count for name, one in found.stages.items()} == {
        "rule": 1,
        "local": 9,
        "decline": 2,
        "model": 3,
    }
    first = found.confusions[0]
    assert (first.wanted, first.went, first.count, first.sure) == ("a", "b", 2, 2)
    assert first.requests == ("first", "second")


def test_a_question_is_neither_an_answer_nor_a_refusal() -> None:
    found = figures(decided("a", "?", stage="model"), decided("none", "?", stage="model"))
    assert (found.accuracy.count, found.out_of_scope_declined.count) == (0, 0)
    assert [one.went for one in found.outcomes] == ["a question", "a question"]


def test_intents_are_counted_among_those_that_went_right() -> None:
    right = decided("a", "a", guess="a", intent="x")
    other = decided("a", "a", guess="a", intent="y", text="other")
    wrong = Decided(
        golden=other.golden,
        route=other.route,
        scored=scored("a", intent="x"),
    )
    found = figures(right, wrong)
    assert found.intents is not None
    assert (found.intents.count, found.intents.of) == (1, 2)
    assert figures(decided("a", "a")).intents is None


def test_times_are_told_by_request() -> None:
    found = figures(*(decided("a", "a", text=str(n), seconds=n / 1000) for n in range(1, 102)))
    assert (found.p50_ms, found.p99_ms) == (51.0, 100.0)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(0, 10, 0.0, 0.3085), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1.0), (0, 0, 0.0, 1.0)],
)
def test_the_interval_is_that_of_clopper_and_pearson(
    count: int, of: int, low: float, high: float
) -> None:
    assert interval(count, of) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (200, 0, "the promise of 98% is kept"),
        (80, 20, "the promise of 98% is broken"),
        (
            50,
            0,
            "too few requests to tell whether the promise of 98% is kept; 183 answered without"
            " one mistake would",
        ),
        (300, 6, "too few requests to tell whether the promise of 98% is kept"),
    ],
)
def test_a_promise_is_judged_only_where_the_requests_can_tell(
    right: int, wrong: int, told: str
) -> None:
    rows = [decided("a", "a", text=f"r{n}") for n in range(right)]
    rows += [decided("a", "b", text=f"w{n}") for n in range(wrong)]
    assert figures(*rows).verdict == told
    assert verdict(figures(*rows).precision, 0.98) == told


def test_a_comparison_names_the_requests_that_got_better_and_worse() -> None:
    before = figures(
        decided("a", "a", text="kept"),
        decided("a", "a", text="lost"),
        decided("a", "b", text="won"),
        decided("a", guess="a", short=("a",), text="sure now"),
        decided("a", "a", text="removed"),
    )
    now = figures(
        decided("a", "a", text="kept"),
        decided("a", "b", text="lost"),
        decided("a", "a", text="won"),
        decided("a", "a", text="sure now"),
        decided("b", "b", text="added"),
    )
    changes = compare(before, now)
    assert {one.now.text: one.better for one in changes.requests} == {
        "lost": False,
        "won": True,
        "sure now": None,
    }
    assert (changes.added, changes.removed, changes.same_router) == (1, 1, True)
    moved = {one.name: one.better for one in changes.figures}
    assert moved == {"coverage": True, "precision": True}


def test_what_is_no_earlier_result_is_told(tmp_path: Path) -> None:
    file = tmp_path / "earlier.json"
    for text in ("", "[]", '{"accuracy": 1}'):
        file.write_text(text)
        with pytest.raises(RequestError, match="is no earlier result"):
            read_baseline(file)
    told = figures(decided("a", "a"))
    file.write_text(told.model_dump_json())
    assert read_baseline(file) == told
