"""Some vendors take more for long prompts, of the whole call: no ceiling is passed by that."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.config import load_models
from models.deployment import Deployment
from models.frontier import Tokens, lengths, priced, saving
from models.usage import Usage, cost, worst
from runtime.errors import BudgetExceeded, ConfigError
from runtime.labels import Label
from tests.models.door import CONTEXT, on, room
from tests.provider.exchange import Reply
from tests.provider.exchange import Usage as Counted
from tests.provider.faults import MissingUsage
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider


def deployment(**prices: float) -> Deployment:
    plain = {"input_cost_per_token": 1.0, "output_cost_per_token": 5.0}
    return Deployment(
        id="d",
        tier="work",
        params={"model": "m"},
        cleared_for=Label.public,
        max_input_tokens=1000,
        **{**plain, **prices},  # type: ignore[arg-type]
    )


LADDER = deployment(
    cache_read_input_token_cost=0.5,
    input_cost_per_token_above_1k_tokens=2.0,
    output_cost_per_token_above_1k_tokens=7.0,
    input_cost_per_token_above_3000_tokens=10.0,
    cache_creation_input_token_cost_above_3000_tokens=12.0,
)


@pytest.mark.parametrize(
    ("prompt", "dollars"),
    [
        (999, 899 + 100 * 0.5 + 10 * 5),
        # A vendor that begins at the very length is not booked below its bill.
        (1000, 900 * 2 + 100 * 0.5 + 10 * 7),
        (2999, 2899 * 2 + 100 * 0.5 + 10 * 7),
        (3000, 2900 * 10 + 100 * 0.5 + 10 * 7),
    ],
)
def test_the_whole_call_has_the_prices_of_its_length(prompt: int, dollars: float) -> None:
    assert cost(LADDER, Usage(prompt=prompt, completion=10, cache_read=100)) == dollars


@pytest.mark.parametrize("prompt", [1, 999, 1000, 2999, 3000, 10_000])
def test_the_worst_case_is_as_dear_as_any_prompt_up_to_its_length(prompt: int) -> None:
    found = worst(LADDER, prompt, 10)
    for counted in (prompt, prompt // 2, min(prompt, 999)):
        for part in ({}, {"cache_read": counted}, {"cache_creation": counted}):
            used = Usage(prompt=counted, completion=10, **part)  # type: ignore[arg-type]
            assert cost(LADDER, used) <= found.dollars


def test_a_price_of_long_prompts_that_is_lower_saves_nothing_of_what_is_set_aside() -> None:
    cheaper = deployment(
        input_cost_per_token_above_1k_tokens=0.1, output_cost_per_token_above_1k_tokens=0.1
    )
    # The count may turn out to be a short prompt's.
    assert worst(cheaper, 1500, 10).dollars == 1500 + 50
    assert cost(cheaper, Usage(prompt=1500, completion=10)) == pytest.approx(151)


def test_calls_are_compared_by_their_own_lengths_and_not_by_their_sum() -> None:
    def tokens(prompt: int, length: int) -> Tokens:
        return Tokens(
            tier="work",
            prompt=prompt,
            completion=0,
            cache_read=0,
            cache_creation=0,
            cost=0,
            length=length,
        )

    assert lengths([LADDER, deployment()]) == {1000, 3000}
    # A hundred short calls, and two long ones.
    assert priced(LADDER, tokens(50_000, 0)) == 50_000
    assert priced(LADDER, tokens(2_000, 1000)) == 4_000
    assert saving(LADDER, [tokens(50_000, 0), tokens(2_000, 1000)]).there == 54_000


# A token costs 0.00001 dollars, and ten times that from a thousand tokens on.
DEARER = "      input_cost_per_token_above_1k_tokens: 0.0001\n"
WORDS = "Some length. " * 200
SAID = Reply(text="Something was said.", usage=Counted(prompt=1500, completion=50))


async def test_a_long_prompt_is_set_aside_and_booked_at_its_own_price(tmp_path: Path) -> None:
    with ScriptedProvider(Script(SAID)) as provider:
        async with room(tmp_path, [on(provider, "vendor") + DEARER], ceiling=1.0) as opened:
            await opened.models.chat("work", CONTEXT).ainvoke(WORDS)
            (booked,) = await opened.calls()
    assert booked.cost == pytest.approx(1500 * 0.0001 + 50 * 0.00002)


async def test_a_ceiling_below_that_price_holds(tmp_path: Path) -> None:
    with ScriptedProvider(Script(SAID)) as provider:
        async with room(tmp_path, [on(provider, "vendor") + DEARER], ceiling=0.1) as opened:
            with pytest.raises(BudgetExceeded):
                await opened.models.chat("work", CONTEXT).ainvoke(WORDS)
        assert provider.calls == []


async def test_without_a_count_all_that_was_set_aside_is_booked(tmp_path: Path) -> None:
    written = "      cache_creation_input_token_cost: 0.00003\n"
    with ScriptedProvider(Script(SAID), faults={0: MissingUsage()}) as provider:
        async with room(tmp_path, [on(provider, "vendor") + written]) as opened:
            answer = await opened.models.chat("work", CONTEXT).ainvoke("short")
            (booked,) = await opened.calls()
    worst_case = booked.prompt_tokens * 0.00003 + 500 * 0.00002
    assert booked.cost == pytest.approx(worst_case)
    assert answer.response_metadata["cost"] == pytest.approx(worst_case)
    assert answer.response_metadata["usage_estimated"]


@pytest.mark.parametrize(
    "key",
    [
        "input_cost_per_token_above_1hr",
        "input_cost_per_token_above_0k_tokens",
        "input_cost_per_token_above_272k_tokens_priority",
        "input_cost_per_second_above_1k_tokens",
        "tiered_pricing",
        "of_long_prompts",
    ],
)
def test_a_price_that_is_not_known_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        written(tmp_path, f"{key}: {{input_cost_per_token_above: 1}}")
    assert f"`{key}`" in caught.value.reason


@pytest.mark.parametrize("value", ["-1", ".nan", ".inf", "dear"])
def test_a_price_of_long_prompts_is_a_price(tmp_path: Path, value: str) -> None:
    key = "input_cost_per_token_above_200k_tokens"
    with pytest.raises(ConfigError) as caught:
        written(tmp_path, f"{key}: {value}")
    assert f"`{key}`" in caught.value.reason
    assert caught.value.line == 12


def written(folder: Path, line: str) -> None:
    file = folder / "models.yaml"
    file.write_text(
        "model_list:\n"
        "  - model_name: work\n"
        "    litellm_params:\n"
        "      model: offline/extract\n"
        "    model_info:\n"
        "      id: w\n"
        "      cleared_for: public\n"
        "      max_input_tokens: 10\n"
        "      order: 1\n"
        "      input_cost_per_token: 1\n"
        "      output_cost_per_token: 1\n"
        f"      {line}\n"
    )
    load_models(file, {})
