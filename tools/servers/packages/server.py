"""The tools of the packages server; all of them only read."""

import asyncio
import os
from typing import Annotated

from pydantic import Field

from tools.servers.errors import BadArgument
from tools.servers.packages.environment import Environment, read_environment
from tools.servers.packages.files import papers
from tools.servers.packages.policy import LicencePolicy, read_policy
from tools.servers.packages.records import (
    Category,
    FileLine,
    LicenceList,
    LicenceText,
    PackageLicence,
    PackageList,
    Policy,
)
from tools.servers.packages.review import review
from tools.servers.server import READ, ToolServer

MAX_NAMES = 25
MAX_LINES = 400
_LINE_SHOWN = 4000

Name = Annotated[
    str,
    Field(
        description="Name of an installed package, in any spelling, such as scikit-learn.",
        min_length=1,
        max_length=200,
    ),
]

_INSTRUCTIONS = (
    "Licences of the Python packages installed in one environment, judged by a policy file. Each "
    "answer carries its evidence: the metadata fields, the licence files and the line by which a "
    "licence was recognised. Paths are relative to site-packages."
)


class PackageTools:
    """The tools, each an async method whose docstring is its description."""

    def __init__(self, environment: Environment, policy: LicencePolicy) -> None:
        self._environment = environment
        self._policy = policy

    async def list_packages(
        self,
        limit: Annotated[
            int | None, Field(description="How many to list at most; null for all.", ge=1)
        ] = None,
    ) -> PackageList:
        """List the installed Python packages with name and version, sorted by name."""
        return await asyncio.to_thread(self._environment.list, limit)

    async def get_licence(self, name: Name) -> PackageLicence:
        """Find the licence of one package: SPDX expression, category by the policy, the reason,
        what each metadata field says, licence files, and sources that disagree."""
        return await asyncio.to_thread(self._review, name)

    async def get_licences(
        self,
        names: Annotated[
            list[Name],
            Field(
                description=f"Names of 1 to {MAX_NAMES} installed packages.",
                min_length=1,
                max_length=MAX_NAMES,
            ),
        ],
    ) -> LicenceList:
        """Find the licences of up to 25 packages at once, with the same facts as get_licence."""
        return await asyncio.to_thread(self._review_all, names)

    async def get_policy(
        self,
        categories: Annotated[
            list[Category] | None,
            Field(description="Only these categories; all of them if absent."),
        ] = None,
    ) -> Policy:
        """Read the licence policy: the categories, the licences in each, and what follows for a
        product that ships a package of that category."""
        policy = self._policy.public
        if categories is None:
            return policy
        kept = [one for one in policy.categories if one.name in categories]
        return policy.model_copy(update={"categories": kept})

    async def read_licence_file(
        self,
        name: Name,
        path: Annotated[
            str,
            Field(
                description="Path of one of the package's licence files, as get_licence gives it.",
                min_length=1,
                max_length=1000,
            ),
        ],
        start_line: Annotated[int, Field(description="First line, from 1.", ge=1)] = 1,
        end_line: Annotated[
            int | None, Field(description="Last line, included; null for the end.", ge=1)
        ] = None,
    ) -> LicenceText:
        """Read lines of a package's licence file, at most 400 at a time; next_line says where to
        read on."""
        return await asyncio.to_thread(self._read, name, path, start_line, end_line)

    def _review(self, name: str) -> PackageLicence:
        return review(self._environment.get(name), self._policy)

    def _review_all(self, names: list[str]) -> LicenceList:
        found = {name: self._environment.find(name) for name in dict.fromkeys(names)}
        missing = [name for name, package in found.items() if package is None]
        if len(missing) == len(found):
            remedy = "Use list_packages to see all"
            problem = "none of them is installed in this environment"
            raise BadArgument("names", ", ".join(missing), problem, remedy)
        # Two spellings of one package are one package.
        packages = {package.name: package for package in found.values() if package is not None}
        reviewed = [review(package, self._policy) for package in packages.values()]
        return LicenceList(packages=reviewed, not_installed=missing)

    def _read(self, name: str, path: str, start: int, end: int | None) -> LicenceText:
        package = self._environment.get(name)
        by_path = {paper.path: paper.lines for paper in papers(package)}
        if path not in by_path:
            known = ", ".join(by_path) or "none"
            problem = f"it is no licence file of {package.name}"
            raise BadArgument("path", path, problem, f"Its licence files: {known}")
        lines = by_path[path]
        if start > max(len(lines), 1):
            problem = f"the file has {len(lines)} lines"
            raise BadArgument("start_line", start, problem, "Give a line of the file")
        if end is not None and end < start:
            problem = f"it is before start_line {start}"
            raise BadArgument("end_line", end, problem, "Give a later line")
        wanted = min(end or len(lines), len(lines))
        last = min(wanted, start + MAX_LINES - 1)
        numbered = [
            FileLine(number=number, text=lines[number - 1][:_LINE_SHOWN])
            for number in range(start, last + 1)
        ]
        return LicenceText(
            name=package.name,
            version=package.version,
            path=path,
            total_lines=len(lines),
            start_line=start,
            end_line=last,
            lines=numbered,
            next_line=last + 1 if last < wanted else None,
        )


def build() -> ToolServer:
    """The server.

    Raises:
        BadSetup: the environment or the policy file cannot be used.
    """
    tools = PackageTools(read_environment(os.environ), read_policy(os.environ))
    server = ToolServer("packages", instructions=_INSTRUCTIONS)
    for read in (
        tools.list_packages,
        tools.get_licence,
        tools.get_licences,
        tools.get_policy,
        tools.read_licence_file,
    ):
        server.offer(read, READ)
    return server
