"""Where a follow-up goes: to whoever had the request before it, or on to somebody new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from agents.routing.decision import Candidate, Dispatch, Route, Scored, listed_together
from agents.routing.earlier import Earlier, going_on
from agents.routing.follow_up import Form
from agents.routing.settings import Routing
from agents.routing.split import by_examples
from agents.routing.tenants import PermittedOnly
from agents.spec import Specialist
from harness.plan import Frozen


class Choice(Frozen):
    """What the model chooses once: a specialist for one text, out of a short list."""

    text: str
    candidates: tuple[Candidate, ...]


class Unsure(Frozen):
    """What the local stage leaves to the model."""

    own: str
    """The words of the request itself."""
    choices: tuple[Choice, ...] = Field(min_length=1)
    """One for the request, which stands alone here where it is a follow-up; of a request with
    several parts one for each that is not sure, in their order."""
    threshold: float | None = None
    follows: str = ""
    """The run that the request goes on from."""
    parts: tuple[Dispatch, ...] = ()
    """Of a request with several parts: its dispatches. Those that are left to the model have no
    specialist yet."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Everybody on any of the short lists."""
        return listed_together([one.candidates for one in self.choices])


def goes_on(
    text: str,
    form: Form,
    earlier: Earlier,
    classifier: PermittedOnly,
    specialists: Mapping[str, Specialist],
    routing: Routing,
) -> Route | Unsure | None:
    """What becomes of a request that may be a follow-up; None when it is a new request.

    A request whose form shows nothing is new. One that names a new action, by its examples, goes
    to that specialist with the earlier results. Every other goes to who had the earlier request.
    """
    here = [name for name in earlier.specialists if name in specialists]
    if not form.mark or not here:
        return None
    scored = classifier.score(form.plain)
    first = scored.candidates[0] if scored.candidates else None
    sure = first.specialist if first and scored.sure else ""
    if form.mark == "repeats":
        return _route(form, earlier, scored, _repeated(text, earlier, specialists))
    if sure and (form.mark == "named" or (form.mark == "fragment" and sure not in here)):
        return None
    if parts := _parts(form, classifier, routing):
        return _route(form, earlier, scored, (standing(parts[0], earlier, specialists), *parts[1:]))
    if sure and sure not in here and not form.back:
        if form.mark != "refers" and not _takes_results(specialists[sure]):
            return None
        return _route(form, earlier, scored, _one(text, sure, earlier, specialists))
    if form.mark == "named" and not sure:
        # "Marta Lindqvist" goes on, "restart server EU-3" does not: its form does not tell.
        return _unsure(text, earlier, scored, here)
    nearest = max(here, key=lambda name: _probability(scored, name))
    rest = max(scored.none, _probability(scored, nearest))
    if not sure and form.whole and first and first.probability > rest:
        return _unsure(text, earlier, scored, here)
    return _route(form, earlier, scored, _one(text, nearest, earlier, specialists))


def standing(one: Dispatch, earlier: Earlier, specialists: Mapping[str, Specialist]) -> Dispatch:
    """A dispatch that goes on from an earlier request, with all that its worker needs to know.

    A worker never sees the conversation. Who had the earlier request gets its words again; whoever
    takes results of others gets the earlier ones, as if this dispatch needed that run; everybody
    else gets the words.
    """
    had = [before for before in earlier.dispatches if before.specialist == one.specialist]
    fed = any(before.needs for before in had)
    takes = _takes_results(specialists[one.specialist])
    text = going_on(one.text, earlier.text_of(one.specialist)) if had or not takes else one.text
    needs = (earlier.run, *one.needs) if takes and (fed or not had) else one.needs
    return one.model_copy(update={"text": text, "needs": needs})


def _one(
    text: str, specialist: str, earlier: Earlier, specialists: Mapping[str, Specialist]
) -> tuple[Dispatch, ...]:
    return (standing(Dispatch(id="d1", specialist=specialist, text=text), earlier, specialists),)


def _parts(form: Form, classifier: PermittedOnly, routing: Routing) -> tuple[Dispatch, ...]:
    """The parts of a follow-up that asks for several things at once."""
    if not form.whole:
        return ()
    route = by_examples(form.plain, classifier, routing)
    return route.dispatches if route and len(route.dispatches) > 1 else ()


def _repeated(
    text: str, earlier: Earlier, specialists: Mapping[str, Specialist]
) -> tuple[Dispatch, ...]:
    """All of the earlier request once more, with what is different now."""
    kept = [one for one in earlier.dispatches if one.specialist in specialists]
    ids = {one.id for one in kept}
    return tuple(
        one.model_copy(
            update={
                "text": going_on(text, one.text),
                # What came from a run before that one comes from it now: it had the same.
                "needs": tuple(need if need in ids else earlier.run for need in one.needs),
            }
        )
        for one in kept
    )


def _unsure(text: str, earlier: Earlier, scored: Scored, here: Sequence[str]) -> Unsure:
    listed = scored.candidates[: scored.short_list]
    missing = tuple(
        Candidate(specialist=name, probability=_probability(scored, name))
        for name in here
        if name not in [one.specialist for one in listed]
    )
    return Unsure(
        own=text,
        choices=(Choice(text=going_on(text, earlier.text_of("")), candidates=(*listed, *missing)),),
        threshold=scored.threshold,
        follows=earlier.run,
    )


def _route(form: Form, earlier: Earlier, scored: Scored, dispatches: tuple[Dispatch, ...]) -> Route:
    names = " then ".join(one.specialist for one in dispatches)
    return Route(
        kind="dispatch",
        stage="local",
        reason=f"It goes on from run {earlier.run}: {form.why}. {names} takes it.",
        dispatches=dispatches,
        candidates=scored.candidates[: scored.short_list],
        threshold=scored.threshold,
        follows=earlier.run,
    )


def _probability(scored: Scored, name: str) -> float:
    return next((one.probability for one in scored.candidates if one.specialist == name), 0.0)


def _takes_results(one: Specialist) -> bool:
    """Whether it declares an input for the results of others."""
    return any(given.given == "upstream" for given in one.inputs.values())
