"""The files that the workers of a run share, as a target behind the gate.

Which run is never an argument: it comes from the context of the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice

from ledger.files import File, Files, Mode, Quotas
from runtime.canonical import Json
from runtime.errors import LimitBreached, RequestError
from tools.config import FILES
from tools.pages import fitting, lines_of
from tools.results import Answer
from tools.servers.documents.patterns import Clock, Compiled, compiled
from tools.servers.errors import BadArgument
from tools.target import Origin

_PAGE_LINES = 200
_PAGE_CHARACTERS = 8_000
_MOST_FILES = 200
_MOST_MATCHES = 50
_SHOWN = 240
"""Characters of a line that are shown with a match."""


class RunFiles:
    """Reads and writes files; whatever is wrong with a call is an answer that says so."""

    def __init__(self, files: Files, quotas: Quotas, mask: Callable[[str], str]) -> None:
        """`mask` takes secrets out of what is written; a program must stay one."""
        self._files = files
        self._quotas = quotas
        self._mask = mask

    async def call(self, tool: str, arguments: dict[str, Json], origin: Origin, /) -> Answer:
        try:
            match tool:
                case "write":
                    return await self._write(origin, **arguments)
                case "read":
                    return await self._read(origin.context.run, **arguments)
                case "list":
                    return await self._list(origin.context.run, **arguments)
                case _:
                    return await self._search(origin.context.run, **arguments)
        except LimitBreached as error:
            return _wrong(f"{breach(error)} Nothing was stored.")
        except (RequestError, BadArgument) as error:
            return _wrong(str(error))

    async def _write(
        self, origin: Origin, *, path: str, content: str, mode: Mode = "create"
    ) -> Answer:
        kept = self._mask(content)
        file = await self._files.write(
            origin.context, path, kept, call=origin.call, mode=mode, quotas=self._quotas
        )
        told = f"Written: {file.path}, version {file.version}, {file.bytes:,} bytes"
        return Answer(text=f"{told}, sha256 {file.digest}.", data=_about(file), error=False)

    async def _read(
        self, run: str, *, path: str, start_line: float = 1, lines: float = _PAGE_LINES
    ) -> Answer:
        file, content = await self._there(run, path)
        all_lines, start = lines_of(content), int(start_line)
        if not 1 <= start <= max(1, len(all_lines)):
            raise RequestError(
                f"{start} is no line of {file.path}, which has {len(all_lines)}.",
                field="start_line",
                value=start,
                remedy="Count from 1.",
            )
        wanted = all_lines[start - 1 : start - 1 + min(_PAGE_LINES, max(1, int(lines)))]
        shown = wanted[: max(1, fitting(wanted, _PAGE_CHARACTERS))]
        last = start - 1 + len(shown)
        head = f"{file.path}, version {file.version}: lines {start} to {last} of {len(all_lines)}"
        rest = f"Read on with start_line {last + 1}." if last < len(all_lines) else "End of file."
        numbered = [f"{number}\t{line}" for number, line in enumerate(shown, start)]
        data = _about(file) | {
            "start_line": start,
            "end_line": last,
            "lines": len(all_lines),
            "text": "\n".join(shown),
        }
        return Answer(text="\n".join([head, *numbered, rest]), data=data, error=False)

    async def _list(self, run: str, *, prefix: str = "") -> Answer:
        found = await self._files.latest(run, prefix)
        listed = [
            f"{file.path}  {file.bytes:,} bytes, version {file.version}, by {file.specialist}"
            f" in {file.task}"
            for file in found[:_MOST_FILES]
        ]
        if len(found) > _MOST_FILES:
            listed.append(f"… and {len(found) - _MOST_FILES} more. Narrow `prefix`.")
        text = "\n".join(listed) or "There are no such files in this run yet."
        data = {"files": [_about(file) for file in found[:_MOST_FILES]], "total": len(found)}
        return Answer(text=text, data=data, error=False)

    async def _search(self, run: str, *, pattern: str, path: str = "") -> Answer:
        expression, clock = compiled(pattern), Clock(pattern)
        matches: list[Json] = []
        for file in await self._files.latest(run, path):
            found = await self._files.read(run, file.path, file.version)
            content = found[1] if found else ""
            # In a thread: it may take its whole time, and other calls must go on meanwhile.
            hits = await asyncio.to_thread(_matching, expression, clock, lines_of(content))
            matches += [{"path": file.path, "line": number, "text": line} for number, line in hits]
            if len(matches) > _MOST_MATCHES:
                break
        shown = matches[:_MOST_MATCHES]
        listed = [f"{one['path']}:{one['line']}: {one['text']}" for one in shown]
        if len(matches) > _MOST_MATCHES:
            listed.append("… and more. Narrow `pattern` or `path`.")
        data = {"matches": shown, "complete": len(matches) <= _MOST_MATCHES}
        return Answer(text="\n".join(listed) or "Nothing matches.", data=data, error=False)

    async def _there(self, run: str, path: str) -> tuple[File, str]:
        found = await self._files.read(run, path)
        if found is None:
            raise RequestError(
                f"there is no {path!r} in this run.",
                field="path",
                value=path,
                remedy=f"{FILES}_list tells which files there are.",
            )
        return found


def breach(error: LimitBreached) -> str:
    """A quota that would be passed, with its figure and where it is set."""
    return (
        f"Limit {error.limit!r} of {error.file} is {error.allowed:,.0f}, and this would make it"
        f" {error.wanted:,.0f}."
    )


def _matching(expression: Compiled, clock: Clock, lines: Sequence[str]) -> list[tuple[int, str]]:
    """The first matching lines with their numbers, one more than are shown."""
    found = (
        (number, line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…")
        for number, line in enumerate(lines, 1)
        if clock.matches(expression, line)
    )
    return list(islice(found, _MOST_MATCHES + 1))


def _about(file: File) -> dict[str, Json]:
    return {
        "path": file.path,
        "version": file.version,
        "bytes": file.bytes,
        "sha256": file.digest,
        "task": file.task,
        "specialist": file.specialist,
    }


def _wrong(told: str) -> Answer:
    return Answer(text=told, data=None, error=True)
