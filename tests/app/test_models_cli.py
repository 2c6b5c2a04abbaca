"""`switchyard models`: the list with its health, one call each, and one model for another."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.models_choice import prices
from ledger.store import open_ledger
from models.config import load_models
from models.deployment import TIERS
from models.frontier import lengths
from models.prices import NAMES, taken
from runtime.context import RunContext
from runtime.labels import Label
from runtime.settings import ROOT
from tests.app.conftest import Invoke
from tests.models.door import entry, on
from tests.provider import HttpError, ScriptedProvider, unauthorized


@pytest.fixture
def shipped(config: Callable[..., Path]) -> Path:
    """The bundled models.yaml, of this test alone."""
    return config() / "models.yaml"


def record(
    home: Path,
    deployment: str,
    *outcomes: str,
    tier: str = "work",
    label: Label = Label.internal,
    prompt: int = 1000,
) -> None:
    """Put calls of a deployment on record, the newest last."""

    home.mkdir(parents=True, exist_ok=True)

    async def write() -> None:
        now = [time.time() - len(outcomes)]
        url = f"sqlite+aiosqlite:///{home / 'ledger.sqlite'}"
        async with open_ledger(url, lambda: now[0]) as ledger:
            run = f"run-{deployment}-{label}"
            await ledger.runs.start(
                run, thread="t", request="?", tenant="t", user="u", label=label, docs=""
            )
            for number, outcome in enumerate(outcomes):
                now[0] += 1
                await ledger.spend.record(
                    f"{run}-{number}",
                    RunContext(run=run, specialist="s", task="d1"),
                    tier=tier,
                    deployment=deployment,
                    model="x/y",
                    prompt_tokens=prompt,
                    completion_tokens=100,
                    cost=0.01,
                    outcome=outcome,
                    seconds=float(number + 1),
                )

    asyncio.run(write())


def test_the_list_shows_tiers_in_order_with_labels_prices_and_health(
    shipped: Path, home: Path, switchyard: Invoke
) -> None:
    assert shipped.exists()
    record(home, "anthropic-sonnet", "ok", "timeout", "ok", "cached", "cancelled", "BudgetExceeded")
    found = json.loads(switchyard("models", "--profile", "anthropic", "--json").stdout)
    assert [one["tier"] for one in found["deployments"]] == list(TIERS)
    assert (found["active"], "local" in found["profiles"]) == (False, True)
    work = found["deployments"][2]
    assert work["id"] == "anthropic-sonnet"
    assert (work["cleared_for"], work["input_cost_per_token"]) == ("internal", 0.000002)
    health = work["health"]
    # What was taken back, and what never left, says nothing about the deployment.
    assert (health["calls"], health["failed"], health["last"]) == (3, 1, "ok")
    assert health["median_seconds"] == 2.0
    assert found["deployments"][0]["health"] is None
    shown = switchyard("models", "--profile", "anthropic").stdout
    assert "1 of 3 failed" in shown
    assert "no call yet" in shown
    assert switchyard("models", "--profile", "nobodys").exit_code == 2


def serving(folder: Path, *work: str) -> None:
    others = [
        entry(f"offline-{tier}", tier=tier, model="offline/extract", price=0, cleared="regulated")
        for tier in ("route", "plan", "judge", "embed")
    ]
    (folder / "models.yaml").write_text("model_list:\n" + "".join([*work, *others]))


def test_each_model_is_called_once_and_paid_for_by_a_run_of_its_own(
    config: Callable[..., Path], switchyard: Invoke
) -> None:
    with ScriptedProvider() as provider:
        serving(config(), on(provider, "one"), on(provider, "two", "gemini", order=2))
        result = switchyard("models", "test", "--json")
        seen = [(call.wire, call.body) for call in provider.calls]
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert [(one["tier"], one["id"], one["outcome"]) for one in told["models"]] == [
        ("route", "offline-route", "ok"),
        ("plan", "offline-plan", "ok"),
        ("work", "one", "ok"),
        ("work", "two", "ok"),
        ("judge", "offline-judge", "ok"),
        ("embed", "offline-embed", "ok"),
    ]
    assert [wire for wire, _ in seen] == ["openai", "gemini"]
    paid = [one for one in told["models"] if one["cost"] > 0]
    assert [one["id"] for one in paid] == ["one", "two"]
    spent = json.loads(switchyard("cost", "--run", told["run"], "--json").stdout)
    assert spent["total"]["calls"] == 6
    assert spent["total"]["dollars"] == pytest.approx(sum(one["cost"] for one in paid))


def test_a_model_that_does_not_answer_is_named_and_no_other_answers_for_it(
    config: Callable[..., Path], switchyard: Invoke
) -> None:
    faults = {0: unauthorized()}
    with ScriptedProvider(faults=dict[int, HttpError](faults)) as provider:
        serving(config(), on(provider, "one"), on(provider, "two", order=2))
        result = switchyard("models", "test", "work", "--json")
        assert len(provider.calls) == 2
        again = switchyard("models", "test", "two")
    assert result.exit_code == 1
    outcomes = {one["id"]: one["outcome"] for one in json.loads(result.stdout)["models"]}
    assert outcomes == {"one": "unauthorised", "two": "ok"}
    assert again.exit_code == 0
    assert "two" in again.stdout
    assert switchyard("models", "test", "three").exit_code == 2


def test_a_test_call_is_bound_by_the_ceilings_of_every_call(
    config: Callable[..., Path], switchyard: Invoke
) -> None:
    folder = config()
    limits = folder / "limits.yaml"
    limits.write_text(limits.read_text() + "\neverybody: {dollars_per_day: 0.000001}\n")
    with ScriptedProvider() as provider:
        serving(folder, on(provider, "one"))
        result = switchyard("models", "test", "work", "--json")
        assert provider.calls == []
    assert result.exit_code == 1
    (told,) = json.loads(result.stdout)["models"]
    assert told["outcome"] == "not_sent"
    assert "all tenants" in told["told"]


def test_the_shipped_prices_are_those_of_the_price_list_long_prompts_included() -> None:
    config = load_models(ROOT / "config" / "models.yaml", {}, keys=False)
    listed = prices()
    seen = set()
    for name in ("anthropic", "openai", "google", "bedrock"):
        for one in config.profiles[name]:
            if one.provider == "offline":
                continue
            known = listed.get(one.model) or listed[one.model.partition("/")[2]]
            told = one.model_dump(include=set(NAMES), exclude_none=True) | one.of_long_prompts
            assert taken(known) == pytest.approx(told), one.id
            seen |= set(lengths([one]))
    assert seen == {100_000, 272_000}


def test_the_list_tells_the_prices_of_long_prompts(shipped: Path, switchyard: Invoke) -> None:
    assert shipped.exists()
    shown = switchyard("models", "--profile", "openai").stdout
    assert "openai-luna from 272,000 tokens of prompt on: in 0.20, cached 0.02, out 0.75." in shown
    found = json.loads(switchyard("models", "--profile", "openai", "--json").stdout)
    assert found["deployments"][0]["input_cost_per_token_above_272k_tokens"] == 0.0000002


def test_a_swap_brings_the_prices_of_long_prompts_along(
    shipped: Path, home: Path, switchyard: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWITCHYARD_MODELS", "anthropic")
    # Of the two that failed the prompt is an estimate; the longest that was used is short enough.
    record(home, "anthropic-sonnet", "cancelled", "timeout", prompt=3_000_000)
    record(home, "anthropic-sonnet", "ok", label=Label.public, prompt=300_000)
    for label in (Label.internal, Label.public):
        record(home, "anthropic-opus-plan", "ok", tier="plan", label=label)
    done = switchyard("models", "swap", "anthropic-sonnet", "openai/gpt-6.1-sol", "--json")
    assert done.exit_code == 0
    work = load_models(shipped, keys=False).tier("work")[0]
    assert work.of_long_prompts["output_cost_per_token_above_272k_tokens"] == 0.000015
    (estimate,) = json.loads(done.stdout)["estimates"]
    used = 300_000 * 0.000004 + 100 * 0.000015
    unused = 2 * (3_000_000 * 0.000004 + 100 * 0.000015)
    assert estimate["after"] == pytest.approx(used + unused)
    # And back, where long prompts cost no more: nothing of the kind stays.
    assert switchyard("models", "swap", "openai-sol-work", "bedrock-sonnet").exit_code == 0
    assert load_models(shipped, keys=False).tier("work")[0].of_long_prompts == {}


def test_a_profile_is_swapped_by_one_line_and_nothing_else(
    shipped: Path, home: Path, switchyard: Invoke
) -> None:
    record(home, "offline-work", "ok", "ok")
    before = shipped.read_text()
    dry = switchyard("models", "swap", "offline", "anthropic", "--dry-run")
    assert "-profile: ${SWITCHYARD_MODELS:-offline}" in dry.stdout
    assert "+profile: ${SWITCHYARD_MODELS:-anthropic}" in dry.stdout
    assert "Nothing was written." in dry.stdout
    assert "ANTHROPIC_API_KEY" in dry.stdout
    assert shipped.read_text() == before
    done = json.loads(switchyard("models", "swap", "offline", "anthropic", "--json").stdout)
    (estimate,) = done["estimates"]
    assert (estimate["old"], estimate["new"], estimate["calls"]) == (
        "offline-work",
        "anthropic-sonnet",
        2,
    )
    assert estimate["after"] == pytest.approx(2 * (1000 * 0.000002 + 100 * 0.00001))
    assert done["written"]
    line = ("${SWITCHYARD_MODELS:-offline}", "${SWITCHYARD_MODELS:-anthropic}")
    assert shipped.read_text() == before.replace(f"profile: {line[0]}", f"profile: {line[1]}")


@pytest.mark.parametrize(
    ("label", "prompt", "told"),
    [
        (Label.regulated, 1000, "anthropic-sonnet is cleared for internal data"),
        (Label.internal, 1_000_001, "anthropic-sonnet takes 1,000,000 tokens"),
    ],
)
def test_what_recorded_runs_needed_and_the_successor_lacks_is_refused(
    shipped: Path, home: Path, switchyard: Invoke, label: Label, prompt: int, told: str
) -> None:
    record(home, "offline-work", "ok", label=label, prompt=prompt)
    before = shipped.read_text()
    result = switchyard("models", "swap", "offline", "anthropic")
    assert result.exit_code == 2
    assert told in result.stderr
    assert "+profile" in result.stdout
    assert shipped.read_text() == before
    # Runs of long ago need not bind for ever.
    assert (
        switchyard("models", "swap", "offline", "anthropic", "--since", "2999-01-01").exit_code == 0
    )


def test_a_run_whose_label_rose_later_needs_no_more_than_the_old_one_had(
    shipped: Path, home: Path, switchyard: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWITCHYARD_MODELS", "anthropic")
    record(home, "anthropic-sonnet", "ok", label=Label.regulated)
    result = switchyard("models", "swap", "anthropic-sonnet", "openai-sol-work", "--dry-run")
    assert result.exit_code == 0
    assert shipped.exists()


def test_one_model_takes_the_place_of_another_with_its_prices_and_its_clearance(
    shipped: Path, home: Path, switchyard: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWITCHYARD_MODELS", "anthropic")
    record(home, "anthropic-opus-plan", "ok", tier="plan")
    before = load_models(shipped, keys=False)
    result = switchyard(
        "models", "swap", "anthropic-opus-plan", "google/google-argon-plan", "--json"
    )
    done = json.loads(result.stdout)
    assert [(one["tier"], one["new"]) for one in done["estimates"]] == [
        ("plan", "google-argon-plan")
    ]
    assert done["estimates"][0]["before"] == pytest.approx(1000 * 0.000004 + 100 * 0.00002)
    assert done["estimates"][0]["after"] == pytest.approx(1000 * 0.000002 + 100 * 0.00001)
    after = load_models(shipped, keys=False)
    plan, was = after.tier("plan")[0], before.tier("plan")[0]
    assert (plan.model, plan.input_cost_per_token) == ("gemini/gemini-4-argon", 0.000002)
    assert plan.params["api_key"] == "os.environ/GEMINI_API_KEY"
    # The place keeps its own limit; the judge, who shared the prices, keeps them.
    assert plan.max_tokens == was.max_tokens
    same = {tier: [one.model_dump(exclude={"line"}) for one in before.tier(tier)] for tier in TIERS}
    now = {tier: [one.model_dump(exclude={"line"}) for one in after.tier(tier)] for tier in TIERS}
    assert {tier for tier in TIERS if same[tier] != now[tier]} == {"plan"}
    assert {name: one for name, one in before.profiles.items() if name != "anthropic"}.keys() == {
        name for name in after.profiles if name != "anthropic"
    }


def test_a_model_of_litellms_price_list_brings_its_price_along(
    shipped: Path, switchyard: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWITCHYARD_MODELS", "anthropic")
    result = switchyard("models", "swap", "anthropic-sonnet", "gemini/gemini-2.5-pro")
    assert result.exit_code == 0
    work = load_models(shipped, keys=False).tier("work")[0]
    assert (work.id, work.model) == ("gemini-gemini-2-5-pro", "gemini/gemini-2.5-pro")
    assert (work.input_cost_per_token, work.max_input_tokens) == (0.00000125, 1048576)
    assert work.cleared_for == Label.internal


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("anthropic-sonnet", "nobody/new-model", "has no price"),
        ("anthropic-sonnet", "openai-embed", "makes embeddings"),
        ("offline-embed", "openai-luna", "chats"),
        ("not-there", "openai-luna", "Nothing in profile 'anthropic' is called 'not-there'"),
        ("anthropic", "openai", "The profile of"),
        ("offline", "openai-luna", "a profile is swapped for a profile"),
    ],
)
def test_what_cannot_be_swapped_says_why_and_changes_nothing(
    shipped: Path,
    switchyard: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    told: str,
) -> None:
    monkeypatch.setenv("SWITCHYARD_MODELS", "anthropic")
    result = switchyard("models", "swap", old, new)
    assert result.exit_code == 2
    assert told in result.stderr
    assert shipped.read_text() == (ROOT / "config" / "models.yaml").read_text()


def test_a_server_of_ones_own_is_no_vendor_of_another_model(
    shipped: Path, switchyard: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWITCHYARD_MODELS", "local")
    assert switchyard("models", "swap", "local-work", "openai/gpt-4o").exit_code == 0
    work = load_models(shipped, keys=False).tier("work")[0]
    assert "api_base" not in work.params
    assert (work.cleared_for, work.params["api_key"]) == ("internal", "os.environ/OPENAI_API_KEY")
