"""The parts of the local stage against the methods that they are taken from."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from agents.routing.features import Features, terms
from agents.routing.held_out import HeldOut, hold_out
from agents.routing.promise import make_promise, probability, standing
from agents.routing.scores import Sample, Scorer, unit
from agents.routing.softmax import fit_softmax
from bench.router_data import load

TEXTS = [text for text, _ in load("clinc150", "val").asked[:120]]
RANDOM = np.random.default_rng(3)


def test_a_single_text_gets_the_row_that_scikit_learn_gives_it() -> None:
    features = Features(TEXTS, None)
    weighing = TfidfVectorizer(analyzer=terms, sublinear_tf=True, dtype=np.float32)
    counted = weighing.fit_transform(TEXTS)
    reduced = TruncatedSVD(
        min(384, *counted.shape), algorithm="randomized", n_iter=4, random_state=0
    ).fit(counted)
    asked = [*TEXTS[:5], "an entirely new sentence about my account account", "§§"]
    expected = reduced.transform(weighing.transform(asked))
    assert np.allclose(features.rows(asked, None), expected, atol=1e-4)


def test_numbers_are_who_or_which_and_never_what() -> None:
    assert list(terms("Customer 42")) == list(terms("customer 7"))
    assert "=customer 0" in list(terms("Customer 42"))


def test_the_softmax_finds_what_scikit_learn_finds() -> None:
    centres = RANDOM.normal(size=(6, 20))
    owners = np.repeat(np.arange(6), 30)
    rows = unit((centres[owners] + RANDOM.normal(size=(180, 20))).astype(np.float32))
    found = fit_softmax(rows, owners, 6, np.ones(180, np.float32))
    known = LogisticRegression(C=20, fit_intercept=False, max_iter=1000, tol=1e-8).fit(rows, owners)
    ours = np.exp(rows @ found)
    ours /= ours.sum(axis=1, keepdims=True)
    assert np.abs(ours - known.predict_proba(rows)).max() < 0.05
    assert (ours.argmax(axis=1) == known.predict(rows)).mean() > 0.98


def test_no_example_is_scored_by_a_scorer_that_has_seen_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = unit(RANDOM.normal(size=(60, 8)).astype(np.float32))
    outside = unit(RANDOM.normal(size=(20, 8)).astype(np.float32))
    sample = Sample(rows=rows, owners=np.repeat(np.arange(6), 10), outside=outside, classes=6)
    seen: list[np.ndarray] = []
    init, scores = Scorer.__init__, Scorer.scores

    def spying(self: Scorer, given: Sample, nearest: float) -> None:
        seen[:] = [np.vstack([given.rows, given.outside])]
        init(self, given, nearest)

    def checking(self: Scorer, asked: np.ndarray) -> np.ndarray:
        for row in asked:
            assert not (np.abs(seen[0] - row).max(axis=1) < 1e-7).any()
        return scores(self, asked)

    monkeypatch.setattr(Scorer, "__init__", spying)
    monkeypatch.setattr(Scorer, "scores", checking)
    held = hold_out(sample, np.arange(60) % 10 == 0, 4.0)
    assert sorted(held.places) == [at for at in range(60) if at % 10]
    assert len(held.outside) == 20


def made_up(right: float, size: int = 400) -> tuple[HeldOut, np.ndarray]:
    """Held-out scores of four specialists, whose first one is right this often."""
    owners = RANDOM.integers(0, 4, size)
    said = np.where(RANDOM.random(size) < right, owners, (owners + 1) % 4)
    inside = RANDOM.normal(size=(size, 5)).astype(np.float32)
    inside[np.arange(size), said] += 6 + RANDOM.random(size)
    inside[:, -1] -= 2
    outside = RANDOM.normal(size=(200, 5)).astype(np.float32)
    outside[:, -1] += 6
    return HeldOut(places=np.arange(size), inside=inside, outside=outside), owners


STARTS = np.arange(4)


def test_where_errors_look_like_right_answers_nothing_is_taken() -> None:
    held, owners = made_up(0.7)
    promise = make_promise(held, owners, STARTS, 0.98)
    sure = probability(promise.right, standing(held.inside, STARTS).signals) >= promise.threshold
    assert sure.mean() < 0.02


def test_where_there_are_hardly_any_errors_nearly_all_is_taken() -> None:
    held, owners = made_up(0.995)
    promise = make_promise(held, owners, STARTS, 0.98)
    sure = probability(promise.right, standing(held.inside, STARTS).signals) >= promise.threshold
    assert sure.mean() > 0.9


def test_probabilities_of_being_right_are_calibrated() -> None:
    held, owners = made_up(0.9, 2000)
    promise = make_promise(held, owners, STARTS, 0.98)
    own = standing(held.inside, STARTS)
    expected = probability(promise.right, own.signals)
    right = own.shares.argmax(axis=1) == owners
    # Below what was seen by no more than the strangers that are assumed in the traffic.
    assert -0.02 < right.mean() - expected.mean() < 0.08


def test_hardly_any_request_with_a_specialist_is_declined() -> None:
    held, owners = made_up(0.9)
    promise = make_promise(held, owners, STARTS, 0.98)
    inside = probability(promise.inside, standing(held.inside, STARTS).signals)
    assert (inside < promise.declined).mean() <= 0.01


def test_specialists_with_several_intents_are_summed() -> None:
    scores = np.log(np.array([[2.0, 3.0, 4.0, 1.0]], np.float32))
    shares = standing(scores, np.array([0, 2])).shares
    assert shares[0] == pytest.approx([5 / 9, 4 / 9])
