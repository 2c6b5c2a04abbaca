"""The table of faults: what goes wrong, what has to come of it, in how many calls.

One row is one situation on the scripted provider; the page on models shows the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.provider.exchange import Reply, ToolCall
from tests.provider.faults import (
    AbsurdUsage,
    BrokenJson,
    DuplicateToolIds,
    EmptyChoices,
    EmptyContent,
    ErrorFrame,
    Fault,
    Hang,
    Html,
    HttpError,
    HugeBody,
    MissingUsage,
    NoFinish,
    Refusal,
    RepeatedChunks,
    Reset,
    Stall,
    TruncatedToolJson,
    UnknownTool,
    context_length_exceeded,
    model_not_found,
    rate_limited,
    server_error,
)

Way = Literal["whole", "stream"]
Wire = Literal["openai", "anthropic"]
BOTH: tuple[Wire, ...] = ("openai", "anthropic")
STREAM: tuple[Way, ...] = ("stream",)
WHOLE: tuple[Way, ...] = ("whole",)
GOOD = Reply(
    text="Let me look.", tool_calls=(ToolCall(name="weather", arguments={"city": "Oslo"}),)
)
BAD = Reply(
    text=" ".join(f"Let me look there, for the {i}th time." for i in range(8)),
    tool_calls=(ToolCall(name="weather", arguments={"city": "X"}),),
)
"""What an answer says that is broken afterwards: no call of `X` may ever be seen."""
OVERLOADED = HttpError(status=529, message="Overloaded")
BUSY = HttpError(status=503, message="Service unavailable")
MODERATED = HttpError(
    status=403, message="This model requires moderation and your input was flagged"
)
LOOP = RepeatedChunks(count=160, text="and again and ")
CUT = Reply(tool_calls=BAD.tool_calls, finish="length")
BROKE_OFF = Reply(text=BAD.text, tool_calls=BAD.tool_calls, finish="error")
UNFIT = Reply(tool_calls=(ToolCall(name="weather", arguments={"city": 7}),))
LONG = Reply(text=" ".join(f"word{i}" for i in range(400)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    fault: str
    """In words, as on the page."""
    first: tuple[Fault | Reply, ...] = ()
    """What the first deployment does, call by call; afterwards it answers well."""
    second: tuple[Fault | Reply, ...] | None = ()
    """The same for the second one; None where there is no second."""
    calls: tuple[int, int]
    """That arrive at the two."""
    end: str
    """`first` or `second` answers, or the name of the fault that is raised; `-` before it where it
    is a ModelUnavailable."""
    ways: tuple[Way, ...] = ()
    """Both if empty, one on each wire, in turn from row to row."""
    wires: tuple[Wire, ...] = BOTH
    within: float = 2.5
    """Seconds of the whole call on an idle machine, at most; a loaded one is given twice that."""
    at_least: float = 0.0
    asks: Literal["tool", "json"] = "tool"
    state: Literal["", "no certificate", "another key", "nobody there"] = ""
    window: int = 100_000
    """Of the first deployment."""
    timeout: float = 6.0
    """Of one attempt. Short where the fault is silence, long where a loaded machine is."""
    call_seconds: float = 30.0
    passed_on: bool = False
    """The calls as they came are handed on: another room refuses them, and tells why."""
    estimated: bool = False
    """The count of tokens is our own."""


ALONE = None
ROWS: tuple[Row, ...] = (
    Row(
        fault="429, Retry-After 2",
        first=(rate_limited(retry_after=2),),
        calls=(1, 1),
        end="second",
        within=1.5,
    ),
    Row(
        fault="429, Retry-After 600",
        first=(rate_limited(retry_after=600),),
        calls=(1, 1),
        end="second",
        within=1.5,
    ),
    Row(
        fault="429, Retry-After 2",
        first=(rate_limited(retry_after=2),),
        second=ALONE,
        calls=(2, 0),
        end="first",
        at_least=2.0,
        within=4.0,
        ways=WHOLE,
        wires=("openai",),
    ),
    Row(
        fault="429, Retry-After 600",
        first=(rate_limited(retry_after=600),),
        second=ALONE,
        calls=(1, 0),
        end="-rate_limited",
    ),
    Row(
        fault="429, Retry-After 600 and 2",
        first=(rate_limited(retry_after=600),),
        second=(rate_limited(retry_after=2),),
        calls=(1, 2),
        end="second",
        at_least=2.0,
        within=4.0,
        ways=WHOLE,
        wires=("anthropic",),
    ),
    Row(fault="500", first=(server_error(),), calls=(1, 1), end="second"),
    Row(fault="500 once", first=(server_error(),), second=ALONE, calls=(2, 0), end="first"),
    Row(
        fault="500 twice",
        first=(server_error(),) * 2,
        second=ALONE,
        calls=(2, 0),
        end="-server_error",
    ),
    Row(
        fault="500 at both, and again",
        first=(server_error(),) * 2,
        second=(server_error(),),
        calls=(2, 1),
        end="-server_error",
        ways=WHOLE,
    ),
    Row(
        fault="500, then no content",
        first=(server_error(), EmptyContent()),
        second=ALONE,
        calls=(3, 0),
        end="first",
        ways=WHOLE,
    ),
    Row(
        fault="504, a gateway that did not wait",
        first=(HttpError(status=504, message="Gateway time-out"),),
        calls=(1, 1),
        end="second",
        ways=WHOLE,
    ),
    Row(fault="503", first=(BUSY,), second=ALONE, calls=(2, 0), end="first", ways=WHOLE),
    Row(fault="529, overloaded", first=(OVERLOADED,), calls=(1, 1), end="second"),
    Row(timeout=1.0, fault="hang", first=(Hang(),), calls=(1, 1), end="second"),
    Row(
        timeout=1.0,
        fault="hang",
        first=(Hang(),),
        second=ALONE,
        calls=(1, 0),
        end="-timeout",
        ways=WHOLE,
    ),
    Row(
        fault="hang, until the deadline of the call",
        first=(Hang(),),
        second=(Hang(),),
        calls=(1, 0),
        end="-timeout",
        call_seconds=1.0,
        within=2.0,
        ways=WHOLE,
        wires=("openai",),
    ),
    Row(fault="reset before a byte", first=(Reset(),), calls=(1, 1), end="second", ways=STREAM),
    Row(
        fault="reset in the first third",
        first=(Reset(at=0.3),),
        calls=(1, 1),
        end="second",
        ways=STREAM,
    ),
    Row(
        fault="reset in the second third",
        first=(Reset(at=0.6),),
        calls=(1, 1),
        end="second",
        ways=STREAM,
    ),
    Row(
        fault="reset in the last third",
        first=(Reset(at=0.85),),
        calls=(1, 1),
        end="second",
        ways=STREAM,
    ),
    Row(
        fault="reset in the second third",
        first=(Reset(at=0.6),),
        second=ALONE,
        calls=(2, 0),
        end="first",
        ways=STREAM,
    ),
    Row(
        timeout=1.0, fault="stall", first=(Stall(at=0.6),), calls=(1, 1), end="second", ways=STREAM
    ),
    Row(fault="error frame", first=(ErrorFrame(at=0.7),), calls=(1, 1), end="second", ways=STREAM),
    Row(fault="end without finish reason", first=(NoFinish(),), calls=(2, 0), end="first"),
    Row(
        fault="end without the field of a finish reason",
        first=(NoFinish(named=False),),
        calls=(2, 0),
        end="first",
        ways=WHOLE,
        wires=("openai",),
    ),
    Row(
        fault="end for a reason that no whole answer has",
        first=(BROKE_OFF,),
        calls=(2, 0),
        end="first",
    ),
    Row(fault="broken JSON", first=(BrokenJson(),), calls=(1, 1), end="second", ways=WHOLE),
    Row(
        fault="broken JSON in a stream",
        first=(BrokenJson(),),
        calls=(1, 1),
        end="second",
        ways=STREAM,
    ),
    Row(fault="page of HTML, status 200", first=(Html(),), calls=(1, 1), end="second"),
    Row(fault="page of HTML, status 502", first=(Html(status=502),), calls=(1, 1), end="second"),
    Row(fault="no choices", first=(EmptyChoices(),), calls=(2, 0), end="first"),
    Row(fault="no content", first=(EmptyContent(),), calls=(2, 0), end="first"),
    Row(fault="no content, twice", first=(EmptyContent(),) * 2, calls=(2, 0), end="empty"),
    Row(fault="refusal", first=(Refusal(),), calls=(1, 0), end="refused"),
    Row(
        fault="content filter",
        first=(Reply(text="I", finish="content_filter"),),
        calls=(1, 0),
        end="refused",
    ),
    Row(fault="tool arguments cut off", first=(TruncatedToolJson(),), calls=(2, 0), end="first"),
    Row(fault="tool calls cut off by the length limit", first=(CUT,), calls=(2, 0), end="first"),
    Row(fault="two calls under one id", first=(DuplicateToolIds(),), calls=(2, 0), end="first"),
    Row(fault="unknown tool", first=(UnknownTool(),), calls=(2, 0), end="first"),
    Row(
        fault="tool arguments of the wrong schema",
        first=(UNFIT,),
        calls=(1, 0),
        end="first",
        passed_on=True,
    ),
    Row(
        fault="structured answer of the wrong schema, twice",
        first=(Reply(text='{"ok": "perhaps"}'),) * 2,
        calls=(2, 0),
        end="wrong_schema",
        asks="json",
        wires=("openai",),
    ),
    Row(
        fault="structured answer of the wrong schema",
        first=(Reply(text='{"ok": "perhaps"}'), Reply(text='{"ok": true}')),
        calls=(2, 0),
        end="first",
        asks="json",
        wires=("openai",),
    ),
    Row(
        fault="30 MB",
        first=(HugeBody(megabytes=30),),
        calls=(1, 1),
        end="second",
        within=6.0,
        wires=("openai",),
    ),
    Row(
        fault="30 MB",
        first=(HugeBody(megabytes=30),),
        second=ALONE,
        calls=(1, 0),
        end="-too_long",
        within=6.0,
        wires=("anthropic",),
        ways=STREAM,
    ),
    Row(fault="longer than its limit of tokens", first=(LONG,), calls=(2, 0), end="first"),
    Row(fault="the same again and again", first=(LOOP,), calls=(2, 0), end="first"),
    Row(
        fault="no usage",
        first=(MissingUsage(),),
        calls=(1, 0),
        end="first",
        estimated=True,
        wires=("openai",),
    ),
    Row(
        fault="no usage in a stream (Anthropic's)",
        first=(MissingUsage(),),
        calls=(1, 0),
        end="first",
        estimated=True,
        ways=STREAM,
        wires=("anthropic",),
    ),
    Row(
        fault="no usage (Anthropic's)",
        first=(MissingUsage(),),
        calls=(1, 1),
        end="second",
        ways=WHOLE,
        wires=("anthropic",),
    ),
    Row(fault="absurd usage", first=(AbsurdUsage(),), calls=(1, 0), end="first", estimated=True),
    Row(fault="certificate that nobody signed", calls=(0, 1), end="second", state="no certificate"),
    Row(
        fault="certificate that nobody signed",
        second=ALONE,
        calls=(0, 0),
        end="-certificate",
        state="no certificate",
        ways=WHOLE,
    ),
    Row(
        fault="422, a request that is not taken",
        first=(HttpError(status=422, message="temperature is not supported"),),
        calls=(1, 0),
        end="bad_request",
    ),
    Row(fault="wrong key", calls=(1, 1), end="second", state="another key"),
    Row(
        fault="wrong key",
        second=ALONE,
        calls=(1, 0),
        end="-unauthorised",
        state="another key",
        ways=WHOLE,
    ),
    Row(
        fault="403, no access",
        first=(HttpError(status=403, message="no policy of this account allows it"),),
        calls=(1, 1),
        end="second",
        ways=WHOLE,
    ),
    Row(
        fault="403, what was asked is not taken (moderation)",
        first=(MODERATED,),
        calls=(1, 0),
        end="refused",
    ),
    Row(fault="model not found", first=(model_not_found(),), calls=(1, 1), end="second"),
    Row(fault="nobody listens", calls=(0, 1), end="second", state="nobody there"),
    Row(
        fault="context overflow, told by the provider",
        first=(context_length_exceeded(),),
        calls=(1, 1),
        end="second",
        window=8192,
    ),
    Row(
        fault="context overflow, no larger window",
        first=(context_length_exceeded(),),
        calls=(1, 0),
        end="context_overflow",
    ),
    Row(fault="context overflow, known before", calls=(0, 1), end="second", window=50),
    Row(
        fault="context overflow, known before",
        second=ALONE,
        calls=(0, 0),
        end="context_overflow",
        window=50,
        ways=WHOLE,
    ),
)


def page() -> str:
    """The table as the page on models shows it."""
    lines = ["| fault | another is cleared | calls | how it ends |", "|---|---|---|---|"]
    for row in ROWS:
        another = "no" if row.second is ALONE else "yes"
        calls = " + ".join(str(count) for count in row.calls[: 1 if row.second is ALONE else 2])
        lines.append(f"| {row.fault} | {another} | {calls} | {_ending(row)} |")
    return "\n".join(lines)


def _ending(row: Row) -> str:
    if row.end.startswith("-"):
        return f"`ModelUnavailable`: {row.end[1:]}"
    if row.end not in ("first", "second"):
        return f"`ModelFault`: {row.end}"
    if row.passed_on:
        return "handed on; the gateway refuses the call and tells the model why"
    if row.estimated:
        return "the answer, booked at its worst case"
    if row.end == "second":
        return "the other's answer" if row.calls[1] == 1 else "the other's second answer"
    wait = f" after {row.at_least:g} s" if row.at_least else ""
    return f"its second answer{wait}"
