"""The routing stages over one tenant's specialists, as functions of their inputs.

The graph, the command line and the replay of a recorded run all decide here, so that they cannot
decide differently.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from langchain_core.language_models import BaseChatModel

from agents.routing.choose import by_model
from agents.routing.clarify import Asked
from agents.routing.decision import Dispatch, Route, listed_together
from agents.routing.decline import otherwise
from agents.routing.earlier import Earlier
from agents.routing.follow_up import form_of
from agents.routing.going_on import Choice, Unsure, goes_on, standing
from agents.routing.local import LocalClassifier
from agents.routing.rule import by_rule
from agents.routing.settings import Routing
from agents.routing.split import Reading, dispatches, read, route_of
from agents.routing.tenants import PermittedOnly, fallback_of, permitted
from agents.spec import Specialist
from runtime.canonical import digest
from runtime.errors import BoundaryBreach, LimitBreached

__all__ = ["Choice", "Desk", "Unsure"]


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
        """What tier `route` chooses: from the short list, or for each open part from its own.

        Args:
            asked: A question was asked already; a second one would try the user's patience.

        Raises:
            BoundaryBreach, LimitBreached: the model may not be asked, and no part is sure without.
        """
        chosen = await asyncio.gather(
            *(self._chosen(one, model) for one in unsure.choices), return_exceptions=True
        )
        refused = [one for one in chosen if isinstance(one, BaseException)]
        nothing = len(refused) == len(chosen) and not any(one.specialist for one in unsure.parts)
        for error in refused:
            if nothing or not isinstance(error, BoundaryBreach | LimitBreached):
                raise error
        routes = [
            # Not to the fallback: it would need a model as well.
            Route(kind="decline", stage="model", reason=str(one), candidates=choice.candidates)
            if isinstance(one, BaseException)
            else one
            for one, choice in zip(chosen, unsure.choices, strict=True)
        ]
        return self.settled(unsure, routes, earlier, asked=asked)

    async def _chosen(self, choice: Choice, model: BaseChatModel) -> Route:
        return await by_model(
            choice.text,
            choice.candidates,
            self.specialists,
            fallback=self.fallback,
            model=model,
        )

    def settled(
        self,
        unsure: Unsure,
        chosen: Sequence[Route],
        earlier: Earlier | None = None,
        *,
        asked: bool = False,
    ) -> Route:
        """The model's choices, one for each of `unsure.choices`, as the decision on the request."""
        routes = [
            self._unasked(choice.text, route, asked=asked, part=bool(unsure.parts))
            for choice, route in zip(unsure.choices, chosen, strict=True)
        ]
        if unsure.parts:
            return self._joined(unsure, routes)
        (route,) = routes
        update: dict[str, object] = {"threshold": unsure.threshold}
        if unsure.follows and earlier is not None:
            # Each worker gets the follow-up in the form that stands alone for it.
            own = (one.model_copy(update={"text": unsure.own}) for one in route.dispatches)
            update["dispatches"] = tuple(standing(one, earlier, self.specialists) for one in own)
            update["follows"] = unsure.follows
        return route.model_copy(update=update)

    def _unasked(self, text: str, route: Route, *, asked: bool, part: bool) -> Route:
        """The choice, without a question where none may be asked."""
        if route.kind != "clarify" or not (asked or part):
            return route
        why = "Nobody is asked about a part." if part else "It was asked once already."
        told = f"{route.reason} {why}".strip()
        instead = otherwise(
            text, "model", told, fallback=self.fallback, candidates=route.candidates
        )
        return instead.model_copy(update={"tokens": route.tokens})

    def _joined(self, unsure: Unsure, routes: Sequence[Route]) -> Route:
        """The chosen specialists beside those that the examples are sure of.

        A part that nobody takes is left out, with whatever needs it; the others are not lost by it.
        """
        names = iter(one.dispatches[0].specialist if one.dispatches else "" for one in routes)
        taken: list[Dispatch] = []
        for part in unsure.parts:
            specialist = part.specialist or next(names)
            there = {one.id for one in taken}
            if specialist and there.issuperset(part.needs):
                taken.append(part.model_copy(update={"specialist": specialist}))
        ids = {one.id for one in taken}
        left_out = tuple(one.text for one in unsure.parts if one.id not in ids)
        if not left_out and len({one.specialist for one in taken}) == 1:
            # One thing after all: its specialist gets it in one piece.
            taken = [taken[0].model_copy(update={"text": unsure.own, "needs": ()})]
        sure = sum(1 for one in unsure.parts if one.specialist)
        told = [one.reason for one in routes]
        told += ["The other parts are sure by their examples."] if sure else []
        return Route(
            kind="dispatch" if taken else "decline",
            stage="model",
            reason=" ".join(told),
            dispatches=tuple(taken),
            candidates=listed_together([one.candidates for one in routes]),
            threshold=unsure.threshold,
            left_out=left_out if taken else (),
            tokens=sum(one.tokens for one in routes),
        )


def _left_open(reading: Reading) -> Unsure:
    """What the model is asked: about each part that is not sure, or about the whole."""
    threshold = reading.whole.threshold
    open_ones = [part for part in reading.parts if not part.scored.sure]
    if not open_ones:
        whole = Choice(text=reading.text, candidates=reading.listed)
        return Unsure(own=reading.text, choices=(whole,), threshold=threshold)
    return Unsure(
        own=reading.text,
        choices=tuple(Choice(text=one.text, candidates=one.listed) for one in open_ones),
        threshold=threshold,
        parts=dispatches(reading),
    )
