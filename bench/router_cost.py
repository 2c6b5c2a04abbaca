"""What routing costs, beside a policy that always asks the model and shows it every specialist.

Tokens are those of the prompt that the model stage sends, its form included; an answer is counted
with a fixed number. Money is by the prices of `config/models.yaml`, tier `route` of each profile.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import yaml

from agents.registry import load_registry
from agents.routing.decision import Candidate
from agents.routing.desk import Desk, Unsure
from agents.routing.local import LocalClassifier
from agents.routing.settings import load_routing
from agents.spec import Specialist
from bench.report import show
from bench.router_course import Course
from bench.router_data import draw, load
from bench.router_encoder import Remembering
from bench.router_prompt import all_of, prompt_tokens
from bench.router_server import shipped
from bench.router_specialists import specialists_of
from runtime.canonical import Json
from runtime.settings import ROOT

ANSWER_TOKENS = 40
"""A name and a sentence of reason."""
_SAMPLED = 300
"""Requests whose prompt with every specialist is counted; it differs by the request's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Requests, and the short lists of the texts that reach the model: parts each by itself."""

    texts: tuple[str, ...]
    lists: tuple[tuple[str, tuple[Candidate, ...]], ...]
    specialists: Mapping[str, Specialist]


def measure(course: Course, encoder: Remembering) -> Json:
    """Both traffics."""
    found = {
        "shipped": figures(on_shipped(encoder)),
        "clinc150": figures(on_clinc(course, encoder)),
    }
    tell(found)
    return {"cost": found}


def on_shipped(encoder: Remembering) -> Traffic:
    """The 200 requests over the specialists that ship here, by every local stage."""
    registry = load_registry(ROOT / "agents" / "specialists")
    desk = Desk(
        registry=registry,
        trained=LocalClassifier(registry.values(), encoder),
        routing=load_routing(ROOT / "config" / "routing.yaml"),
        tenant="default",
    )
    lists: list[tuple[str, tuple[Candidate, ...]]] = []
    texts = tuple(one.text for one in shipped())
    for text in texts:
        if desk.by_rule(text) is not None:
            continue
        said = desk.by_local(text)
        if isinstance(said, Unsure):
            lists.extend((one.text, one.candidates) for one in said.choices)
    return Traffic(texts=texts, lists=tuple(lists), specialists=registry)


def on_clinc(course: Course, encoder: Remembering) -> Traffic:
    """CLINC150 with its out-of-scope requests over 150 specialists of ten examples."""
    data = load("clinc150", course.split)
    sample = draw(data, 10, 0)
    specialists = specialists_of(sample)
    texts = (*(text for text, _ in data.asked), *data.foreign)
    if course.small:
        texts = texts[::20]
    encoder.learn([*sample.texts, *texts])
    scored = LocalClassifier(specialists, encoder).score_all(texts)
    lists = tuple(
        (text, one.candidates[: one.short_list])
        for text, one in zip(texts, scored, strict=True)
        if not (one.sure or one.outside)
    )
    return Traffic(texts=texts, lists=lists, specialists={one.name: one for one in specialists})


def figures(traffic: Traffic) -> Json:
    """Tokens and dollars of a thousand requests, and the ratios."""
    ours = [prompt_tokens(text, listed, traffic.specialists) for text, listed in traffic.lists]
    everyone = all_of(list(traffic.specialists.values()))
    some = random.Random(0).sample(traffic.texts, min(_SAMPLED, len(traffic.texts)))
    always = fmean(prompt_tokens(text, everyone, traffic.specialists) for text in some)
    count = len(traffic.texts)
    asked = len(ours) / count
    each = sum(ours) / count
    return {
        "requests": count,
        "asked_share": round(asked, 4),
        "prompt_tokens_short": round(fmean(ours), 1) if ours else None,
        "prompt_tokens_all": round(always, 1),
        "prompt_ratio": round(fmean(ours) / always, 4) if ours else None,
        "short_list_mean": round(fmean(len(one) for _, one in traffic.lists), 2) if ours else None,
        "tokens_per_request": {"ours": round(each, 1), "always": round(always, 1)},
        "tokens_ratio": round(each / always, 4),
        "answer_tokens": ANSWER_TOKENS,
        "dollars_per_1000": {
            profile: _dollars(price, each, asked, always) for profile, price in prices().items()
        },
    }


def prices() -> dict[str, tuple[float, float]]:
    """Dollars of a prompt token and of an answer token at tier `route`, by priced profile."""
    profiles = yaml.safe_load((ROOT / "config" / "models.yaml").read_text())["profiles"]
    found = {}
    for name, profile in profiles.items():
        (entry, *_) = (one for one in profile["model_list"] if one["model_name"] == "route")
        info = entry["model_info"]
        price = float(info["input_cost_per_token"]), float(info["output_cost_per_token"])
        if any(price):
            found[name] = price
    return found


def _dollars(price: tuple[float, float], each: float, asked: float, always: float) -> Json:
    prompt, answer = price
    ours = 1000 * (prompt * each + answer * ANSWER_TOKENS * asked)
    theirs = 1000 * (prompt * always + answer * ANSWER_TOKENS)
    return {
        "ours": round(ours, 5),
        "always": round(theirs, 5),
        "ratio": round(ours / theirs, 4),
    }


def tell(found: Mapping[str, Json]) -> None:
    """The tables."""
    columns = ("requests", "asked_share", "short_list_mean", "prompt_tokens_short")
    more = ("prompt_tokens_all", "prompt_ratio", "tokens_ratio")
    rows = [[name, *(one[key] for key in (*columns, *more))] for name, one in found.items()]
    said = ["requests", "model asked", "listed", "tokens, listed", "tokens, all", "prompt ratio"]
    show("The model stage beside one that lists all", ["traffic", *said, "tokens ratio"], rows)
    money: Sequence[Sequence[object]] = [
        [name, profile, *row.values()]
        for name, one in found.items()
        for profile, row in one["dollars_per_1000"].items()
    ]
    show(
        "Dollars for 1,000 requests",
        ["traffic", "profile", "ours", "always ask", "ratio"],
        [[*row[:2], *(f"{value:.5f}" for value in row[2:])] for row in money],
    )
