"""An independent reading of installed licences: no policy file, no code of ours.

Permissive or not is all that it says, by words that the metadata uses.
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distributions

_PERMISSIVE = re.compile(
    r"""\b(MIT(-0|-CMU|\sLicense)?|Expat|BSD([\s-]\w+)*|0BSD|Apache([\s-][\w.]+)*|ISC(L)?|
    PSF(-2\.0)?|Python\sSoftware\sFoundation|Python-2\.0|CNRI-Python|Zlib|Unlicense|
    HPND|Historical\sPermission|The\sUnlicense|Public\sDomain|CC0-1\.0|BlueOak-1\.0\.0)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_OTHER = re.compile(
    r"\b(A?GPL|LGPL|GNU|MPL|Mozilla|EPL|Eclipse|EUPL|Elastic|Proprietary|Commercial|SSPL|BUSL)",
    re.IGNORECASE,
)


def readings() -> dict[str, str]:
    """Normalised name of each installed distribution with `permissive`, `other` or `unclear`."""
    found = {}
    for one in distributions():
        name = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()
        found.setdefault(name, _reading(one))
    return found


def _reading(one: Distribution) -> str:
    expression = one.metadata.get("License-Expression")
    if expression:
        return _of_expression(expression)
    classifiers = [
        line.split("::")[-1]
        for line in one.metadata.get_all("Classifier") or []
        if line.startswith("License ::") and not line.endswith(("OSI Approved", "DFSG approved"))
    ]
    if len(classifiers) > 1 and "at your choice" in " ".join(_description(one).split()):
        return _of_expression(" OR ".join(classifiers))
    field = (one.metadata.get("License") or "").strip().split("\n")[0]
    said = classifiers or [field or _top_of_licence_file(one)]
    return _worst([_of_words(words) for words in said])


def _description(one: Distribution) -> str:
    return str(one.metadata.get_payload() or one.metadata.get("Description") or "")


def _top_of_licence_file(one: Distribution) -> str:
    for file in one.files or []:
        if ".dist-info" in str(file) and file.name.upper().startswith(("LICENSE", "LICENCE")):
            return str(file.locate().read_text(encoding="utf-8"))[:300]
    return ""


def _of_expression(expression: str) -> str:
    """AND needs every part, OR needs one; the bundled metadata nests no deeper than one level."""
    parts = re.split(r"\s+AND\s+(?![^(]*\))", expression)
    return _worst(
        [
            "permissive"
            if any(_of_words(choice) == "permissive" for choice in re.split(r"\s+OR\s+", part))
            else _worst([_of_words(choice) for choice in re.split(r"\s+OR\s+", part)])
            for part in parts
        ]
    )


def _of_words(words: str) -> str:
    if _OTHER.search(words):
        return "other"
    return "permissive" if _PERMISSIVE.search(words) else "unclear"


def _worst(readings: list[str]) -> str:
    for verdict in ("other", "unclear"):
        if verdict in readings:
            return verdict
    return "permissive"
