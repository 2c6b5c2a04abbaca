"""Which values of an installation are secrets: those that its configuration refers to as such.

Read once when the gateway opens. What is found here is masked wherever it turns up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools.config import ToolsConfig
from tools.rest_auth_terms import secrets_of

_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|AUTHORIZATION")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")
# Programs, folders and places: variables that entries refer to although there is nothing to hide.
_OPEN = re.compile(r"HOME|LANG|LC_\w+|LOGNAME|PATH|PYTHON|PWD|SHELL|TEMP|TERM|TMP|TMPDIR|TZ|USER")
_SHORTEST = 8
"""Of a value that only its variable's name makes a secret."""


def known_secrets(config: ToolsConfig, environment: Mapping[str, str]) -> set[str]:
    """The secrets in this environment and in the files that hold credentials. It reads files."""
    found = {
        value
        for name, value in environment.items()
        if _NAME.search(name) and len(value) >= _SHORTEST and not _is_place(value)
    }
    for value in environment.values():
        found |= set(_of_address(value))
    for name in _referred(config):
        value = environment.get(name, "")
        if not _OPEN.fullmatch(name) and not _is_place(value):
            found.add(value)
    return {part for value in found for part in _parts(value) if part} | set(_of_files(config))


def _referred(config: ToolsConfig) -> set[str]:
    """Variables that entries of the file put in somewhere, or take credentials from."""
    names = set()
    for spec in config.servers.values():
        names |= set(_VARIABLE.findall(spec.model_dump_json()))
        for wanted in (*spec.switchyard.credentials.values(), secrets_of(spec.auth)):
            names |= {one.env for one in wanted.values() if one.env}
    return names


def _of_files(config: ToolsConfig) -> Iterator[str]:
    for spec in config.servers.values():
        for wanted in (*spec.switchyard.credentials.values(), secrets_of(spec.auth)):
            for one in wanted.values():
                file = Path(config.file.parent, one.file) if one.file else None
                try:
                    if file is not None:
                        yield file.read_text().strip()
                except (OSError, UnicodeDecodeError):
                    # Whoever needs it says what is wrong with it.
                    continue


def _of_address(value: str) -> Iterator[str]:
    """The password of an address such as postgresql://user:password@host/."""
    if "://" not in value or "@" not in value:
        return
    try:
        password = urlsplit(value).password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)


def _parts(value: str) -> Iterator[str]:
    """The value, and the keys of a list such as `name:key,other:key`."""
    yield value.strip()
    for pair in value.split(","):
        _, colon, key = pair.partition(":")
        if colon and len(key.strip()) >= _SHORTEST and "/" not in key[:2]:
            yield key.strip()


def _is_place(value: str) -> bool:
    return value.startswith(("/", "./", "../", "~", "http://", "https://", "sqlite:"))
