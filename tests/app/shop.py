"""A small installation as files, for real processes: slow workers, a tool server, a scripted model.

`slow` has six tasks side by side and one after them; `mails` asks a person twice; `quick` is done
at once. The model runs in the test's own process, so it sees what a killed process asked for.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.canonical import Json
from tests.graphs.installation import received, scripted_server, specialist, written
from tests.graphs.workers import asked_for, calls, deliver, work_of
from tests.provider import Exchange, Latency, Reply, ScriptedProvider, SeededBrain

SIDE_BY_SIDE = tuple(f"t{number}" for number in range(6))
RESULT: Json = {
    "type": "object",
    "required": ["said", "evidence"],
    "properties": {
        "said": {"type": "string"},
        "evidence": {"type": "array", "minItems": 1, "items": {"type": "string"}},
    },
}


class Workers:
    """Each says its name through the tool server and hands over what came back."""

    def reply(self, exchange: Exchange) -> Reply:
        work = work_of(exchange)
        if work is None:
            return SeededBrain(1).reply(exchange)
        if work.begins:
            if work.task.startswith("mail-"):
                return calls("desk_send", {"to": work.task.removeprefix("mail-")})
            return calls("desk_say", {"text": work.task})
        return deliver({"said": work.task, "evidence": work.evidence})


def task(id: str, *needs: str, tool: str = "desk_say") -> dict[str, Json]:
    return {
        "id": id,
        "objective": f"[{id}] Say your name.",
        "needs": list(needs),
        "tools": [tool],
        "output": RESULT,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Where the installation stands, and what was asked of it."""

    home: Path
    provider: ScriptedProvider

    @property
    def env(self) -> dict[str, str]:
        return {
            "SWITCHYARD_HOME": str(self.home),
            "SWITCHYARD_CONFIG": str(self.home / "config"),
            "SWITCHYARD_SPECIALISTS": str(self.home / "specialists"),
        }

    def slower(self, seconds: float) -> None:
        """Let the model think so long from now on."""
        self.provider.behaviour.latency = Latency(median=seconds)

    def asked(self) -> Counter[str]:
        """Requests that reached the model, by task."""
        return Counter(asked_for(request) for request in self.provider.calls)

    def said(self) -> Counter[str]:
        """Calls that reached the tool server, by what they said."""
        found = received(self.home)
        return Counter(str(one["arguments"].get("text")) for one in found)

    def sent(self) -> list[str]:
        return sorted(
            one["arguments"]["to"] for one in received(self.home) if one["tool"] == "send"
        )

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the ledger, read from outside of every process that writes it."""
        with sqlite3.connect(f"file:{self.home / 'ledger.sqlite'}?mode=ro", uri=True) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]

    def runs(self, id: str = "") -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM runs WHERE id = ? OR ? = ''", id, id)

    def run(self, id: str = "") -> dict[str, Any]:
        """The only run, or the one of that id."""
        (row,) = self.runs(id)
        return row | {"answer": json.loads(row["answer"]) if row["answer"] else None}

    def accepted(self, run: str) -> set[str]:
        rows = self.rows("SELECT task FROM results WHERE run = ?", run)
        return {row["task"].partition("/")[2] for row in rows}

    def states(self, run: str) -> dict[str, str]:
        rows = self.rows("SELECT task, state FROM tasks WHERE run = ?", run)
        return {row["task"].partition("/")[2]: row["state"] for row in rows}


def open_shop(home: Path, provider: ScriptedProvider, *, width: int = 2) -> Shop:
    """Write the files of an installation below `home`."""
    home.mkdir(parents=True, exist_ok=True)
    written(
        home,
        provider=provider,
        servers={"desk": scripted_server(home)},
        limits={"standard": {"width": width}},
        timeout=30,
    )
    folder = home / "specialists"
    folder.mkdir()
    last = task("last", *SIDE_BY_SIDE)
    texts = {
        "slow": specialist(
            "slow",
            [*(task(id) for id in SIDE_BY_SIDE), last],
            outputs={"end": {"from": "last"}},
            tools=["desk_say"],
        ),
        "mails": specialist(
            "mails",
            [task("mail-ann", tool="desk_send"), task("mail-bob", tool="desk_send"), task("t0")],
            outputs={"ann": {"from": "mail-ann"}, "bob": {"from": "mail-bob"}},
            tools=["desk_send", "desk_say"],
        ),
        "quick": specialist(
            "quick", [task("q")], outputs={"end": {"from": "q"}}, tools=["desk_say"]
        ),
    }
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text)
    return Shop(home=home, provider=provider)
