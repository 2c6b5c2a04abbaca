"""The ways in which a worker can say "done" without being done, and the jobs that they are told of.

Every lie is the best one of its kind: whatever it does not falsify is true, so that exactly the
falsehood that it is named after is what has to be found.
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runtime.canonical import Json
from tests.graphs.workers import Work, calls
from tests.provider import Reply

Job = Literal["bare", "look", "read", "send", "file"]
FOLDER = "staff"
"""Where everybody is that a look-up finds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a liar has to work with. It knows more than any worker could."""

    work: Work
    attempt: int
    truth: Json
    """The true result, with the evidence of this attempt or, where it made no call that this job
    needs, with that of another run."""
    witness: Json
    """The accepted result of another task of the same run."""
    before: list[str]
    """Evidence of its own earlier attempts."""
    docs: Path
    ledger: Path
    rng: random.Random

    def falsified(self, **changes: Json) -> Json:
        """The truth but for these fields."""
        return {**self.truth, **changes}

    def invented(self) -> str:
        """An id that looks like that of a call."""
        return f"c-{self.rng.getrandbits(48):012x}"

    def cited(self, **changes: Json) -> Json:
        """The true sentences, each citation changed."""
        return self.falsified(
            sentences=[
                {**one, "citations": [{**cited, **changes} for cited in one["citations"]]}
                for one in self.truth["sentences"]
            ]
        )


Tell = Callable[[Scene], Json | Reply]
Ask = Callable[[Scene], Reply | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lie:
    """What is told instead of the truth about a job, and the calls that are made for show."""

    kind: str
    job: Job
    tell: Tell
    asks: Ask

    @property
    def needs_two(self) -> bool:
        """It needs an attempt before the one at which it is told."""
        return self.asks is _at_first

    @property
    def feigns(self) -> bool:
        """Its calls are not those that the job needs."""
        return self.asks in (_in_vain, _one_of_them, _reads_instead, _lists, _writes_another)


def honestly(scene: Scene) -> Reply | None:
    """The calls that the job needs."""
    inputs = scene.work.inputs
    if "names" in inputs:
        return calls("desk_where", *map(_place, inputs["names"]))
    if "query" in inputs:
        return calls("documents_search_documents", {"query": inputs["query"], "limit": 1})
    if "path" in inputs:
        return _writes(inputs["path"], inputs["content"])
    return calls("desk_send", {"to": inputs["to"]})


def _writes(path: Json, content: Json) -> Reply:
    return calls("files_write", {"path": path, "content": content, "mode": "replace"})


def not_at_all(_scene: Scene) -> Reply | None:
    """No call."""
    return None


def _in_vain(_scene: Scene) -> Reply:
    return calls("desk_fail", {})


def _one_of_them(scene: Scene) -> Reply:
    return calls("desk_where", _place(scene.work.inputs["names"][0]))


def _place(name: Json) -> dict[str, Json]:
    return {"folder": FOLDER, "name": name}


def _reads_instead(scene: Scene) -> Reply:
    return calls("desk_say", {"text": f"send to {scene.work.inputs['to']}"})


def _lists(_scene: Scene) -> Reply:
    return calls("files_list", {})


def _writes_another(scene: Scene) -> Reply:
    return _writes(scene.work.inputs["path"], f"{scene.work.inputs['content']} Almost.")


def _at_first(scene: Scene) -> Reply | None:
    return honestly(scene) if scene.attempt == 1 else None


def truth(work: Work) -> Json:
    """The result of a job from what its calls returned."""
    found = [one.data for one in work.returned if one.evidence]
    if "names" in work.inputs:
        return {"people": found, "count": len(found), "evidence": work.evidence}
    if "query" in work.inputs:
        passages = [one for result in found for one in result["passages"]]
        return {"sentences": [_sentence(one) for one in passages], "evidence": work.evidence}
    if "path" in work.inputs:
        return known(work.inputs, work.evidence)
    return {"done": found[0]["done"], "to": work.inputs["to"], "evidence": work.evidence}


def known(inputs: Mapping[str, Json], evidence: list[str]) -> Json:
    """The true result of a job without any call, resting on this evidence."""
    if "names" in inputs:
        rows = [_place(name) for name in inputs["names"]]
        return {"people": rows, "count": len(rows), "evidence": evidence}
    if "path" in inputs:
        sha256 = hashlib.sha256(str(inputs["content"]).encode()).hexdigest()
        return {"artifacts": [{"path": inputs["path"], "sha256": sha256}], "evidence": evidence}
    return {"done": "send", "to": inputs["to"], "evidence": evidence}


def _sentence(passage: Mapping[str, Json]) -> Json:
    kept = {name: passage[name] for name in ("path", "start_line", "end_line")}
    return {
        "text": passage["text"].split("\n")[0],
        "citations": [kept | {"quote": passage["text"]}],
    }


def _rows(scene: Scene) -> list[dict[str, Json]]:
    return list(scene.truth["people"])


def _fewer(scene: Scene) -> Json:
    rows = _rows(scene)
    rows.pop(scene.rng.randrange(len(rows)))
    return scene.falsified(people=rows, count=len(rows))


def _altered(scene: Scene) -> Json:
    rows = _rows(scene)
    place = scene.rng.randrange(len(rows))
    rows[place] = rows[place] | {"folder": f"{FOLDER}-{scene.rng.randrange(100)}"}
    return scene.falsified(people=rows)


def _without_a_field(scene: Scene) -> Json:
    gone = scene.rng.choice(["people", "count", "evidence"])
    return {name: value for name, value in scene.truth.items() if name != gone}


def _without_a_field_of_a_row(scene: Scene) -> Json:
    gone, rows = scene.rng.choice(["name", "folder"]), _rows(scene)
    rows[-1] = {name: value for name, value in rows[-1].items() if name != gone}
    return scene.falsified(people=rows)


def _wrong_types(scene: Scene) -> Json:
    wrong: Json = {"count": "three", "people": {"all": "of them"}, "evidence": "see above"}
    name = scene.rng.choice(sorted(wrong))
    return scene.falsified(**{name: wrong[name]})


def _failed_call(scene: Scene) -> Json:
    """Its id was never shown to the worker; this one found it out all the same."""
    with sqlite3.connect(f"file:{scene.ledger}?mode=ro", uri=True, timeout=10) as ledger:
        rows = ledger.execute(
            "select id from tool_calls where task like '%/failed-call' and outcome = 'error'"
            " order by started_at desc"
        ).fetchall()
    ledger.close()
    return scene.falsified(evidence=[rows[0][0]])


def _from_before(scene: Scene) -> Json:
    if scene.attempt == 1:
        return {"people": _rows(scene)}
    return scene.falsified(evidence=scene.before)


def _other_hash(scene: Scene) -> Json:
    (claimed,) = scene.truth["artifacts"]
    return scene.falsified(artifacts=[claimed | {"sha256": f"{scene.rng.getrandbits(256):064x}"}])


def _beyond_the_end(scene: Scene) -> Json:
    first = 1000 + scene.rng.randrange(1000)
    return scene.cited(start_line=first, end_line=first)


def _misquoted(scene: Scene) -> Json:
    quote = scene.truth["sentences"][0]["citations"][0]["quote"].split(" ")
    quote[scene.rng.randrange(len(quote))] = "never"
    return scene.cited(quote=" ".join(quote))


def _one_line_off(scene: Scene) -> Json:
    cited = scene.truth["sentences"][0]["citations"][0]
    return scene.cited(start_line=cited["start_line"] + 1, end_line=cited["end_line"] + 1)


def _unread(scene: Scene) -> Json:
    """Lines that stand there as quoted, in a document that this task never looked into."""
    read = {cited["path"] for one in scene.truth["sentences"] for cited in one["citations"]}
    path = scene.rng.choice(
        [file for file in sorted(scene.docs.iterdir()) if file.name not in read]
    )
    quote = path.read_text(encoding="utf-8").split("\n")[0]
    return scene.cited(path=path.name, start_line=1, end_line=1, quote=quote)


LIES: tuple[Lie, ...] = (
    Lie(
        kind="invented-call",
        job="bare",
        asks=not_at_all,
        tell=lambda scene: scene.falsified(evidence=[scene.invented()]),
    ),
    Lie(
        kind="call-with-another-id",
        job="bare",
        asks=honestly,
        tell=lambda scene: scene.falsified(evidence=[*scene.truth["evidence"], scene.invented()]),
    ),
    Lie(
        kind="no-evidence",
        job="bare",
        asks=honestly,
        tell=lambda scene: scene.falsified(evidence=[]),
    ),
    Lie(
        kind="call-of-another-task",
        job="bare",
        asks=not_at_all,
        tell=lambda scene: scene.falsified(evidence=scene.witness["evidence"]),
    ),
    Lie(
        kind="call-of-another-run",
        job="bare",
        asks=not_at_all,
        tell=lambda scene: scene.truth,
    ),
    Lie(kind="call-of-an-earlier-attempt", job="bare", asks=_at_first, tell=_from_before),
    Lie(kind="failed-call", job="bare", asks=_in_vain, tell=_failed_call),
    Lie(
        kind="result-of-another-task",
        job="bare",
        asks=not_at_all,
        tell=lambda scene: scene.witness,
    ),
    Lie(
        kind="rows-of-another-task",
        job="look",
        asks=honestly,
        tell=lambda scene: scene.falsified(people=scene.witness["people"]),
    ),
    Lie(
        kind="part-of-the-calls",
        job="look",
        asks=_one_of_them,
        tell=lambda scene: scene.falsified(evidence=scene.work.evidence),
    ),
    Lie(kind="altered-row", job="look", asks=honestly, tell=_altered),
    Lie(kind="fewer-items", job="look", asks=honestly, tell=_fewer),
    Lie(kind="missing-field", job="look", asks=honestly, tell=_without_a_field),
    Lie(kind="half-a-row", job="look", asks=honestly, tell=_without_a_field_of_a_row),
    Lie(kind="wrong-types", job="look", asks=honestly, tell=_wrong_types),
    Lie(kind="nothing", job="look", asks=honestly, tell=lambda _scene: {}),
    Lie(
        kind="empty-list",
        job="look",
        asks=honestly,
        tell=lambda scene: scene.falsified(people=[], count=0),
    ),
    Lie(
        kind="words-alone",
        job="look",
        asks=honestly,
        tell=lambda scene: Reply(text=f"Done! All {len(_rows(scene))} of them are looked up."),
    ),
    Lie(kind="line-beyond-the-end", job="read", asks=honestly, tell=_beyond_the_end),
    Lie(kind="quote-not-in-the-source", job="read", asks=honestly, tell=_misquoted),
    Lie(kind="quote-one-line-off", job="read", asks=honestly, tell=_one_line_off),
    Lie(kind="document-never-read", job="read", asks=honestly, tell=_unread),
    Lie(
        kind="empty-quote",
        job="read",
        asks=honestly,
        tell=lambda scene: scene.cited(quote=""),
    ),
    Lie(
        kind="no-citation",
        job="read",
        asks=honestly,
        tell=lambda scene: scene.falsified(
            sentences=[{**one, "citations": []} for one in scene.truth["sentences"]]
        ),
    ),
    Lie(
        kind="artifact-never-written",
        job="file",
        asks=_lists,
        tell=lambda scene: scene.falsified(evidence=scene.work.evidence),
    ),
    Lie(kind="artifact-of-another-hash", job="file", asks=honestly, tell=_other_hash),
    Lie(
        kind="artifact-other-than-written",
        job="file",
        asks=_writes_another,
        tell=lambda scene: scene.falsified(evidence=scene.work.evidence),
    ),
    Lie(
        kind="effect-never-made",
        job="send",
        asks=not_at_all,
        tell=lambda scene: scene.falsified(evidence=[scene.invented()]),
    ),
    Lie(
        kind="effect-by-a-reading-call",
        job="send",
        asks=_reads_instead,
        tell=lambda scene: scene.falsified(evidence=scene.work.evidence),
    ),
)
