"""The first stage: what the caller says outright decides, and nothing else does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agents.routing.address import Addressed, Names, addressed
from agents.routing.clarify import Asked, chosen
from agents.routing.decision import Candidate, Dispatch, Route
from agents.routing.decline import otherwise
from agents.routing.settings import Routing
from agents.spec import Specialist


def by_rule(
    text: str,
    specialists: Mapping[str, Specialist],
    hint: str = "",
    *,
    routing: Routing | None = None,
    tenant: str = "",
    asked: Asked | None = None,
    fallback: Specialist | None = None,
) -> Route | None:
    """The route that the caller asked for; None when nothing was said outright.

    In this order: `hint`, an address or a link in front of the request, an answer that chooses
    one of the options of a question.

    Args:
        specialists: Those that the caller may use.
        tenant: Named in errors; empty when the tenant may use everybody.
        asked: The question that was asked before, with its answer.
        fallback: Takes the request when the answer wants none of the options.

    Raises:
        RequestError: a specialist is named that there is not, several could be meant, or nothing
            is asked of it.
    """
    if not specialists:
        why = f"Tenant {tenant!r} may use no specialist (tenants in routing.yaml)."
        return Route(kind="decline", stage="rule", reason=why)
    aliases = routing.aliases if routing else {}
    names = Names(specialists=specialists, aliases=aliases, tenant=tenant)
    if hint:
        name = names.resolve(hint)
        return _route((Addressed(specialist=name, text=text, how="the caller named it"),))
    if asked is not None and (decided := _answered(asked, names, specialists, fallback)):
        return decided
    if parts := addressed(text, names):
        return _route(parts, routing.references if routing else frozenset())
    return None


def _answered(
    asked: Asked, names: Names, specialists: Mapping[str, Specialist], fallback: Specialist | None
) -> Route | None:
    """What the answer to a clarifying question settles by itself."""
    # The answer first: "@notify" alone then stands in front of the request itself.
    if parts := addressed(f"{asked.answer}\n\n{asked.text}", names):
        return _route(parts)
    option = chosen(asked, specialists)
    if option is None:
        return None
    if not option.specialist:
        return otherwise(option.text, "rule", f"{option.how}.".capitalize(), fallback=fallback)
    if option.specialist not in specialists:
        return None
    return _route((Addressed(specialist=option.specialist, text=option.text, how=option.how),))


def _route(parts: Sequence[Addressed], references: frozenset[str] = frozenset()) -> Route:
    dispatches = tuple(
        Dispatch(
            id=f"d{number}",
            specialist=part.specialist,
            text=part.text,
            # "@notify mail it to her" after another part: what "it" is, is that part's result.
            needs=(f"d{number - 1}",)
            if number > 1 and part.text != parts[number - 2].text and _refers(part, references)
            else (),
        )
        for number, part in enumerate(parts, start=1)
    )
    return Route(
        kind="dispatch",
        stage="rule",
        reason=" ".join(f"{part.specialist}: {part.how}." for part in parts),
        dispatches=dispatches,
        candidates=tuple(
            Candidate(specialist=name, probability=1.0)
            for name in dict.fromkeys(part.specialist for part in parts)
        ),
    )


def _refers(part: Addressed, references: frozenset[str]) -> bool:
    return not references.isdisjoint(re.findall(r"[a-z]+", part.text.casefold()))
