"""The routing stages over one tenant's specialists, as functions of their inputs.

The graph, the command line and the replay of a recorded run all decide here, so that they cannot
decide differently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from langchain_core.language_models import BaseChatModel

from agents.routing.choose import by_model
from agents.routing.clarify import Asked
from agents.routing.decision import Dispatch, Route
from agents.routing.decline import otherwise
from agents.routing.earlier import Earlier
from agents.routing.follow_up import form_of
from agents.routing.going_on import Unsure, goes_on, standing
from agents.routing.local import LocalClassifier
from agents.routing.rule import by_rule
from agents.routing.settings import Routing
from agents.routing.split import Reading, dispatches, read, route_of
from agents.routing.tenants import PermittedOnly, fallback_of, permitted
from agents.spec import Specialist
from runtime.canonical import digest

__all__ = ["Desk", "Unsure"]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Who can be routed to for one tenant, and by what.

    Every stage is a function of its arguments: the same desk and the same request give the same
    decision.
    """

    registry: Mapping[str, Specialist]
    trained: LocalClassifier
    routing: Routing
    tenant: str

    @cached_property
    def specialists(self) -> dict[str, Specialist]:
        """Those that the tenant may use."""
        return permitted(self.registry, self.routing, self.tenant)

    @cached_property
    def fallback(self) -> Specialist | None:
        """Takes what no other is sure of."""
        return fallback_of(self.specialists, self.routing, self.tenant)

    @cached_property
    def classifier(self) -> PermittedOnly:
        """The local classifier, without those that the tenant may not use."""
        return PermittedOnly(self.trained, self.specialists)

    @cached_property
    def identity(self) -> str:
        """Of all that a decision depends on besides its request: specialists as a model is shown
        them, examples, encoder, settings. Desks of equal identity decide alike."""
        shown = {name: one.summary for name, one in self.registry.items()}
        return digest([self.trained.identity, self.routing.identity(), shown])[:16]

    def by_rule(
        self, text: str, hint: str = "", asked: Asked | None = None, earlier: Earlier | None = None
    ) -> Route | None:
        """What the caller said outright; see `agents.routing.rule.by_rule`."""
        limited = len(self.specialists) < len(self.registry)
        route = by_rule(
            text,
            self.specialists,
            hint,
            routing=self.routing,
            tenant=self.tenant if limited or not self.registry else "",
            asked=asked,
            fallback=self.fallback,
        )
        if route is None or earlier is None or route.kind != "dispatch":
            return route
        first, *rest = route.dispatches
        form = form_of(first.text, self.routing.follow_ups, self.routing.references)
        if form.mark not in ("repeats", "elliptic", "refers"):
            return route
        return route.model_copy(
            update={
                "dispatches": (standing(first, earlier, self.specialists), *rest),
                "follows": earlier.run,
                "reason": f"{route.reason} It goes on from run {earlier.run}: {form.why}.",
            }
        )

    def by_local(self, text: str, earlier: Earlier | None = None) -> Route | Unsure:
        """What the examples decide for no tokens, or what they leave to the model."""
        if earlier is not None:
            form = form_of(text, self.routing.follow_ups, self.routing.references)
            decided = goes_on(text, form, earlier, self.classifier, self.specialists, self.routing)
            if decided is not None:
                return decided
        reading = read(text, self.classifier, self.routing)
        if route := route_of(reading):
            return route
        if reading.whole.outside and not reading.parts:
            told = f"The request is far from every example, with {reading.whole.none:.0%}."
            short = reading.listed
            gone = otherwise(text, "local", told, fallback=self.fallback, candidates=short)
            return gone.model_copy(update={"threshold": reading.whole.threshold})
        return _left_open(reading)

    async def by_model(
        self,
        unsure: Unsure,
        model: BaseChatModel,
        earlier: Earlier | None = None,
        *,
        asked: bool = False,
    ) -> Route:
        """What tier `route` chooses from the short list.

        Args:
            asked: A question was asked already; a second one would try the user's patience.

        Raises:
            BoundaryBreach, LimitBreached: the model may not be asked.
        """
        route = await by_model(
            unsure.text,
            unsure.candidates,
            self.specialists,
            fallback=self.fallback,
            model=model,
        )
        return self.settled(unsure, route, earlier, asked=asked)

    def settled(
        self, unsure: Unsure, route: Route, earlier: Earlier | None = None, *, asked: bool = False
    ) -> Route:
        """A choice of the model as the decision on the request."""
        if route.kind == "clarify" and (asked or unsure.parts):
            why = "Nobody is asked about a part." if unsure.parts else "It was asked once already."
            told = f"{route.reason} {why}".strip()
            tokens = route.tokens
            route = otherwise(
                unsure.text,
                "model",
                told,
                fallback=self.fallback,
                candidates=route.candidates,
            ).model_copy(update={"tokens": tokens})
        update: dict[str, object] = {"threshold": unsure.threshold}
        if unsure.follows and earlier is not None:
            # Each worker gets the follow-up in the form that stands alone for it.
            own = (one.model_copy(update={"text": unsure.own}) for one in route.dispatches)
            update["dispatches"] = tuple(standing(one, earlier, self.specialists) for one in own)
            update["follows"] = unsure.follows
        if unsure.parts and route.kind == "dispatch":
            update["dispatches"] = _filled(unsure.parts, route.dispatches[0].specialist)
            update["reason"] = f"{route.reason} The other parts are sure by their examples."
        return route.model_copy(update=update)


def _left_open(reading: Reading) -> Unsure:
    """What the model is asked: about the one part that is not sure, or about all of it."""
    scored, own = reading.whole, reading.text
    unsure = [part for part in reading.parts if not part.scored.sure]
    if len(unsure) != 1:
        return Unsure(text=own, own=own, candidates=reading.listed, threshold=scored.threshold)
    part = unsure[0]
    return Unsure(
        text=part.text,
        own=own,
        candidates=part.scored.candidates[: part.scored.short_list],
        threshold=part.scored.threshold,
        parts=dispatches(reading),
    )


def _filled(parts: Sequence[Dispatch], specialist: str) -> tuple[Dispatch, ...]:
    return tuple(
        one if one.specialist else one.model_copy(update={"specialist": specialist})
        for one in parts
    )
