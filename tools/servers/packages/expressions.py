"""Reads SPDX licence expressions and judges them by the policy."""

from functools import cache
from itertools import chain
from typing import TypeAlias

from license_expression import (
    AND,
    OR,
    ExpressionError,
    ExpressionParseError,
    LicenseSymbol,
    LicenseWithExceptionSymbol,
    Licensing,
    Renderable,
    get_spdx_licensing,
)

from tools.servers.packages.policy import LicencePolicy
from tools.servers.packages.records import Category

Parsed: TypeAlias = Renderable


@cache
def _licensing() -> Licensing:
    return get_spdx_licensing()


def parsed(text: str, *, known_only: bool) -> Parsed | None:
    """The expression in `text`, identifiers in their official spelling; None if it is none.

    With `known_only`, an identifier that SPDX does not know makes it none.
    """
    try:
        return _licensing().parse(text, validate=known_only, strict=known_only)
    except (ExpressionError, ExpressionParseError):
        return None


def joined(identifiers: list[str], operator: str) -> Parsed | None:
    """The expression of several identifiers joined by AND or OR."""
    return parsed(f" {operator} ".join(identifiers), known_only=False) if identifiers else None


def identifiers(expression: Parsed) -> list[str]:
    """All identifiers, in order, each once; `X WITH Y` counts as one."""
    if isinstance(expression, (AND, OR)):
        nested = chain.from_iterable(identifiers(part) for part in expression.args)
        return list(dict.fromkeys(nested))
    return [str(expression)]


def family(identifier: str) -> str:
    """What two sources must agree on: `GPL-3.0-or-later` and `GPL-3.0-only` are one family."""
    plain = identifier.split(" WITH ")[0].lower()
    for ending in ("-only", "-or-later", "+"):
        plain = plain.removesuffix(ending)
    same = {"python-2.0": "psf-2.0", "python-2.0.1": "psf-2.0", "mit-cmu": "hpnd"}
    return same.get(plain, plain)


def category(expression: Parsed, policy: LicencePolicy) -> Category:
    """OR takes the mildest part, AND the strictest, WITH asks for the exception."""
    if isinstance(expression, OR):
        return policy.mildest([category(part, policy) for part in expression.args])
    if isinstance(expression, AND):
        return policy.strictest([category(part, policy) for part in expression.args])
    if isinstance(expression, LicenseWithExceptionSymbol):
        licence, exception = expression.license_symbol.key, expression.exception_symbol.key
        return policy.with_exception(str(licence), str(exception))
    if isinstance(expression, LicenseSymbol):
        return policy.licence(str(expression.key))
    return "unknown"


def rule(expression: Parsed, policy: LicencePolicy) -> str:
    """How the category follows, in words."""
    parts = ", ".join(f"{each} is {_of(each, policy)}" for each in identifiers(expression))
    operators = {type(node) for node in _nodes(expression)}
    if operators == {OR}:
        return f"OR leaves the choice, so the mildest part counts: {parts}"
    if operators == {AND}:
        return f"AND joins, so the strictest part counts: {parts}"
    if operators:
        return f"AND takes the strictest part, OR the mildest: {parts}"
    return f"by the policy {parts}"


def _of(identifier: str, policy: LicencePolicy) -> Category:
    expression = parsed(identifier, known_only=False)
    return "unknown" if expression is None else category(expression, policy)


def _nodes(expression: Parsed) -> list[Parsed]:
    if not isinstance(expression, (AND, OR)):
        return []
    return [expression, *chain.from_iterable(_nodes(part) for part in expression.args)]
