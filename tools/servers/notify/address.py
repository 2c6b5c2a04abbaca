"""Checks of what goes into an e-mail's header, where a line break would forge further headers."""

import re

from tools.servers.errors import BadArgument

_LOCAL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_REMEDY = "Give one plain address such as name@example.com"


def check_address(field: str, address: str) -> str:
    """`address` itself, if it is one plain ASCII address without a display name.

    Raises:
        BadArgument: it is not.
    """
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in address):
        raise BadArgument(field, address, "it contains a line break or control character", _REMEDY)
    if not address.isascii():
        problem = "it contains characters outside ASCII"
        raise BadArgument(field, address, problem, "Write the domain in its xn-- form")
    local, at, domain = address.rpartition("@")
    dots = local.startswith(".") or local.endswith(".") or ".." in local
    if not at or dots or not _LOCAL.fullmatch(local):
        raise BadArgument(field, address, "it is not an e-mail address", _REMEDY)
    labels = domain.split(".")
    named = len(labels) > 1 or domain.lower() == "localhost"
    if not named or len(address) > 254 or not all(_LABEL.fullmatch(each) for each in labels):
        raise BadArgument(field, address, "its domain is not valid", _REMEDY)
    return address


def check_subject(subject: str) -> str:
    """`subject` itself, if it fits on one line and is not empty.

    Raises:
        BadArgument: it does not, or it is.
    """
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in subject):
        problem = "it contains a line break or control character"
        raise BadArgument("subject", subject, problem, "Give one line of text")
    if not subject.strip():
        raise BadArgument("subject", subject, "it is empty", "Give a subject")
    return subject


def check_body(body: str) -> str:
    """`body` itself, if it is plain text.

    Raises:
        BadArgument: it has control characters other than tab and line breaks.
    """
    for letter in body:
        if ord(letter) < 32 and letter not in "\t\n\r":
            problem = f"it contains the control character {ord(letter)}"
            raise BadArgument("body", body, problem, "Give plain text")
    return body
