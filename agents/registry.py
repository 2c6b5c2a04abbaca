"""All specialists of a folder, by name. One broken file never keeps the others from working."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from agents.spec import Specialist, problems_of
from runtime.errors import ConfigError, RequestError


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

    @property
    def fallback(self) -> Specialist | None:
        """The specialist for what no other is sure of, if there is one."""
        return next((one for one in self.values() if one.fallback), None)

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
        one = problems_of(file)
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
