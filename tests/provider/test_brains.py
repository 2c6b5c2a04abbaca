"""The cooperative and the adversarial brain, without a server: requests in, replies out.
The cooperative one must make sense by the schema alone; the other must do what its name says."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.provider import (
    AdversarialBrain,
    Exchange,
    JsonObject,
    Mischief,
    Reply,
    Script,
    SeededBrain,
    Tool,
    ToolCall,
    Turn,
)
from tests.provider.instances import validator
from tests.provider.plans import find

SEEDS = range(6)
SEARCH = Tool(
    name="search_records",
    description="Search the records of customers",
    schema={
        "type": "object",
        "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
        "required": ["query", "limit"],
    },
)
SEND = Tool(
    name="send_mail",
    description="Send a message to somebody",
    schema={"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]},
)
ROUTE: JsonObject = {
    "type": "object",
    "properties": {
        "specialist": {"enum": ["crm-lookup", "licence-review", "notify"]},
        "reason": {"type": "string"},
    },
    "required": ["specialist", "reason"],
}
FINDING: JsonObject = {
    "type": "object",
    "properties": {
        "finding": {"type": "string"},
        "count": {"type": "integer"},
        "evidence": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    },
    "required": ["finding", "count", "evidence"],
}


def links(name: str, inputs: JsonObject, id: JsonObject) -> JsonObject:
    """A schema of plans in which tasks refer to each other in two ways."""
    strings: JsonObject = {"type": "array", "items": {"type": "string"}}
    task: JsonObject = {
        "type": "object",
        "properties": {
            "id": id,
            "objective": {"type": "string", "minLength": 1},
            "inputs": inputs,
            name: {"type": "array", "items": id},
            "tools": strings,
        },
        "required": ["id", "objective"],
        "additionalProperties": False,
    }
    return {
        "$defs": {"Task": task},
        "type": "object",
        "properties": {"tasks": {"type": "array", "items": {"$ref": "#/$defs/Task"}}},
        "required": ["tasks"],
    }


TEXT: JsonObject = {"type": "string"}
SOURCE: JsonObject = {"type": "object", "properties": {"from": TEXT, "select": TEXT}}
REFERENCE: JsonObject = {
    "type": "object",
    "properties": {"name": TEXT, "task": TEXT, "output": TEXT},
    "required": ["name", "task", "output"],
}
PLANS: dict[str, JsonObject] = {
    "map of sources": links(
        "needs",
        {"type": "object", "additionalProperties": SOURCE},
        {"type": "string", "pattern": "^[a-z0-9-]+$"},
    ),
    "list of references": links("depends_on", {"type": "array", "items": REFERENCE}, TEXT),
    "inside a field": {
        "type": "object",
        "properties": {
            "plan": {
                "type": "object",
                "properties": {
                    "steps": {
                        "type": "array",
                        "minItems": 2,
                        "maxItems": 40,
                        "items": {
                            "type": "object",
                            "properties": {
                                "id": {"type": "integer"},
                                "title": TEXT,
                                "after": {"type": "array", "items": {"type": "integer"}},
                            },
                            "required": ["id", "title", "after"],
                        },
                    }
                },
                "required": ["steps"],
            }
        },
        "required": ["plan"],
    },
}


def exchange(text: str = "How many late orders does customer 42 have?", **more: Any) -> Exchange:  # noqa: ANN401
    turns = (
        Turn(
            role="system",
            text="Specialists:\n- crm-lookup: customers and orders\n- licence-review: licences of "
            "packages\n- notify: sends messages\n\nTools: `crm.find`, `crm.orders`",
        ),
        Turn(role="user", text=text),
    )
    return Exchange(**{"wire": "openai", "model": "m", "turns": turns, **more})


def content(reply: Any) -> Any:  # noqa: ANN401
    """The structured answer, wherever it stands."""
    assert isinstance(reply, Reply)
    return reply.tool_calls[0].arguments if reply.tool_calls else json.loads(reply.text)


def tasks_of(schema: JsonObject, value: Any) -> list[Any]:  # noqa: ANN401
    shape = find(schema)
    assert shape is not None
    for name in shape.path:
        value = value[name]
    return list(value)


def references(task: Any) -> set[Any]:  # noqa: ANN401
    """The ids that a task names in any of its links."""
    found = {id for name in ("needs", "depends_on", "after") for id in task.get(name, [])}
    inputs = task.get("inputs", {})
    entries = inputs.values() if isinstance(inputs, dict) else inputs
    return found | {entry.get("from", entry.get("task")) for entry in entries}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("schema", PLANS.values(), ids=PLANS.keys())
def test_a_cooperative_plan_is_valid_and_points_only_backwards(
    schema: JsonObject, seed: int
) -> None:
    plan = content(SeededBrain(seed).reply(exchange(schema=schema)))
    assert validator(schema).is_valid(plan)
    tasks = tasks_of(schema, plan)
    ids = [task["id"] for task in tasks]
    assert len(set(ids)) == len(ids) >= 2
    for i, task in enumerate(tasks):
        assert references(task) <= set(ids[:i])
    assert references(tasks[-1])
    assert all(set(task.get("tools", [])) <= {"crm.find", "crm.orders"} for task in tasks)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cooperative_route_goes_to_the_specialist_whose_lines_fit(seed: int) -> None:
    route = content(SeededBrain(seed).reply(exchange(schema=ROUTE)))
    assert route["specialist"] == "crm-lookup"
    other = exchange("Review the licences of all packages", schema=ROUTE)
    assert content(SeededBrain(seed).reply(other))["specialist"] == "licence-review"


def after_call(before: Exchange, call: ToolCall, result: str) -> Exchange:
    made = ToolCall(name=call.name, arguments=call.arguments, id=f"call_{len(before.turns)}")
    answer = Turn(role="tool", text=result, tool_call_id=made.id)
    turns = (*before.turns, Turn(role="assistant", tool_calls=(made,)), answer)
    return Exchange(
        wire="openai",
        model="m",
        turns=turns,
        tools=before.tools,
        tool_use=before.tool_use,
        schema=before.schema,
    )


def test_a_cooperative_worker_calls_then_cites_the_call_that_it_made() -> None:
    brain, first = SeededBrain(2), exchange(tools=(SEARCH, SEND), schema=FINDING)
    (call,) = brain.reply(first).tool_calls
    assert call.name == "search_records"
    assert validator(SEARCH.schema).is_valid(call.arguments)
    finding = content(brain.reply(after_call(first, call, '{"count": 3}')))
    assert finding["evidence"] == ["call_2"]
    assert finding["count"] == 3


@pytest.mark.parametrize(("name", "last"), [("FindingResponse", False), ("Conclusion", True)])
def test_a_tool_for_the_answer_is_left_to_the_end(name: str, last: bool) -> None:
    answer = Tool(name=name, description="Return the finding", schema=FINDING)
    tools = (SEARCH, answer) if last else (answer, SEARCH)
    brain, first = SeededBrain(2), exchange(tools=tools, tool_use="required")
    (call,) = brain.reply(first).tool_calls
    assert call.name == "search_records"
    (end,) = brain.reply(after_call(first, call, "three orders")).tool_calls
    assert end.name == name
    assert validator(FINDING).is_valid(end.arguments)


def test_replies_depend_on_seed_and_content_and_not_on_order() -> None:
    asked = [exchange(f"Question {i} on customer {i}", tools=(SEARCH, SEND)) for i in range(20)]
    asked += [exchange(f"Question {i}", schema=FINDING) for i in range(20)]
    mixed = random.Random(1).sample(asked, len(asked))
    for make in (SeededBrain, lambda seed: AdversarialBrain(seed, rate=0.7)):
        forward = {each.digest: reply for each, reply in replies(make(7), asked)}
        assert forward == {each.digest: reply for each, reply in replies(make(7), mixed)}
    assert forward != {each.digest: reply for each, reply in replies(make(8), asked)}


def replies(brain: Any, asked: list[Exchange]) -> list[tuple[Exchange, Any]]:  # noqa: ANN401
    return [(each, brain.reply(each)) for each in asked]


def commit(mischief: Mischief, seed: int, **request: Any) -> Reply:  # noqa: ANN401
    reply = AdversarialBrain(seed, mischief={mischief}).reply(exchange(**request))
    assert isinstance(reply, Reply)
    assert reply.note == mischief.value
    return reply


@pytest.mark.parametrize("seed", SEEDS)
def test_mischief_with_tools(seed: int) -> None:
    tools = (SEARCH, SEND)
    schemas = {tool.name: tool.schema for tool in tools}
    (invented,) = commit(Mischief.INVENTED_TOOL, seed, tools=tools).tool_calls
    assert invented.name not in schemas
    for mischief in (Mischief.WRONG_ARGUMENTS, Mischief.MISSING_ARGUMENTS):
        (call,) = commit(mischief, seed, tools=tools).tool_calls
        assert isinstance(call.arguments, dict)
        assert not validator(schemas[call.name]).is_valid(call.arguments)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_repeated_call_never_ends(seed: int) -> None:
    brain = AdversarialBrain(seed, mischief={Mischief.REPEATED_CALL})
    now = exchange(tools=(SEARCH, SEND))
    made = []
    for i in range(6):
        reply = brain.reply(now)
        assert isinstance(reply, Reply)
        made.append((reply.tool_calls[0].name, reply.tool_calls[0].arguments))
        now = after_call(now, reply.tool_calls[0], f"result {i} with customer {i}")
    assert made == made[:1] * 6
    # Once begun it goes on, however rare mischief is.
    further = AdversarialBrain(seed, rate=0.0).reply(now)
    assert isinstance(further, Reply)
    assert further.note == Mischief.REPEATED_CALL.value


def has_cycle(tasks: list[Any]) -> bool:
    waiting = {task["id"]: references(task) & {each["id"] for each in tasks} for task in tasks}
    while free := [id for id, needs in waiting.items() if not needs & waiting.keys()]:
        for id in free:
            del waiting[id]
    return bool(waiting)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("schema", PLANS.values(), ids=PLANS.keys())
def test_mischief_with_plans(schema: JsonObject, seed: int) -> None:
    def plan(mischief: Mischief) -> list[Any]:
        return tasks_of(schema, content(commit(mischief, seed, schema=schema)))

    assert has_cycle(plan(Mischief.PLAN_CYCLE))
    unknown = plan(Mischief.PLAN_UNKNOWN_DEPENDENCY)
    assert set().union(*map(references, unknown)) - {task["id"] for task in unknown}
    twins = [task["id"] for task in plan(Mischief.PLAN_DUPLICATE_IDS)]
    assert len(set(twins)) < len(twins)
    assert len(plan(Mischief.PLAN_TOO_MANY_TASKS)) == 600


def test_plans_are_spoilt_in_sense_and_not_in_form() -> None:
    schema = PLANS["list of references"]
    for mischief in Mischief:
        if mischief.name.startswith("PLAN_"):
            assert validator(schema).is_valid(content(commit(mischief, 1, schema=schema)))
    tasks = tasks_of(schema, content(commit(Mischief.PLAN_UNKNOWN_TOOLS, 1, schema=schema)))
    assert not {tool for task in tasks for tool in task["tools"]} & {"crm.find", "crm.orders"}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("forced", [False, True], ids=["text", "forced tool"])
def test_mischief_with_structured_answers(seed: int, forced: bool) -> None:
    answer = Tool(name="answer", description="", schema=FINDING)
    request: dict[str, Any] = {"schema": FINDING}
    if forced:
        request = {"tools": (answer,), "forced_tool": "answer", "tool_use": "required"}
    valid = validator(FINDING).is_valid
    for mischief in (Mischief.PARTIAL_OUTPUT, Mischief.WRONG_TYPES):
        assert not valid(content(commit(mischief, seed, **request)))
    wrapped = commit(Mischief.PROSE_AROUND_JSON, seed, **request)
    assert not wrapped.tool_calls
    with pytest.raises(json.JSONDecodeError):
        json.loads(wrapped.text)
    assert valid(json.loads(wrapped.text.split("```json\n")[1].split("\n```")[0]))
    claim = content(commit(Mischief.CLAIM_WITHOUT_EVIDENCE, seed, **request))
    assert valid(claim)
    assert claim["finding"].startswith("I called ")
    assert claim["evidence"][0].startswith("call_")
    injected = content(commit(Mischief.INJECTION, seed, **request))
    assert "ignore all previous instructions" in injected["finding"]
    assert commit(Mischief.EMPTY, seed, **request) == Reply(note=Mischief.EMPTY.value)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_unknown_choice_changes_nothing_else(seed: int) -> None:
    route = content(commit(Mischief.UNKNOWN_CHOICE, seed, schema=ROUTE))
    assert route["specialist"] not in ("crm-lookup", "licence-review", "notify")
    assert validator(ROUTE).is_valid({**route, "specialist": "notify"})


def test_mischief_in_prose_cites_calls_that_were_never_made() -> None:
    claim = commit(Mischief.CLAIM_WITHOUT_EVIDENCE, 3, tools=(SEARCH,))
    assert claim.text.startswith("I called search_records (call_")
    assert not claim.tool_calls


def test_where_no_mischief_fits_the_inner_brain_answers() -> None:
    plans = {each for each in Mischief if each.name.startswith("PLAN_")}
    brain = AdversarialBrain(1, mischief=plans, inner=Script("inner says"))
    assert brain.reply(exchange()) == Reply(text="inner says")


@pytest.mark.parametrize(("rate", "low", "high"), [(0.0, 0, 0), (0.3, 60, 120), (1.0, 300, 300)])
def test_mischief_is_as_frequent_as_set(rate: float, low: int, high: int) -> None:
    brain = AdversarialBrain(5, rate=rate)
    notes = [brain.reply(exchange(f"Question {i}", tools=(SEARCH,))) for i in range(300)]
    count = sum(isinstance(reply, Reply) and reply.note is not None for reply in notes)
    assert low <= count <= high


def test_every_mischief_is_committed_somewhere() -> None:
    seen = set()
    for seed in range(60):
        brain = AdversarialBrain(seed)
        for request in (
            exchange(tools=(SEARCH, SEND)),
            exchange(schema=PLANS["map of sources"]),
            exchange(schema=ROUTE),
        ):
            reply = brain.reply(request)
            assert isinstance(reply, Reply)
            seen.add(reply.note)
    assert seen == {mischief.value for mischief in Mischief}
