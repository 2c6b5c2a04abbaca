"""All specialists of a folder, by name. One broken file never keeps the others from working."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from agents.spec import Specialist, problems_of
from runtime.errors import ConfigError, RequestError
from runtime.yaml_source import load_yaml

RESERVED = frozenset(
    {
        "__start__",
        "__end__",
        "intake",
        "rule",
        "local",
        "model",
        "clarify",
        "decline",
        "dispatch",
        "judge",
        "respond",
        # What the routing model may answer in place of a name, and as whom it is asked.
        "none",
        "ask",
        "router",
    }
)
"""Names that no specialist may have: nodes of the supervisor, and words of the routing model."""


class Registry(Mapping[str, Specialist]):
    """The specialists that loaded; `problems` holds what kept the others out."""

    def __init__(
        self, specialists: Mapping[str, Specialist], problems: tuple[ConfigError, ...]
    ) -> None:
        self._specialists = dict(sorted(specialists.items()))
        self.problems = problems

    def __getitem__(self, name: str) -> Specialist:
        return self._specialists[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specialists)

    def __len__(self) -> int:
        return len(self._specialists)

    def require(self, name: str) -> Specialist:
        """The specialist of that name.

        Raises:
            RequestError: there is none; the message lists those there are.
        """
        if name not in self._specialists:
            raise RequestError(
                f"there is no specialist {name!r}",
                field="specialist",
                value=name,
                remedy=f"Use one of: {', '.join(self._specialists)}.",
            )
        return self._specialists[name]


def usable(file: Path) -> Specialist | list[ConfigError]:
    """The specialist that a file holds, or everything that keeps it from being used."""
    one = problems_of(file)
    if not isinstance(one, Specialist) or one.name not in RESERVED:
        return one
    return [
        ConfigError(
            f"the name {one.name!r} is reserved: a part of the supervisor has it",
            file=file,
            line=_line_of_name(file),
            field="name",
            remedy=f"Choose another, e.g. {one.name}-desk, for the file as well.",
        )
    ]


def _line_of_name(file: Path) -> int:
    front = file.read_text(encoding="utf-8").split("---", 2)[1]
    return load_yaml(front, file).line(["name"])


def load_registry(folder: Path) -> Registry:
    """Load every `*.md` of a folder.

    Raises:
        ConfigError: the folder does not exist or holds no usable specialist.
    """
    if not folder.is_dir():
        raise ConfigError(
            "this folder does not exist",
            file=folder,
            field="SWITCHYARD_SPECIALISTS",
            remedy="Set SWITCHYARD_SPECIALISTS to the folder of your specialist files.",
        )
    found: dict[str, Specialist] = {}
    problems: list[ConfigError] = []
    for file in sorted(folder.glob("*.md")):
        one = usable(file)
        if isinstance(one, Specialist):
            found[one.name] = one
        else:
            problems.extend(one)
    if not found:
        raise (
            problems[0]
            if problems
            else ConfigError(
                "there is no specialist file (*.md) in this folder",
                file=folder,
                remedy="Add one; docs/specialists.md shows how.",
            )
        )
    return Registry(found, tuple(problems))
