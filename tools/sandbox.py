"""The tools `python` and `shell`: code of a model, run in the sandbox over the files of its run.

A call finds the run's files in its workspace, and what it writes there is stored with them, under
the same quotas. Nothing else leaves the sandbox but its output.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from ledger.files import File, Files, Quotas
from runtime.canonical import Json
from runtime.errors import LimitBreached, RequestError, ServerUnavailable
from tools.catalogue import Listed
from tools.invisible import cleaned, note
from tools.results import Answer
from tools.run_files import breach
from tools.sandbox_box import Box, Finished, NoSandbox, find_box
from tools.sandbox_limits import SandboxLimits
from tools.target import Origin

_LONGEST = 100_000
_MOST_FILES = 500


class Sandbox:
    """Runs code; where no sandbox is available, every call is refused with the reason."""

    def __init__(
        self,
        name: str,
        limits: SandboxLimits,
        files: Files,
        quotas: Quotas,
        *,
        parallel: int,
        hidden: tuple[Path, ...] = (),
    ) -> None:
        self.name = name
        self.reason = ""
        self.listed = _listed(limits)
        self._limits = limits
        self._files = files
        self._quotas = quotas
        self._hidden = hidden
        self._places = asyncio.Semaphore(parallel)
        self._trial = asyncio.Lock()
        self._box: Box | None = None
        self._refusal = ""

    async def learn(self) -> None:
        """Its tools are known from the start."""

    async def hold(self) -> None:
        """Nothing is kept open between calls."""

    def close(self) -> None:
        """Nothing is kept open between calls."""

    async def ready(self) -> Box:
        """The sandbox, tried once on this machine.

        Raises:
            ServerUnavailable: there is none; nothing is ever run without.
        """
        async with self._trial:
            if self._box is None and not self._refusal:
                try:
                    self._box = await find_box(self._limits, self._hidden)
                except NoSandbox as error:
                    self._refusal = str(error)
        if self._box is None:
            raise ServerUnavailable(self.name, self._refusal, remedy="")
        return self._box

    async def call(self, tool: str, arguments: dict[str, Json], origin: Origin, /) -> Answer:
        """Run the code of one call, and store what it wrote.

        Raises:
            ServerUnavailable: there is no sandbox here.
        """
        box = await self.ready()
        argv = [box.python, "/tmp/main"] if tool == "python" else ["/bin/sh", "/tmp/main"]
        try:
            files = await self._wanted(origin.context.run, arguments.get("files"))
        except RequestError as error:
            return Answer(text=str(error), data=None, error=True)
        async with self._places:
            try:
                done = await box.run(argv, arguments["code"], files)
            except NoSandbox as error:
                raise ServerUnavailable(self.name, str(error), remedy="") from error
        kept, skipped = await self._stored(done, origin)
        return _answer(done, kept, skipped, self._limits)

    async def _wanted(self, run: str, paths: list[str] | None) -> dict[str, str]:
        """The files of the run that go in; without a choice, all of them."""
        there = {file.path: file for file in await self._files.latest(run)}
        chosen = [self._known(there, path) for path in paths] if paths is not None else None
        wanted = list(there.values()) if chosen is None else chosen
        size = sum(file.bytes for file in wanted)
        if size > self._limits.workspace_bytes // 2 or len(wanted) > _MOST_FILES:
            raise RequestError(
                f"the {len(wanted):,} files take {size:,} bytes; at most {_MOST_FILES} files of"
                f" together {self._limits.workspace_bytes // 2:,} bytes fit.",
                field="files",
                value=paths,
                remedy="Name those that the code needs.",
            )
        found = {file.path: await self._files.read(run, file.path, file.version) for file in wanted}
        return {path: one[1] for path, one in found.items() if one is not None}

    def _known(self, there: dict[str, File], path: str) -> File:
        if path not in there:
            raise RequestError(
                f"there is no {path!r} in this run.",
                field="files",
                value=path,
                remedy="files_list tells which files there are.",
            )
        return there[path]

    async def _stored(self, done: Finished, origin: Origin) -> tuple[list[File], dict[str, str]]:
        """What of the workspace is a file of the run now, and why the rest is not."""
        kept: list[File] = []
        skipped = dict(done.skipped)
        for path, content in sorted(done.files.items()):
            try:
                kept.append(
                    await self._files.write(
                        origin.context, path, content, call=origin.call, quotas=self._quotas
                    )
                )
            except LimitBreached as error:
                skipped[path] = breach(error)
            except RequestError as error:
                skipped[path] = error.message
        return kept, skipped


def _answer(
    done: Finished, kept: list[File], skipped: dict[str, str], limits: SandboxLimits
) -> Answer:
    ended = f"exit code {done.code}"
    if done.why:
        allowed = getattr(limits, done.why, None)
        figure = f" of {allowed:,.10g}" if allowed is not None else ""
        ended = f"ended by its limit {done.why!r}{figure}"
    outputs = {name: cleaned(text) for name, text in _outputs(done, limits)}
    parts = [f"{ended}, {done.seconds:.2f} s"]
    parts += [f"{name}:\n{text}" for name, (text, _) in outputs.items() if text]
    parts += [f"Written: {file.path}, version {file.version}, {file.bytes:,} B" for file in kept]
    parts += [f"Not kept: {path}: {reason}" for path, reason in skipped.items()]
    data: Json = {
        "exit_code": done.code,
        "limit": done.why,
        **{name: text for name, (text, _) in outputs.items()},
        "written": [{"path": file.path, "version": file.version} for file in kept],
        "not_kept": skipped,
    }
    return Answer(
        text="\n".join(parts),
        data=data,
        error=bool(done.why) or done.code != 0,
        note=note(sum(taken for _, taken in outputs.values())),
    )


def _outputs(done: Finished, limits: SandboxLimits) -> list[tuple[str, str]]:
    most = limits.output_bytes
    return [("stdout", done.stdout[:most]), ("stderr", done.stderr[:most])]


def _listed(limits: SandboxLimits) -> list[Listed]:
    bounds = (
        f" There is no network. It starts in a folder with the files of this run, and text files"
        f" that it writes there are kept with them. At most {limits.seconds:g} s,"
        f" {limits.memory_bytes // 1_000_000:,} MB, {limits.processes} processes."
    )
    return [
        _tool("python", f"Run a Python script; print what you want to see.{bounds}"),
        _tool("shell", f"Run a script of /bin/sh.{bounds}"),
    ]


def _tool(name: str, description: str) -> Listed:
    return Listed(
        name=name,
        description=description,
        schema={
            "type": "object",
            "properties": {
                "code": {"type": "string", "minLength": 1, "maxLength": _LONGEST},
                "files": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Paths of the run's files that the code needs; else all.",
                },
            },
            "required": ["code"],
            "additionalProperties": False,
        },
        read_only=False,
        action="execute",
        contained=True,
    )
