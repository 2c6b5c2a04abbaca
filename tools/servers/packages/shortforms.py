"""Reads what people write into the short form of the metadata field License."""

import re

from tools.servers.packages.expressions import Parsed, joined, parsed

_LICENCE = r"(?:\s*licen[cs]e)?"
_VERSION = r"(?:\s*,?\s*(?:version|ver\.?|v\.?)?\s*-?)"

# Longer names first, since each match is taken out of the text.
_NAMES: tuple[tuple[str, str], ...] = (
    (r"(?:gnu )?(?:affero general public licen[cs]e|agpl)" + _VERSION + r"3(?:\.0)?", "AGPL-3.0"),
    (r"(?:gnu )?(?:lesser general public licen[cs]e|lgpl)" + _VERSION + r"3(?:\.0)?", "LGPL-3.0"),
    (r"(?:gnu )?(?:lesser general public licen[cs]e|lgpl)" + _VERSION + r"2\.1", "LGPL-2.1"),
    (r"(?:gnu )?(?:library general public licen[cs]e|lgpl)" + _VERSION + r"2(?:\.0)?", "LGPL-2.0"),
    (r"(?:gnu )?(?:general public licen[cs]e|gpl)" + _VERSION + r"3(?:\.0)?", "GPL-3.0"),
    (r"(?:gnu )?(?:general public licen[cs]e|gpl)" + _VERSION + r"2(?:\.0)?", "GPL-2.0"),
    (r"(?:gnu )?(?:affero general public licen[cs]e|agpl)", "LicenseRef-unversioned-AGPL"),
    (r"(?:gnu )?(?:lesser general public licen[cs]e|lgpl)", "LicenseRef-unversioned-LGPL"),
    (r"(?:gnu )?(?:general public licen[cs]e|gpl)", "LicenseRef-unversioned-GPL"),
    (r"mozilla public licen[cs]e(?: \(mpl\))?" + _VERSION + r"2(?:\.0)?", "MPL-2.0"),
    (r"mpl" + _VERSION + r"2(?:\.0)?", "MPL-2.0"),
    (r"apache(?: software)?" + _LICENCE + _VERSION + r"2(?:\.0)?" + _LICENCE, "Apache-2.0"),
    (r"apache(?: software)?" + _LICENCE, "Apache-2.0"),
    (r"(?:3|three)[- ]clause bsd" + _LICENCE, "BSD-3-Clause"),
    (r"(?:2|two)[- ]clause bsd" + _LICENCE, "BSD-2-Clause"),
    (r"(?:new|modified|revised) bsd" + _LICENCE, "BSD-3-Clause"),
    (r"simplified bsd" + _LICENCE, "BSD-2-Clause"),
    (r"bsd[- ]?3(?:[- ]clause)?" + _LICENCE, "BSD-3-Clause"),
    (r"bsd[- ]?2(?:[- ]clause)?" + _LICENCE, "BSD-2-Clause"),
    (r"bsd" + _LICENCE, "LicenseRef-BSD"),
    (r"mit-0", "MIT-0"),
    (r"(?:the )?(?:expat|mit)" + _LICENCE + r"(?: \(mit\))?", "MIT"),
    (r"isc" + _LICENCE, "ISC"),
    (r"(?:psf|python software foundation)" + _LICENCE + r"(?:-2\.0)?", "PSF-2.0"),
    (r"elastic" + _LICENCE + _VERSION + r"2(?:\.0)?", "Elastic-2.0"),
    (r"(?:business source licen[cs]e|busl|bsl)" + _VERSION + r"1\.1", "BUSL-1.1"),
    (r"eclipse public licen[cs]e" + _VERSION + r"2(?:\.0)?", "EPL-2.0"),
    (r"(?:the )?unlicen[cs]e", "Unlicense"),
    (r"zlib" + _LICENCE, "Zlib"),
    (r"cc0(?:[- ]1\.0)?", "CC0-1.0"),
    (r"public domain", "LicenseRef-Public-Domain"),
    (r"(?:commercial|proprietary)" + _LICENCE, "LicenseRef-Proprietary"),
)
_LATER = r"(?P<later>\+|\s*or\s+(?:any\s+)?later(?:\s+version)?)?"
_JOINS = re.compile(r"[\s,;/&+()]|\band\b|\bor\b|\bthe\b|\blicen[cs]es?\b")


def short_form(text: str) -> Parsed | None:
    """The expression that a short text means; None if something in it is not understood.

    A list without "or" or a slash is taken as AND, the cautious reading.
    """
    exact = parsed(text, known_only=True)
    if exact is not None:
        return exact
    rest = text.lower()
    found: list[tuple[int, str]] = []
    for pattern, identifier in _NAMES:
        for match in re.finditer(rf"(?<![a-z0-9]){pattern}{_LATER}(?![a-z0-9.])", rest):
            found.append((match.start(), _versioned(identifier, bool(match.group("later")))))
        rest = re.sub(rf"(?<![a-z0-9]){pattern}{_LATER}(?![a-z0-9.])", _blank, rest)
    if not found or _JOINS.sub("", rest):
        return None
    operator = "OR" if re.search(r"\bor\b|/", rest) else "AND"
    return joined(list(dict.fromkeys(name for _, name in sorted(found))), operator)


def says_choice(text: str) -> bool:
    """Whether a short text says that one of several licences may be chosen."""
    return bool(re.search(r"\b(dual|either|or)\b|/", text.lower()))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _versioned(identifier: str, later: bool) -> str:
    if "GPL-" not in identifier:
        return identifier
    return f"{identifier}-or-later" if later else f"{identifier}-only"
