"""How a secret may be written down, and what secrets of well-known services look like.

Pure text work; `tools/masking.py` decides where it is applied.
"""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

_SHORTEST_CODED = 8
"""Characters of base64; fewer turn up by chance."""
_SPLIT = 16
"""Characters of a secret that is also looked for where something broke it into lines."""

# Found in a fifth of the time of a pattern; every shape below begins with one.
HINTS = (
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    ".eyJ",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xox",
    "xapp-",
    "sk-",
    "sk_",
    "rk_",
    "SG.",
    "npm_",
    "pypi-",
    "hf_",
    "PRIVATE KEY",
    "://",
)
# Foreign text comes here within the event loop: no pattern may take more than linear time, so that
# what may be long begins where a word does, or is bounded.
_SHAPES = re.compile(
    r"""(?x) (?<![A-Za-z0-9]) (?:
      (?:AKIA|ASIA)[A-Z0-9]{16}                             # AWS
    | AIza[\w-]{30,} | ya29\.[\w-]{20,}                     # Google
    | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_\w{20,}       # GitHub
    | glpat-[\w-]{20,}                                      # GitLab
    | xox[abeoprs]-[\w-]{10,} | xapp-[\w-]{10,}             # Slack
    | sk-(?=[\w-]{0,80}\d)(?=[\w-]{0,80}(?:[A-Z]|[0-9a-f]{32}))[\w-]{20,}   # OpenAI, Anthropic
    | [sr]k_(?:live|test)_[A-Za-z0-9]{16,}                  # Stripe
    | SG\.[\w-]{16,}\.[\w-]{16,}                            # SendGrid
    | npm_[A-Za-z0-9]{30,} | pypi-[\w-]{50,} | hf_[A-Za-z0-9]{30,}
    | (?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}       # JSON Web Tokens
    )"""
)
_PEM = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.S,
)
_ADDRESS = re.compile(r"(://[^\s/:@\"'<>]{0,100}:)([^\s/@\"'<>]{3,400})(@)")
_BROKEN = r"[\s\\n\"'+,|>-]{0,12}"
"""What stands where a text was broken: ends of lines, also in JSON, indents, quotes."""


def forms(secret: str) -> set[str]:
    """How a secret may be written: as it is, in JSON once and twice, in an address, in base64 at
    each place of a longer text, in hexadecimal digits; of one with several lines, each long one."""
    once = json.dumps(secret)[1:-1]
    found = {
        secret,
        once,
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(once)[1:-1],
        once.replace("/", "\\/"),
        quote(secret, safe=""),
        secret.encode().hex(),
        secret.encode().hex().upper(),
    }
    found |= _in_base64(secret.encode())
    return found | {line for line in map(str.strip, secret.splitlines()) if len(line) >= _SPLIT}


def _in_base64(secret: bytes) -> set[str]:
    found = set()
    for before in range(3):
        coded = base64.b64encode(bytes(before) + secret).decode()
        # Without the digits that bytes before and after it have a share in.
        core = coded[(8 * before + 5) // 6 : 8 * (before + len(secret)) // 6]
        if len(core) >= _SHORTEST_CODED:
            found |= {core, core.replace("+", "-").replace("/", "_")}
    return found


def broken(secret: str) -> tuple[tuple[str, str], re.Pattern[str]] | None:
    """The two halves of a long secret, of which one is whole wherever it was broken once, and the
    pattern that finds it then; None for a short one."""
    if len(secret) < _SPLIT or not secret.isprintable():
        return None
    middle = len(secret) // 2
    return (secret[:middle], secret[middle:]), re.compile(_BROKEN.join(map(re.escape, secret)))


def looks_secret(text: str) -> bool:
    """Whether `shapeless` has to look; quick, and right whenever it says no."""
    return any(hint in text for hint in HINTS)


def shapeless(text: str, mask: str) -> str:
    """The text with `mask` for keys of well-known services, signed tokens, private keys, and
    passwords in addresses."""
    text = _PEM.sub(mask, _SHAPES.sub(mask, text))
    return _ADDRESS.sub(rf"\g<1>{mask}\g<3>", text) if "://" in text and "@" in text else text
