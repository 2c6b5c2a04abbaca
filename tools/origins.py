"""Finds out where the arguments of a call come from, out of the record of its run.

The flow is that of the run: what any of its workers read, at any depth, and what the runs read that
it goes on from, may be in whatever any of them writes. So it is one question, asked of the ledger,
and the same record gives the same answer.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ledger.flow import Brought, Flow, own_words
from ledger.store import Ledger
from runtime.canonical import Json
from runtime.context import RunContext
from tools.catalogue import ToolEntry
from tools.named import Text, plain, references
from tools.provenance import CLEAN, RANKS, ArgumentOrigin, Origin, Provenance
from tools.results import Answer, recalled

_SHOWN = 120
_LEAST_NAME = 4
"""Characters of a field that can tie its record to the request; shorter ones stand anywhere."""
_FARTHEST = 20
"""Runs that a run goes on from, one after the other; beyond them nothing is trusted."""

_KEPT = 64
"""Runs of which is kept what was read of them."""

Path = tuple[str, ...]
Approved = frozenset[tuple[Path, str]]
"""The values of a call, each with its place."""
_NONE: Approved = frozenset()


@dataclass(slots=True)
class _Read:
    """What a run has read so far."""

    request: Text
    """The user's own words."""
    words: str
    """All that the user sent."""
    runs: tuple[str, ...]
    seen: Mapping[str, int] = field(default_factory=dict)
    """How far the record of each of these runs was read."""
    taint: str = ""
    trusted: dict[str, str] = field(default_factory=dict)
    """Values of trusted fields, each with its source in words."""
    designated: dict[str, str] = field(default_factory=dict)
    """Those of records that the request names."""
    approved: dict[str, dict[Approved, None]] = field(default_factory=dict)
    """Calls that a person approved, by tool. In another tool, another place or another company the
    same value says something else."""


class Origins:
    """Tells origins by the record of a run. What it has read of it before, it does not read again:
    the record only grows."""

    def __init__(self, ledger: Ledger, catalogue: Mapping[str, ToolEntry]) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._kept: OrderedDict[tuple[str, tuple[str, ...]], _Read] = OrderedDict()

    async def of(
        self, context: RunContext, entry: ToolEntry, arguments: Mapping[str, Json]
    ) -> Provenance:
        """The origins of the consequential arguments of an effect.

        A value counts as the request's, a person's or a trusted field's only where it stands
        there itself. All others are as untrusted as the worst that the run has read. An argument
        that only carries content counts for the references in it: links, addresses, accounts.
        """
        read = await self._read(context)
        if not read.taint:
            return CLEAN
        approvals = (_NONE, *read.approved.get(entry.name, ()))
        return min(
            (_of_call(entry, arguments, read, approved) for approved in approvals),
            key=lambda found: found.rank,
        )

    async def _read(self, context: RunContext) -> _Read:
        key = (context.run, context.strange)
        # Left in its place: others that ask meanwhile need not read all of it anew.
        read = self._kept.get(key)
        flow = await self._flow(context.run, read)
        if read is not None and (read.words, read.runs) != (flow.words, flow.runs):
            # Other words trust other records.
            read, flow = None, await self._flow(context.run, None)
        if read is None:
            read = _begun(flow, context.strange)
        for call in flow.brought:
            _take_in(self._catalogue, call, read)
        read.seen = flow.seen
        self._kept[key] = read
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return read

    async def _flow(self, run: str, read: _Read | None) -> Flow:
        return await self._ledger.flows.of(run, read.seen if read else {}, _FARTHEST)


def _begun(flow: Flow, strange: tuple[str, ...]) -> _Read:
    """Where reading begins. What the user passed on of strangers is none of the user's words."""
    own = own_words(flow.words, (text for text in strange if text in flow.words))
    read = _Read(request=Text(own), words=flow.words, runs=flow.runs)
    if len(flow.runs) > _FARTHEST:
        read.taint = "a conversation too long to look through"
    elif strange or flow.strange:
        read.taint = "an input of the request that comes from outside"
    return read


def _of_call(
    entry: ToolEntry, arguments: Mapping[str, Json], read: _Read, approved: Approved
) -> Provenance:
    """The origins of a call's arguments, a person's being those of one call that they approved."""
    found = [
        _argument(entry, name, value, read, approved) for name, value in sorted(arguments.items())
    ]
    told = tuple(one for one in found if one is not None)
    return Provenance(tainted=True, taint=read.taint, arguments=told)


def _argument(
    entry: ToolEntry, name: str, value: Json, read: _Read, approved: Approved
) -> ArgumentOrigin | None:
    """The worst part of an argument; None where nothing in it can be of consequence."""
    worst: ArgumentOrigin | None = None
    for path, leaf in leaves(value, (name,)):
        parts = references(str(leaf)) if name in entry.content else [leaf]
        for part in parts:
            origin, source = _origin(path, part, read, approved)
            if worst is None or RANKS[origin] > RANKS[worst.origin]:
                shown = str(part) if len(str(part)) <= _SHOWN else str(part)[: _SHOWN - 1] + "…"
                worst = ArgumentOrigin(name=name, origin=origin, shown=shown, source=source)
    return worst


def _origin(path: Path, value: Json, read: _Read, approved: Approved) -> tuple[Origin, str]:
    if read.request.names(value):
        return "request", "the request"
    known = plain(value)
    if (path, known) in approved:
        return "person", "a call that a person approved"
    if known in read.designated:
        return "designated", read.designated[known]
    if known in read.trusted:
        return "trusted", read.trusted[known]
    return "untrusted", read.taint


def _take_in(catalogue: Mapping[str, ToolEntry], call: Brought, read: _Read) -> None:
    """What a call brought in. A result that was forgotten counts as the worst of its tool."""
    if isinstance(call.approved, dict):
        approved = frozenset((path, plain(leaf)) for path, leaf in leaves(call.approved))
        read.approved.setdefault(call.tool, {})[approved] = None
    entry = catalogue.get(call.tool)
    if entry is not None and _own_write(entry):
        return
    source = f"{call.tool} ({call.call})"
    if entry is None or call.content is None:
        trusting = entry is not None and not entry.untrusted
        read.taint = read.taint or ("" if trusting else source)
        return
    answer = recalled(call.content)
    result = _result(entry, answer)
    if entry.untrusted and (answer.error or _names_of_strangers(entry, result)):
        read.taint = read.taint or source
    if not (answer.error and entry.untrusted):
        _learn(result, entry, source, read)


def _own_write(entry: ToolEntry) -> bool:
    """To store in the run's own files brings nothing in that was not there."""
    return entry.action == "store"


def _learn(result: Json, entry: ToolEntry, source: str, read: _Read) -> None:
    for record in _records(result):
        good = [(path, leaf) for path, leaf in leaves(record) if entry.trusts(path)]
        named = any(
            isinstance(leaf, str) and len(leaf) >= _LEAST_NAME and read.request.names(leaf)
            for _, leaf in good
        )
        for path, leaf in leaves(record):
            if entry.trusts(path):
                place = ".".join(path) or "the result"
                read.trusted.setdefault(plain(leaf), f"{place} of {source}")
                if named:
                    read.designated.setdefault(plain(leaf), f"a record of {source}")
            elif isinstance(leaf, str):
                read.taint = read.taint or source
                if entry.identifies(path):
                    read.trusted.setdefault(plain(leaf), f"a name in {source}")


def _records(result: Json) -> Iterator[Json]:
    """The records of a result: the items of its outermost list, or the whole."""
    if isinstance(result, dict) and len(result) == 1:
        (only,) = result.values()
        if isinstance(only, list):
            result = only
    if isinstance(result, list):
        yield from result
    else:
        yield result


def _result(entry: ToolEntry, answer: Answer) -> Json:
    """What a tool returned, as far as anybody vouches for its structure.

    The text of an untrusted tool may be a stranger's own JSON: it is taken apart only where the
    catalogue says which of its fields are whose.
    """
    if answer.data is not None:
        wrapped = isinstance(answer.data, dict) and answer.data.keys() == {"result"}
        return answer.data["result"] if wrapped else answer.data
    read = _structured(answer.text)
    known = not entry.untrusted or entry.trusted or entry.identifiers
    return read if known or isinstance(read, int | float) else answer.text


def _structured(text: str) -> Json:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return text


def _once(pairs: list[tuple[str, Json]]) -> Json:
    """An object of which a model reads what we read: with a name twice, it would read both."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _names_of_strangers(entry: ToolEntry, result: Json) -> bool:
    """Whether names in a result may be words: those that neither schema nor catalogue has."""
    if entry.trusts(("*",)):
        return False
    return any(name not in entry.names for name in _names(result))


def _names(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield str(name)
            yield from _names(part)
    elif isinstance(value, list):
        for part in value:
            yield from _names(part)


def leaves(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every value within, with the names on the way to it; nothing for empty ones."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from leaves(part, (*path, str(name)))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part, path)
    elif value is not None and value != "" and not isinstance(value, bool):
        yield path, value
