"""Equal tasks are done once, and nearly equal ones are told to whoever drew the plan."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.check import problems
from harness.expand import Template, expand
from harness.inputs import look_up, resolve
from harness.limits import Limits
from harness.merge import merged
from harness.near import Vectors, near_duplicates
from harness.order import topological
from harness.plan import Check, Input, Plan, Task
from models.encoder import Encoder, open_encoder
from runtime.canonical import Json
from tests.harness.paraphrases import DIFFERENT, SAME

LIMITS = Limits(
    tasks=10_000,
    width=2,
    attempts=1,
    escalations=0,
    model_calls=1,
    tool_calls=1,
    repeated_calls=1,
    task_seconds=1,
)
REVIEW = "Review the contract and list every duty that it puts on the buyer"


def wrong(plan: Plan, allowed: int = 0) -> tuple[str, ...]:
    limits = LIMITS.model_copy(update={"near_duplicates": allowed})
    return problems(plan, inputs=(), permits=lambda _: "", limits=limits)


def test_a_list_with_one_item_twice_is_worked_on_once_and_answered_twice() -> None:
    review = Template.model_validate(
        {"id": "review", "objective": "Review", "map": {"over": "names", "into": "name"}}
    )
    after = Template.model_validate(
        {"id": "sum", "objective": "Sum", "inputs": {"all": {"from": "review", "select": "[].n"}}}
    )
    found = merged(expand([review, after], {"names": ["a", "b", "a"]}))
    assert found.aliases == {"review-03": "review-01"}
    assert topological(found.plan) == ("review-01", "review-02", "sum")
    outputs: dict[str, Json] = {"review-01": {"n": 1}, "review-02": {"n": 2}}
    assert resolve(found.plan.by_id["sum"], found.plan, {}, outputs) == {"all": [1, 2, 1]}
    assert look_up("review-03", found.plan, {}, outputs) == {"n": 1}
    assert wrong(found.plan) == ()
    stored = Plan.model_validate(found.plan.model_dump(by_alias=True, mode="json"))
    assert stored.groups == found.plan.groups


def test_chains_of_duplicates_collapse_and_keep_what_is_written_first() -> None:
    plan = Plan(
        tasks=(
            Task(id="d", objective="sum", inputs={"x": Input(source="b")}),
            Task(id="a", objective="read"),
            Task(id="b", objective="read "),
            Task(id="c", objective="sum", inputs={"x": Input(source="a")}),
            Task(id="e", objective="tell", needs=("c", "d")),
        )
    )
    found = merged(plan)
    assert found.aliases == {"b": "a", "c": "d"}
    assert [task.id for task in found.plan.tasks] == ["d", "a", "e"]
    assert found.plan.parents(found.plan.by_id["d"]) == ("a",)
    assert found.plan.parents(found.plan.by_id["e"]) == ("d",)
    assert wrong(found.plan) == ()


@pytest.mark.parametrize(
    "other",
    [
        {"objective": "Read"},
        {"inputs": {"x": Input(value=1)}},
        {"needs": ("z",)},
        {"tools": ("docs_read",)},
        {"output": {"type": "object", "required": ["a"]}},
        {"accept": (Check(check="min_items", at="a"),)},
        {"criteria": ("It is short.",)},
        {"specialist": "legal"},
    ],
)
def test_what_differs_in_anything_is_not_merged(other: dict[str, object]) -> None:
    first = Task(id="a", objective="read")
    second = first.model_copy(update={"id": "b", **other})
    plan = Plan(tasks=(first, second, Task(id="z", objective="first of all")))
    assert merged(plan).plan is plan


def test_a_group_is_not_mistaken_for_its_only_task() -> None:
    only = Task(id="g-1", objective="part", group="g")
    one = Task(id="a", objective="sum", inputs={"x": Input(source="g-1")})
    listed = Task(id="b", objective="sum", inputs={"x": Input(source="g")})
    assert merged(Plan(tasks=(only, one, listed))).aliases == {}


def test_a_plan_in_a_circle_or_with_an_id_twice_is_left_to_the_checks() -> None:
    circle = Plan(
        tasks=(Task(id="a", objective="x", needs=("b",)), Task(id="b", objective="x", needs=("a",)))
    )
    twins = Plan(tasks=(Task(id="a", objective="x"), Task(id="a", objective="x")))
    assert merged(circle).plan is circle
    assert merged(twins).plan is twins


def test_an_alias_of_nothing_is_refused() -> None:
    plan = Plan(tasks=(Task(id="a", objective="x"),), aliases={"b": "c"})
    assert wrong(plan) == ("Task 'c', which stands for 'b', is no task of the plan.",)


def test_near_duplicates_over_the_limit_are_named_with_the_limit_and_its_file() -> None:
    plan = Plan(
        tasks=(
            Task(id="a", objective=REVIEW),
            Task(id="b", objective=REVIEW + " today"),
            Task(id="c", objective="Say what follows from it"),
        )
    )
    (problem,) = wrong(plan)
    for words in ("'b' nearly repeats 'a'", "'near_duplicates'", "config/limits.yaml", "inputs"):
        assert words in problem
    assert wrong(plan, allowed=1) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"objective": REVIEW}, {"objective": "Summarise who signed the contract, and when"}),
        ({"objective": REVIEW + " 17"}, {"objective": REVIEW + " 18"}),
        ({"objective": REVIEW + " Acme"}, {"objective": REVIEW + " Binford"}),
        ({"objective": REVIEW}, {"objective": REVIEW + ".", "inputs": {"x": Input(value=1)}}),
        ({"objective": REVIEW, "group": "g"}, {"objective": REVIEW + " now", "group": "g"}),
        ({"objective": REVIEW}, {"objective": REVIEW + " now", "specialist": "legal"}),
    ],
)
def test_different_work_in_like_words_is_no_duplicate(
    one: dict[str, object], other: dict[str, object]
) -> None:
    tasks = (Task.model_validate({"id": "a", **one}), Task.model_validate({"id": "b", **other}))
    assert list(near_duplicates(Plan(tasks=tasks))) == []


def test_the_search_finds_just_what_comparing_each_with_each_finds() -> None:
    drawn = random.Random(11)
    words = ["alpha", "beta", "gamma", "delta", "eta", "theta", "iota", "kappa", "mu"]
    plan = Plan(
        tasks=tuple(
            Task(id=f"t{n}", objective=" ".join(drawn.sample(words, drawn.randint(4, 9))))
            for n in range(60)
        )
    )
    sets = [set(task.objective.split()) for task in plan.tasks]
    expected = {
        (f"t{a}", f"t{b}")
        for b in range(60)
        for a in range(b)
        if len(sets[a] & sets[b]) >= 0.8 * len(sets[a] | sets[b])
    }
    assert {(pair.first, pair.second) for pair in near_duplicates(plan)} == expected
    assert expected


def test_five_thousand_tasks_made_of_the_same_words_take_no_quadratic_time() -> None:
    plan = Plan(tasks=tuple(Task(id=f"t{n}", objective=REVIEW) for n in range(5_000)))
    started = time.process_time()
    assert len(wrong(plan, allowed=500)) == 1
    assert time.process_time() - started < 5, "about 0.6 s on a quiet core"


def reworded(one: str, other: str) -> Plan:
    return Plan(tasks=(Task(id="a", objective=one), Task(id="b", objective=other)))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    found = open_encoder()
    assert found is not None, "requirements/weights.txt is not installed"
    return found


def test_no_two_different_objectives_are_taken_for_one(encoder: Encoder) -> None:
    taken = [pair for pair in DIFFERENT if list(near_duplicates(reworded(*pair), encoder.encode))]
    assert taken == []


def test_the_closest_paraphrases_are_near_duplicates(encoder: Encoder) -> None:
    found = [pair for pair in SAME if list(near_duplicates(reworded(*pair), encoder.encode))]
    assert len(found) >= 4
    for pair in found:
        assert list(near_duplicates(reworded(*pair))) == [], "by words alone there is none"


def toward(objectives: Sequence[str]) -> NDArray[np.float32]:
    """Every sentence means the same."""
    return np.ones((len(objectives), 1), np.float32)


COST = "Work out what ownership costs in total across five years"
TOTAL = "Calculate the price of owning it"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"objective": COST}, {"objective": TOTAL + " at Acme"}),
        ({"objective": COST}, {"objective": TOTAL, "inputs": {"x": Input(value=1)}}),
        ({"objective": COST}, {"objective": TOTAL, "specialist": "legal"}),
        ({"objective": COST}, {"objective": TOTAL, "needs": ("c",)}),
        ({"objective": COST, "group": "g"}, {"objective": TOTAL, "group": "g"}),
        ({"objective": REVIEW}, {"objective": REVIEW.replace("buyer", "seller at once")}),
    ],
)
def test_the_same_sense_is_not_enough(one: dict[str, object], other: dict[str, object]) -> None:
    first, second = (
        Task.model_validate({"id": id, **task}) for id, task in (("a", one), ("b", other))
    )
    plan = Plan(
        tasks=(first, second, Task(id="c", objective="begin", inputs={"y": Input(value=2)}))
    )
    assert [pair for pair in near_duplicates(plan, toward) if pair.likeness == 1] == []


def test_paraphrases_are_named_when_a_plan_is_checked() -> None:
    limits = LIMITS.model_copy(update={"near_duplicates": 0})

    def found(vectors: Vectors | None) -> tuple[str, ...]:
        return problems(
            reworded(COST, TOTAL), inputs=(), permits=lambda _: "", limits=limits, vectors=vectors
        )

    assert found(None) == ()
    (problem,) = found(toward)
    assert "'b' nearly repeats 'a'" in problem


def test_nobody_is_asked_for_the_sense_of_tasks_that_their_inputs_tell_apart() -> None:
    asked: list[str] = []

    def noted(objectives: Sequence[str]) -> NDArray[np.float32]:
        asked.extend(objectives)
        return toward(objectives)

    tasks = [
        Task(id="a", objective=COST, inputs={"x": Input(value=1)}),
        Task(id="b", objective=TOTAL, inputs={"x": Input(value=2)}),
        Task(id="c", objective="read one page", group="g"),
        Task(id="d", objective="read the next", group="g"),
    ]
    assert list(near_duplicates(Plan(tasks=tuple(tasks)), noted)) == []
    assert asked == []
    near = Plan(tasks=(Task(id="a", objective=REVIEW), Task(id="b", objective=REVIEW + " today")))
    assert next(iter(near_duplicates(near, noted))).second == "b"
    assert asked == [], "the words were enough"


def test_five_thousand_senses_take_no_quadratic_time() -> None:
    drawn = np.random.default_rng(3)

    def vectors(objectives: Sequence[str]) -> NDArray[np.float32]:
        rows = drawn.normal(size=(len(objectives), 384)).astype(np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    words = random.Random(7).choices
    letters = "abcdefghijklmnopqrstuvwxyz"
    plan = Plan(
        tasks=tuple(
            Task(id=f"t{n}", objective=" ".join("".join(words(letters, k=5)) for _ in range(8)))
            for n in range(5_000)
        )
    )
    started = time.process_time()
    assert list(near_duplicates(plan, vectors)) == []
    assert time.process_time() - started < 10, "about 1.5 s on a quiet core"
