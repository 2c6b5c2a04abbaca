"""A specialist file that loads, together with the lines on which its keys stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.registry import usable
from agents.spec import Specialist
from runtime.errors import ConfigError
from runtime.yaml_source import Located, load_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The file with its parsed form."""

    specialist: Specialist
    text: str
    located: Located

    def problem(
        self, path: Sequence[str | int], reason: str, remedy: str, *, line: int = 0
    ) -> ConfigError:
        """A problem with what stands at `path` of the front matter, or on a given line."""
        return ConfigError(
            reason,
            file=self.specialist.file,
            line=line or self.located.line(path),
            field=".".join(str(part) for part in path),
            remedy=remedy,
        )


def read_all(folder: Path) -> tuple[list[Source], list[ConfigError]]:
    """Every file of a folder that loads, and all that is wrong with the others."""
    files = sorted(folder.glob("*.md")) if folder.is_dir() else []
    if not files:
        remedy = "Add one (docs/specialists.md shows how), or set SWITCHYARD_SPECIALISTS."
        return [], [ConfigError("there is no specialist file (*.md)", file=folder, remedy=remedy)]
    sources: list[Source] = []
    problems: list[ConfigError] = []
    for file in files:
        found = usable(file)
        if isinstance(found, Specialist):
            sources.append(_source(found))
        else:
            problems.extend(found)
    return sources, problems + _named_twice(files)


def front_of(text: str) -> str:
    """The front matter: what stands between the first line `---` and the next one."""
    lines = text.splitlines(keepends=True)
    ends = [at for at, line in enumerate(lines) if line.rstrip() == "---"]
    return "".join(lines[1 : ends[1]]) if len(ends) > 1 else ""


def _source(specialist: Specialist) -> Source:
    text = specialist.file.read_text(encoding="utf-8")
    located = load_yaml(front_of(text), specialist.file, first_line=2)
    return Source(specialist=specialist, text=text, located=located)


def _named_twice(files: Iterable[Path]) -> list[ConfigError]:
    """Files that give a name which another file has, whether or not they load otherwise."""
    first: dict[str, Path] = {}
    problems = []
    for file in files:
        try:
            located = load_yaml(front_of(file.read_text(encoding="utf-8")), file, first_line=2)
        except (ConfigError, OSError, UnicodeDecodeError):
            continue  # told already by whoever loads the file
        name = located.data.get("name") if isinstance(located.data, dict) else None
        if isinstance(name, str) and first.setdefault(name, file) is not file:
            problems.append(
                ConfigError(
                    f"the name {name!r} is taken by {first[name].name}",
                    file=file,
                    line=located.line(["name"]),
                    field="name",
                    remedy="Give this specialist a name of its own, and its file the same.",
                )
            )
    return problems
