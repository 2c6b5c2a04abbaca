"""The local stage: right where it is sure, silent where it is not, the same every time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agents.routing.decision import MOST_CANDIDATES
from agents.routing.local import LocalClassifier
from agents.routing.tenants import PermittedOnly
from agents.routing.training import Recipe, strangers
from agents.spec import Specialist
from bench.router_data import Data, load
from bench.router_encoder import Remembering, opened
from bench.router_specialists import slug, specialist
from models.encoder import Encoder, open_encoder
from models.encoder.cache import Cached

INTENTS, SHOTS = 30, 10


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """The encoder as routing opens it; every vector is computed once for this file."""
    return Remembering(opened())


@pytest.fixture(scope="module")
def data() -> Data:
    """The development split: the test split is for the benchmark alone."""
    return load("clinc150", "val")


@pytest.fixture(scope="module")
def trained(data: Data, encoder: Encoder) -> LocalClassifier:
    return LocalClassifier(specialists(data), encoder)


def specialists(data: Data, shots: int = SHOTS) -> list[Specialist]:
    chosen = random.Random(1).sample(sorted(data.pool), INTENTS)
    drawn = random.Random(2)
    return [specialist(name, tuple(drawn.sample(data.pool[name], shots))) for name in chosen]


def traffic(data: Data) -> tuple[list[str], list[str]]:
    """Requests of the intents, and the specialist of each."""
    names = {one.name for one in specialists(data)}
    pairs = [(text, slug(intent)) for text, intent in data.asked if slug(intent) in names]
    return [text for text, _ in pairs], [name for _, name in pairs]


def test_what_is_answered_without_a_model_is_right_as_promised(
    trained: LocalClassifier, data: Data
) -> None:
    texts, names = traffic(data)
    answered = [
        one.candidates[0].specialist == name
        for one, name in zip(trained.score_all(texts), names, strict=True)
        if one.sure
    ]
    assert sum(answered) >= 0.98 * len(answered)
    assert len(answered) >= 0.7 * len(texts)


def test_few_requests_that_belong_to_nobody_are_answered(
    trained: LocalClassifier, data: Data
) -> None:
    foreign = trained.score_all(data.foreign)
    assert sum(one.sure for one in foreign) <= 0.08 * len(foreign)
    assert sum(one.outside for one in foreign) >= 0.3 * len(foreign)


def test_few_requests_that_have_a_specialist_are_declined_outright(
    trained: LocalClassifier, data: Data
) -> None:
    texts, _ = traffic(data)
    assert sum(one.outside for one in trained.score_all(texts)) <= 0.02 * len(texts)


def test_the_short_list_holds_the_right_one_and_is_longer_the_less_is_known(
    trained: LocalClassifier, data: Data
) -> None:
    texts, names = traffic(data)
    unsure = [
        (one, name)
        for one, name in zip(trained.score_all(texts), names, strict=True)
        if not one.sure
    ]
    listed = [
        name in [candidate.specialist for candidate in one.candidates[: one.short_list]]
        for one, name in unsure
    ]
    assert sum(listed) >= 0.9 * len(listed)
    lengths = [one.short_list for one in trained.score_all(texts)]
    assert min(lengths) == 2
    assert 4 < max(lengths) <= MOST_CANDIDATES


def test_probabilities_are_in_order_and_sum_to_at_most_one(
    trained: LocalClassifier, data: Data
) -> None:
    texts = [text for text, _ in data.asked[::40]] + ["", "?!", "ß" * 3000, *data.foreign[:20]]
    for one in trained.score_all(texts):
        found = [candidate.probability for candidate in one.candidates]
        assert found == sorted(found, reverse=True)
        assert sum(found) <= 1 + 1e-4
        assert len(found) == MOST_CANDIDATES
        assert found[0] <= 1 - one.none + 1e-4
        assert one.sure == (found[0] >= round(one.threshold, 6)) or found[0] == 1.0


def test_a_text_is_scored_alike_alone_and_among_others(
    trained: LocalClassifier, data: Data
) -> None:
    texts, _ = traffic(data)
    together = trained.score_all(texts[:12])
    for text, beside in zip(texts, together, strict=False):
        alone = trained.score(text)
        assert [one.specialist for one in alone.candidates[:3]] == [
            one.specialist for one in beside.candidates[:3]
        ]
        assert alone.candidates[0].probability == pytest.approx(
            beside.candidates[0].probability, abs=1e-4
        )


def test_the_same_specialists_in_any_order_make_the_same_classifier(
    trained: LocalClassifier, data: Data, encoder: Encoder
) -> None:
    again = LocalClassifier(reversed(specialists(data)), encoder)
    assert again.identity == trained.identity
    text = "please move some money to my savings"
    assert again.score(text) == trained.score(text)


def test_another_example_promise_or_encoder_is_another_classifier(
    data: Data, encoder: Encoder
) -> None:
    three = specialists(data, 5)[:3]
    changed = [specialist(three[0].name, ("one", "two", "three")), *three[1:]]
    identities = {
        LocalClassifier(three).identity,
        LocalClassifier(changed).identity,
        LocalClassifier(three, promise=0.9).identity,
        LocalClassifier(three, encoder).identity,
        LocalClassifier(three, recipe=Recipe(names=False)).identity,
    }
    assert len(identities) == 5


def test_a_higher_promise_answers_less(data: Data, encoder: Encoder) -> None:
    texts, _ = traffic(data)
    shares = [
        sum(
            one.sure
            for one in LocalClassifier(specialists(data), encoder, promise=promise).score_all(texts)
        )
        for promise in (0.9, 0.98, 0.995)
    ]
    assert shares[0] > shares[1] > shares[2]


def test_an_example_belongs_where_its_author_put_it(trained: LocalClassifier, data: Data) -> None:
    one = specialists(data)[4]
    scored = trained.score(one.intents[0].examples[3].upper() + "?")
    assert (scored.candidates[0].specialist, scored.candidates[0].probability) == (one.name, 1.0)
    assert scored.sure


def test_an_example_of_two_specialists_is_no_proof() -> None:
    both = ("open the gate", "let me in", "unlock the door")
    classifier = LocalClassifier([specialist("porter", both), specialist("guard", both)])
    scored = classifier.score("open the gate")
    assert not scored.sure
    assert scored.candidates[0].probability < 0.98


def test_words_alone_serve_where_no_encoder_is_installed(data: Data) -> None:
    texts, names = traffic(data)
    scored = LocalClassifier(specialists(data)).score_all(texts)
    right = [one.candidates[0].specialist == name for one, name in zip(scored, names, strict=True)]
    assert sum(right) >= 0.8 * len(right)
    sure = [fine for fine, one in zip(right, scored, strict=True) if one.sure]
    assert sure
    assert sum(sure) >= 0.96 * len(sure)


def test_with_a_handful_of_examples_nothing_is_promised(encoder: Encoder) -> None:
    few = [
        specialist("tea", ("make tea", "a cup of tea", "green tea")),
        specialist("coffee", ("brew coffee", "an espresso", "black coffee")),
    ]
    classifier = LocalClassifier(few, encoder)
    scored = classifier.score("I would like some tea")
    assert (scored.sure, scored.outside) == (False, False)
    assert scored.candidates[0].specialist == "tea"
    assert scored.short_list == 2
    assert classifier.score("make tea").sure


@pytest.mark.parametrize("examples", [(), ("???", "...", "- -")])
def test_without_a_word_to_learn_from_everything_is_left_to_the_model(
    examples: tuple[str, ...],
) -> None:
    one = specialist("mute", ("a", "b", "c")).model_copy(update={"intents": ()})
    if examples:
        one = specialist("mute", examples)
    classifier = LocalClassifier([one], recipe=Recipe(names=False))
    scored = classifier.score("anything at all")
    assert (scored.candidates, scored.sure, scored.outside, scored.short_list) == (
        (),
        False,
        False,
        0,
    )


def test_one_specialist_alone_knows_what_is_not_its_own(encoder: Encoder, data: Data) -> None:
    name = "transfer"
    classifier = LocalClassifier([specialist(name, data.pool[name][:60])], encoder)
    own = classifier.score_all(data.pool[name][60:90])
    assert sum(one.sure for one in own) >= 20
    assert not classifier.score("who painted the ceiling of the chapel").sure


def test_examples_of_stop_words_are_learned_like_others() -> None:
    classifier = LocalClassifier(
        [
            specialist("who", ("who are you?", "who is it?", "are you there?")),
            specialist("why", ("why not?", "why is that so?", "but why?")),
        ]
    )
    assert classifier.score("so why is it?").candidates[0].specialist == "why"


def test_a_request_like_those_of_nobody_is_taken_where_somebody_serves_it(
    encoder: Encoder,
) -> None:
    """The list of what belongs to nobody never stands against a specialist's own examples."""
    own = strangers()[:40]
    served = specialist("quiz", own)
    others = specialist("bank", tuple(load("banking77", "val").pool["card_arrival"][:40]))
    classifier = LocalClassifier([served, others], encoder)
    assert classifier.score("how tall is the statue of liberty").candidates[0].specialist == "quiz"
    assert not classifier.score("how tall is the statue of liberty").outside


def test_a_restart_encodes_new_examples_only(data: Data, tmp_path: Path) -> None:
    inner = Counting()
    first = specialists(data, 5)[:5]
    LocalClassifier(first, Cached(inner, tmp_path))
    before = len(inner.asked)
    LocalClassifier(first, Cached(inner, tmp_path))
    assert len(inner.asked) == before
    more = [*first[:-1], specialist(first[-1].name, ("a new one", "and another", "and a third"))]
    LocalClassifier(more, Cached(inner, tmp_path))
    assert inner.asked[before:] == ["a new one", "and another", "and a third"]


class Counting:
    """An encoder that keeps what it was asked."""

    name, width = "counting", 1152

    def __init__(self) -> None:
        found = open_encoder(layers=(4, 5, 6))
        assert found is not None
        self._encoder = found
        self.asked: list[str] = []

    def encode(self, texts: object) -> object:
        wanted = list(texts)  # type: ignore[call-overload]
        self.asked += wanted
        return self._encoder.encode(wanted)


def test_specialists_that_nobody_could_tell_apart_make_no_promise() -> None:
    texts = [f"{letter * 4} {letter * 6}" for letter in "abcdefghijklmnopqrstuvwx"]
    classifier = LocalClassifier(
        [
            specialist("one", tuple(texts)),
            specialist("two", tuple(f"{text} please" for text in texts)),
        ],
        recipe=Recipe(names=False),
    )
    scored = classifier.score("aaaa aaaaaa, if you please")
    assert scored.short_list == 2
    assert scored.candidates[0].probability < 1


def test_a_tenant_with_few_of_many_specialists_still_has_candidates(
    trained: LocalClassifier, data: Data
) -> None:
    ranked = trained.score_all([data.asked[0][0]], INTENTS)[0].candidates
    last = {one.name: one for one in specialists(data) if one.name == ranked[-1].specialist}
    assert len(ranked) > MOST_CANDIDATES
    scored = PermittedOnly(trained, last).score(data.asked[0][0])
    assert [one.specialist for one in scored.candidates] == [ranked[-1].specialist]
    assert (scored.sure, scored.short_list) == (False, 1)
