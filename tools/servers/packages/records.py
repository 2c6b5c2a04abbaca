"""What the package tools return; the field descriptions are part of their output schema."""

from typing import Literal

from pydantic import Field

from tools.servers.server import Record

Category = Literal["permissive", "weak-copyleft", "strong-copyleft", "proprietary", "unknown"]
SourceName = Literal["License-Expression", "Classifier", "License", "licence file"]


class PackageName(Record):
    """An installed distribution."""

    name: str = Field(description="Normalised: lower case, words joined by hyphens.")
    version: str


class PackageList(Record):
    """Installed distributions, sorted by name, each once."""

    total: int = Field(description="Packages in all, of which at most `limit` are listed.")
    packages: list[PackageName]
    unreadable: list[str] = Field(
        description="Metadata folders without a name or version; nothing can be said about them."
    )


class Declared(Record):
    """What the metadata says, word for word."""

    license_expression: str | None = Field(description="The field License-Expression.")
    classifiers: list[str] = Field(description="All classifiers that begin with License ::.")
    license_field: str | None = Field(
        description="The field License; cut to its first line if it holds a whole licence text."
    )
    license_field_is_text: bool = Field(
        description="True if the field License holds a whole licence text and not a name."
    )


class Detected(Record):
    """A licence that was recognised in a text, and where."""

    spdx_id: str
    line: int = Field(description="First line by which it was recognised, counted from 1.")
    text: str = Field(description="That line, word for word.")


class LicenceFile(Record):
    """A licence file that came with the package."""

    path: str = Field(description="Relative to site-packages.")
    part: Literal["own", "bundled"] = Field(
        description="own: of the package itself; bundled: of software inside the package."
    )
    detected: Detected | None = Field(description="The licence that the file begins with.")
    further: list[Detected] = Field(
        description="Licences of bundled software that the same file names."
    )


class Conflict(Record):
    """Two sources that do not agree."""

    first: str = Field(description="A source and what it says.")
    second: str = Field(description="Another source and what it says.")
    consequence: str = Field(description="Whether the category depends on it.")


class Requires(Record):
    """What the package needs, in this environment."""

    count: int = Field(description="Requirements that apply here, without extras.")
    names: list[str] = Field(description="Their normalised names.")
    optional: int = Field(description="Requirements of extras.")


class PackageLicence(Record):
    """The licence of one package, with the evidence for it."""

    name: str
    version: str
    spdx_expression: str | None = Field(description="Null if no source could be understood.")
    category: Category
    reason: str = Field(description="Which source decided, by which rule, and what the parts are.")
    decided_by: SourceName | None
    declared: Declared
    files: list[LicenceFile]
    conflicts: list[Conflict]
    requires: Requires


class LicenceList(Record):
    """The licences of several packages, in the order that was asked for."""

    packages: list[PackageLicence]
    not_installed: list[str] = Field(description="Names that this environment does not have.")


class CategoryPolicy(Record):
    """What one category means."""

    name: Category
    summary: str
    consequence: list[str] = Field(description="What follows for a product that ships a package.")
    licences: list[str] = Field(description="SPDX identifiers.")


class ExceptionPolicy(Record):
    """How a licence exception changes the category."""

    id: str
    category: Category


class Policy(Record):
    """The whole policy."""

    source: str = Field(description="Name of the policy file.")
    strictness: list[Category] = Field(
        description="Mildest first: OR takes the mildest part, AND the strictest."
    )
    categories: list[CategoryPolicy]
    exceptions: list[ExceptionPolicy]


class FileLine(Record):
    """One line of a licence file."""

    number: int
    text: str


class LicenceText(Record):
    """A range of lines of a licence file."""

    name: str
    version: str
    path: str
    total_lines: int
    start_line: int
    end_line: int = Field(description="Last line returned; start_line - 1 if there is none.")
    lines: list[FileLine]
    next_line: int | None = Field(
        description="Where to read on; null at the end of the asked range."
    )
