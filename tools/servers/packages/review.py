"""Puts a package's sources together: which one decides, what follows, and who disagrees."""

from importlib.metadata import Distribution

from packaging.requirements import InvalidRequirement, Requirement

from tools.servers.packages.declared import Reading, declared, readings
from tools.servers.packages.environment import Installed, normalised
from tools.servers.packages.expressions import category, family, identifiers, parsed, rule
from tools.servers.packages.files import Paper, papers
from tools.servers.packages.policy import LicencePolicy
from tools.servers.packages.records import (
    Category,
    Conflict,
    Declared,
    Detected,
    LicenceFile,
    PackageLicence,
    Requires,
)
from tools.servers.packages.texts import detected


def review(package: Installed, policy: LicencePolicy) -> PackageLicence:
    """The licence of one package with its evidence; reads its files, so run it in a thread."""
    distribution = package.distribution()
    said = declared(distribution)
    found_papers = papers(package)
    found = [detected(paper.lines) for paper in found_papers]
    sources = readings(distribution, said, found_papers, found)
    first = sources[0] if sources else None
    kind: Category = "unknown" if first is None else category(first.expression, policy)
    return PackageLicence(
        name=package.name,
        version=package.version,
        spdx_expression=None if first is None else str(first.expression),
        category=kind,
        reason=_reason(said, first, kind, policy),
        decided_by=None if first is None else first.source,
        declared=said,
        files=[_file(paper, all_) for paper, all_ in zip(found_papers, found, strict=True)],
        conflicts=[
            *_disagreements(sources, policy),
            *_stricter_parts(first, kind, found_papers, found, policy),
        ],
        requires=_requires(distribution),
    )


def _file(paper: Paper, all_: list[Detected]) -> LicenceFile:
    first = all_[0] if all_ else None
    return LicenceFile(path=paper.path, part=paper.part, detected=first, further=all_[1:])


def _reason(said: Declared, reading: Reading | None, kind: Category, policy: LicencePolicy) -> str:
    if reading is None:
        words = said.license_expression or said.license_field or "; ".join(said.classifiers)
        if words:
            return f"unknown: the metadata says {words!r}, which names no licence, and no file does"
        return "unknown: neither the metadata nor a licence file names a licence"
    added = f" ({reading.how})" if reading.how else ""
    how = rule(reading.expression, policy)
    return f"{kind}: {reading.source} says {reading.says!r}{added}; {how}"


def _disagreements(sources: list[Reading], policy: LicencePolicy) -> list[Conflict]:
    if not sources:
        return []
    first = sources[0]
    ours = category(first.expression, policy)
    conflicts: list[Conflict] = []
    for other in sources[1:]:
        if not _agree(first, other):
            theirs = category(other.expression, policy)
            conflicts.append(
                Conflict(
                    first=f"{first.source}: {first.expression}",
                    second=f"{other.source}: {other.expression} ({other.says})",
                    consequence=_consequence(ours, theirs, first),
                )
            )
    return conflicts


def _agree(first: Reading, other: Reading) -> bool:
    """Whether they name the same families; a licence file may name only some of them."""
    mine = {family(each) for each in identifiers(first.expression)}
    theirs = {family(each) for each in identifiers(other.expression)}
    if other.source == "licence file":
        return theirs <= mine
    return mine == theirs


def _consequence(ours: Category, theirs: Category, first: Reading) -> str:
    if ours == theirs:
        return f"None for the category: both are {ours}."
    return f"The category depends on it: {ours} was taken, since {first.source} has precedence; "\
           f"the other would be {theirs}."  # fmt: skip


def _stricter_parts(
    first: Reading | None,
    kind: Category,
    all_papers: list[Paper],
    found: list[list[Detected]],
    policy: LicencePolicy,
) -> list[Conflict]:
    """Bundled software whose licence is stricter than the package's own."""
    if first is None:
        return []
    mine = {family(each) for each in identifiers(first.expression)}
    conflicts: list[Conflict] = []
    for paper, all_ in zip(all_papers, found, strict=True):
        for each in all_[1:] if paper.speaks_for_package else all_:
            theirs = _kind(each.spdx_id, policy)
            if family(each.spdx_id) not in mine and policy.strictest([kind, theirs]) != kind:
                conflicts.append(
                    Conflict(
                        first=f"{first.source}: {first.expression}",
                        second=f"{paper.path}:{each.line} names {each.spdx_id}",
                        consequence=f"The package's own licence stays {kind}; software that it "
                        f"bundles is {theirs}, which matters where those parts are shipped.",
                    )
                )
    return conflicts


def _kind(spdx_id: str, policy: LicencePolicy) -> Category:
    expression = parsed(spdx_id, known_only=False)
    return "unknown" if expression is None else category(expression, policy)


def _requires(distribution: Distribution) -> Requires:
    names: set[str] = set()
    optional = 0
    for line in distribution.requires or []:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.add(normalised(requirement.name))
        elif "extra" in str(requirement.marker):
            optional += 1
    return Requires(count=len(names), names=sorted(names), optional=optional)
