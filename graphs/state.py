"""What flows through the graphs, and what callers may send."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from pydantic import BaseModel, ConfigDict, Field

# Not typing's: pydantic, which makes the API's schemas, takes that one from Python 3.12 on only.
from typing_extensions import TypedDict

from runtime.canonical import Json
from runtime.labels import Label

Status = Literal["done", "incomplete", "declined", "rejected", "failed", "cancelled"]


class RequestContext(BaseModel):
    """The context of a request, as a caller sends it beside the messages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: str = Field(default="local", min_length=1, max_length=128)
    user: str = Field(default="local", min_length=1, max_length=128)
    label: Label = Label.internal
    """The data label that the run starts with; it only rises."""
    docs: str = Field(default="", max_length=4096)
    """Folder that the run may read; empty for the project's own documents."""
    budget: float | None = Field(default=None, ge=0)
    """Ceiling in US dollars; never above the operator's own."""
    token_budget: int | None = Field(default=None, ge=0)
    """Ceiling in tokens, prompts and answers; never above the operator's own."""
    specialist: str = Field(default="", max_length=64)
    """The specialist that the caller wants; empty to let the router decide."""


class Job(TypedDict):
    """One dispatch on its way to its specialist: all that it may know."""

    run: str
    task: str
    specialist: str
    text: str
    upstream: dict[str, Json]
    tenant: str
    user: str
    label: str
    docs: str
    given: NotRequired[dict[str, Json]]
    """Inputs that a parent's plan hands over by name."""
    authority: NotRequired[Json]
    """What a parent lets this job do; see `graphs/authority.py`."""
    asks_effects: NotRequired[bool]
    """A parent wants a person before every effect; its children cannot do with less."""
    strange: NotRequired[list[str]]
    """Texts of strangers that a parent was given as inputs."""
    scopes: NotRequired[list[str]]
    """Budgets of the parents that pay as well, the widest first."""


NO_JOB = Job(
    run="",
    task="",
    specialist="",
    text="",
    upstream={},
    tenant="",
    user="",
    label=Label.internal.value,
    docs="",
)
"""Stands for the job of a request that could not be read."""


class Outcome(TypedDict):
    """What came of one dispatch."""

    dispatch: str
    specialist: str
    status: Status
    text: str
    """The answer in Markdown."""
    outputs: Json
    evidence: list[str]
    missing: list[str]
    """What is not in the answer, and why."""
    judgement: Json


class Answer(TypedDict):
    """The answer to a request, with what it rests on and what it cost."""

    run: str
    status: Status
    text: str
    outcomes: list[Outcome]
    evidence: list[str]
    missing: list[str]
    cost: float
    """US dollars."""
    tokens: int
    model_calls: int
    tool_calls: int
    offline: bool
    """True when only the offline model worked on it."""
    saved: NotRequired[float]
    """US dollars less than the same calls on `frontier`; absent where all models are free."""
    frontier: NotRequired[str]
    """The deployment that the calls are compared with: the dearest, unless models.yaml names it."""
    audit: NotRequired[str]
    """How many rows its audit had then and the code of the last, as COUNT:CODE; an answer of an
    older release has none."""


def merge_outcomes(
    before: dict[str, Outcome] | None, update: dict[str, Outcome] | None
) -> dict[str, Outcome]:
    """Add outcomes by dispatch; None clears them for the next request of a thread."""
    return {} if update is None else {**(before or {}), **update}


class Took(TypedDict):
    """What a decision has taken, over all stages and questions."""

    seconds: float
    tokens: int


class SupervisorInput(TypedDict):
    """What a caller sends: chat messages; the last human one is the request."""

    messages: Annotated[list[AnyMessage], add_messages]


class SupervisorOutput(TypedDict):
    """What a caller gets."""

    messages: Annotated[list[AnyMessage], add_messages]
    answer: Answer


class SupervisorState(TypedDict, total=False):
    """The state of a request between nodes."""

    messages: Annotated[list[AnyMessage], add_messages]
    job: Job
    """The request as one job; dispatches are cut from it."""
    refusal: Outcome | None
    """Set when the request could not be read."""
    route: Json
    asked: Json
    """The clarifying question with its answer; None while none was asked."""
    unsure: Json
    """What the local stage left to the model."""
    earlier: str
    """The last run of the thread that was dispatched: a follow-up goes on from it."""
    upstream: dict[str, Json]
    """Results of that run, where the request goes on from it."""
    took: Took
    """What deciding on the route has taken so far."""
    revisions: int
    outcomes: Annotated[dict[str, Outcome] | None, merge_outcomes]
    answer: Answer


class DeepState(TypedDict, total=False):
    """The state of one deep job between nodes."""

    messages: Annotated[list[AnyMessage], add_messages]
    job: Job
    own_run: bool
    """True when the deep graph was called by itself, so that the run is its own to close."""
    inputs: dict[str, Any]
    plan: Json
    """The plan that is executed."""
    solo: Json
    """Where one worker did a whole plan: what that saved; otherwise None."""
    objections: list[str]
    repaired: bool
    replans: int
    """New plans for the unfinished part so far."""
    used: float
    """Seconds of wall time that its execution has taken so far."""
    blocked: list[str]
    """Unfinished tasks that never began."""
    redrawn: bool
    """Whether the last attempt at a new plan gave one."""
    cancelled: str
    """Who cancelled the run; empty while nobody did."""
    results: dict[str, Json]
    """Accepted outputs by task id of the plan."""
    unfinished: dict[str, str]
    """Tasks without a result, each with the reason."""
    outcome: Outcome | None


def no_outcome(job: Job, status: Status, why: str) -> Outcome:
    """The outcome of a job that ended before it had a result."""
    return Outcome(
        dispatch=job["task"],
        specialist=job["specialist"],
        status=status,
        text=why,
        outputs=None,
        evidence=[],
        missing=[why],
        judgement=None,
    )
