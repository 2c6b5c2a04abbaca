"""Two intents in one request: found where they are, and not where they are not.

Pairs are requests of CLINC150 of different domains, joined in several ways. Single requests are
all that contain a joining word or a stop by themselves, and as many that contain none. A split is
right when it is cut where the two requests were joined. Who gets the parts is the classifier's
accuracy once for each part, and is told beside it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.routing.local import LocalClassifier
from agents.routing.settings import load_routing
from agents.routing.split import read
from bench.report import progress, show
from bench.router_course import Course
from bench.router_data import Data, domains, draw, load
from bench.router_encoder import Remembering
from bench.router_specialists import slug, specialists_of
from runtime.canonical import Json
from runtime.settings import ROOT

PAIRS = 1_000
DRAWS = 3
WAYS: dict[str, Callable[[str, str], str]] = {
    "and": lambda one, other: f"{one} and {other}",
    ", and then": lambda one, other: f"{one}, and then {other}",
    ";": lambda one, other: f"{one}; {other}",
    ". also": lambda one, other: f"{one}. Also {other}",
    ", after that": lambda one, other: f"{one}, after that {other}",
    "and also": lambda one, other: f"{one} and also {other}",
    "two sentences": lambda one, other: f"{one.capitalize()}. {other.capitalize()}.",
    "two questions": lambda one, other: f"{one}? {other}?",
}
_JOINING = re.compile(r"\b(and|then|also|plus|after that)\b|[;,.?!](?=\s)", re.IGNORECASE)
SHARES = (0.5, 0.1)
"""Shares of requests with two intents, at which precision is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request and the specialists of its parts."""

    text: str
    parts: tuple[str, ...]
    way: str
    halves: tuple[str, ...] = ()
    """The requests that were joined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The parts of a request as they were cut; none where it is one."""

    parts: tuple[str, ...] = ()
    """The specialist that each goes to."""
    texts: tuple[str, ...] = ()
    sure: bool = False
    """Each part is, so that no model is asked."""

    def cut_right(self, request: Request) -> bool:
        """Whether it was cut where it was joined."""
        return [_plain(one) for one in self.texts] == [_plain(one) for one in request.halves]


Split = Callable[[str], Found]


def measure(course: Course, encoder: Remembering) -> Json:
    """Rates by way of joining, and of single requests."""
    data = load("clinc150", course.split)
    draws = 1 if course.small else DRAWS
    rows = []
    for seed in range(draws):
        cut = splitter(data, seed, encoder)
        requests = [*pairs(data, seed, 80 if course.small else PAIRS), *singles(data, seed)]
        if course.small:
            requests = requests[:160]
        rows.append(of(requests, [cut(one.text) for one in requests]))
        progress(f"{len(requests)} requests cut, draw {seed}")
    found = {"draws": rows} | {
        name: round(sum(row[name] for row in rows) / draws, 4) for name in _MEANS
    }
    tell(found)
    headline = {name: found[name] for name in ("split_f1", "false_split_rate")}
    return {**headline, "splits": found}


def splitter(data: Data, seed: int, encoder: Remembering) -> Split:
    """Our split over 150 specialists with ten examples each."""
    classifier = LocalClassifier(specialists_of(draw(data, 10, seed)), encoder)
    routing = load_routing(ROOT / "config" / "routing.yaml")

    def cut(text: str) -> Found:
        reading = read(text, classifier, routing)
        return Found(
            parts=tuple(one.scored.candidates[0].specialist for one in reading.parts),
            texts=tuple(one.text for one in reading.parts),
            sure=bool(reading.parts) and reading.sure,
        )

    return cut


def pairs(data: Data, seed: int, count: int) -> list[Request]:
    """Requests of two domains in one, each way of joining equally often."""
    rng = random.Random(seed)
    domain = domains()
    made: list[Request] = []
    while len(made) < count:
        (one, mine), (other, theirs) = rng.sample(data.asked, 2)
        if domain[mine] == domain[theirs]:
            continue
        way = list(WAYS)[len(made) % len(WAYS)]
        halves = one.rstrip(" .?!,;"), other.rstrip(" .?!,;")
        parts = slug(mine), slug(theirs)
        made.append(Request(text=WAYS[way](*halves), parts=parts, way=way, halves=halves))
    return made


def singles(data: Data, seed: int) -> list[Request]:
    """Requests with one intent: all with a joining word, and as many without."""
    joining = [pair for pair in data.asked if _JOINING.search(pair[0])]
    plain = [pair for pair in data.asked if not _JOINING.search(pair[0])]
    chosen = random.Random(seed).sample(plain, min(len(joining), len(plain)))
    return [
        Request(text=text, parts=(slug(name),), way=way)
        for way, group in (("joining", joining), ("plain", chosen))
        for text, name in group
    ]


_MEANS = (
    "split_f1",
    "precision",
    "recall",
    "precision_at_10",
    "f1_at_10",
    "false_split_rate",
    "false_split_rate_joining",
    "routed_right",
    "routed_f1",
    "answered_locally",
    "answered_precision",
)


def of(requests: Sequence[Request], cuts: Sequence[Found]) -> Json:
    """The rates of one draw."""
    both = list(zip(requests, cuts, strict=True))
    twos = [(one, cut) for one, cut in both if len(one.parts) > 1]
    ones = [(one, cut) for one, cut in both if len(one.parts) == 1]
    recall = _share([cut.cut_right(one) for one, cut in twos])
    made = _share([bool(cut.parts) for _, cut in twos])
    routed = _share([cut.cut_right(one) and cut.parts == one.parts for one, cut in twos])
    false = _share([bool(cut.parts) for _, cut in ones])
    sure = [name in one.parts for one, cut in twos if cut.sure for name in cut.parts]
    even, rare = (_precision(recall, made, false, share) for share in SHARES)
    return {
        "split_f1": _f1(even, recall),
        "precision": even,
        "recall": recall,
        "precision_at_10": rare,
        "f1_at_10": _f1(rare, recall),
        "false_split_rate": false,
        "false_split_rate_joining": _false_of(ones, "joining"),
        "false_split_rate_plain": _false_of(ones, "plain"),
        "routed_right": routed,
        "routed_f1": _f1(_precision(routed, made, false, SHARES[0]), routed),
        "answered_locally": _share([cut.sure for _, cut in twos]),
        "answered_precision": _share(sure),
        "pairs": len(twos),
        "singles": len(ones),
        "recall_by_way": {
            way: _share([cut.cut_right(one) for one, cut in twos if one.way == way]) for way in WAYS
        },
        "false_splits": [one.text for one, cut in ones if cut.parts][:20],
    }


def tell(found: Json) -> None:
    """The tables."""
    show("Two intents in one request", list(_MEANS), [[found[name] for name in _MEANS]])
    by = found["draws"][0]["recall_by_way"]
    show("Found, by the way of joining (first draw)", list(by), [list(by.values())])


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


def _false_of(ones: Sequence[tuple[Request, Found]], way: str) -> float:
    return _share([bool(cut.parts) for one, cut in ones if one.way == way])


def _plain(text: str) -> str:
    return text.casefold().strip(" .?!,;")


def _precision(right: float, split: float, false: float, share: float) -> float:
    """Of all splits made, those that are right, in traffic with this share of pairs.

    Args:
        right: of the pairs, the share that is split rightly.
        split: of the pairs, the share that is split in any way.
        false: of the single requests, the share that is split.
    """
    made = share * split + (1 - share) * false
    return round(share * right / made, 4) if made else 0.0


def _f1(precision: float, recall: float) -> float:
    total = precision + recall
    return round(2 * precision * recall / total, 4) if total else 0.0
