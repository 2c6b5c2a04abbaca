"""What is wrong with models.yaml is told with file, line and remedy, before any call is made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models.config import load_models
from models.deployment import TIERS
from runtime.canonical import Json
from runtime.errors import ConfigError
from runtime.labels import Label
from runtime.settings import ROOT

SHIPPED = ROOT / "config" / "models.yaml"
KEYS = {
    "anthropic": {"ANTHROPIC_API_KEY": "k"},
    "openai": {"OPENAI_API_KEY": "k"},
    "google": {"GEMINI_API_KEY": "k"},
    "bedrock": {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION_NAME": "eu-central-1",
    },
    "local": {},
    "offline": {},
}
WHOLE = """\
profile: ${SWITCHYARD_MODELS:-own}
profiles:
  own:
    model_list:
      - model_name: route
        litellm_params: {model: offline/extract}
        model_info: &own
          id: a
          cleared_for: public
          input_cost_per_token: 0
          output_cost_per_token: 0
          max_input_tokens: 10
      - {model_name: plan, litellm_params: {model: offline/extract}, model_info: {<<: *own, id: b}}
      - {model_name: work, litellm_params: {model: offline/extract}, model_info: {<<: *own, id: c}}
      - {model_name: judge, litellm_params: {model: offline/extract}, model_info: {<<: *own, id: d}}
      - {model_name: embed, litellm_params: {model: offline/hashed}, model_info: {<<: *own, id: e}}
"""


def broken(folder: Path, old: str, new: str, environ: dict[str, str] | None = None) -> ConfigError:
    """The error for the whole file with one thing changed."""
    assert old in WHOLE
    file = folder / "models.yaml"
    file.write_text(WHOLE.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_models(file, environ or {})
    assert caught.value.file == str(file)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("profile", sorted(KEYS))
def test_every_shipped_profile_is_complete_and_priced(profile: str) -> None:
    config = load_models(SHIPPED, {"SWITCHYARD_MODELS": profile, **KEYS[profile]})
    assert config.profile == profile
    assert {deployment.tier for deployment in config.deployments} == set(TIERS)
    vendors = [one for one in config.deployments if one.provider not in ("offline", "openai")]
    if profile not in ("offline", "local"):
        assert all(one.input_cost_per_token > 0 for one in vendors)
        assert all(one.cleared_for is Label.internal for one in vendors)


def test_the_shipped_file_needs_nothing() -> None:
    config = load_models(SHIPPED, {})
    assert config.profile == "offline"
    assert {deployment.provider for deployment in config.deployments} == {"offline"}
    assert all(one.cleared_for is Label.regulated for one in config.deployments)


@pytest.mark.parametrize("profile", ["anthropic", "openai", "google", "bedrock"])
def test_a_missing_key_is_named_with_its_line(profile: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_models(SHIPPED, {"SWITCHYARD_MODELS": profile})
    variable = next(iter(KEYS[profile]))
    assert variable in caught.value.reason
    assert variable in caught.value.remedy
    assert f"os.environ/{variable}" in SHIPPED.read_text().splitlines()[caught.value.line - 1]


def test_a_key_of_a_profile_that_is_not_used_is_not_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(SHIPPED.read_text())
    assert load_models(file, {"SWITCHYARD_MODELS": "openai", "OPENAI_API_KEY": "k"})


def test_a_plain_litellm_file_is_one_profile(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    lines = WHOLE.splitlines()[3:]
    file.write_text("\n".join(line[4:] for line in lines))
    assert [one.id for one in load_models(file, {}).deployments] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("  own:", "  own: [", 5, "YAML"),
        ("model_name: route", "model_name: fast", 5, "unknown tier 'fast'"),
        ("          input_cost_per_token: 0\n", "", 7, "no `input_cost_per_token`"),
        ("          output_cost_per_token: 0\n", "", 7, "no `output_cost_per_token`"),
        ("          cleared_for: public\n", "", 7, "no `cleared_for`"),
        ("          id: a\n", "", 7, "no `id`"),
        ("cleared_for: public", "cleared_for: secret", 9, "'public', 'internal' or 'regulated'"),
        ("input_cost_per_token: 0", "input_cost_per_token: -1", 10, "greater than or equal to 0"),
        ("input_cost_per_token: 0", "input_cost_per_token: .nan", 10, "finite number"),
        ("max_input_tokens: 10", "max_input_tokens: many", 12, "max_input_tokens"),
        ("max_input_tokens: 10", "max_inputs: 10", 7, "no `max_input_tokens`"),
        ("max_input_tokens: 10", "max_input_tokens: 10\n          colour: red", 13, "`colour`"),
        ("id: c}", "id: b}", 14, "taken by line 13"),
        ("model_name: work", "model_name: plan", 4, "no deployment for tier 'work'"),
        ("{model: offline/extract}", "{}", 6, "names no model"),
        (
            "{model: offline/extract}",
            "{model: offline/extract, num_retries: 3}",
            6,
            "`num_retries` may not be set",
        ),
        ("{model: offline/extract}", "{model: offline/extract, timeout: 0}", 6, "`timeout` is 0"),
        ("{model: offline/extract}", "{model: x/y, timeout: .inf}", 6, "`timeout` is inf"),
        ("{model: offline/extract}", "{model: x/y, max_tokens: 0.5}", 6, "`max_tokens` is 0.5"),
        ("{model: offline/extract}", "{model: x/y, max_tokens: -3}", 6, "`max_tokens` is -3"),
        (
            "{model: offline/extract}",
            "{model: offline/extract, api_key: os.environ/SOME_KEY}",
            6,
            "SOME_KEY is not set",
        ),
        ("profiles:", "extra: 1\nprofiles:", 2, "unknown key 'extra'"),
        ("          id: a\n", "          id: a\n          id: z\n", 9, "stands twice"),
        ("    model_list:", "    models:", 3, "no `model_list`"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    error = broken(tmp_path, old, new)
    assert words in error.reason
    assert error.line == line


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("n", 4),
        ("max_completion_tokens", 32000),
        ("best_of", 2),
        ("mock_response", "invented"),
        ("mock_tool_calls", []),
        ("model_list", []),
        ("context_window_fallback_dict", {"a": "b"}),
        ("fallbacks", ["x"]),
        ("max_retries", 3),
        ("extra_body.max_tokens", 99_999),
        ("extra_body.n", 3),
        ("extra_body.models", ["another/model"]),
        ("extra_body.options.num_predict", 99_999),
        ("generationConfig.maxOutputTokens", 99_999),
        ("generation_config.candidate_count", 2),
    ],
)
def test_what_would_pass_by_the_reservation_or_the_order_is_refused(
    tmp_path: Path, key: str, value: Json
) -> None:
    for name in reversed(key.split(".")):
        value = {name: value}
    params = json.dumps({"model": "offline/extract"} | value)
    error = broken(tmp_path, "{model: offline/extract}", params)
    assert f"`{key}` may not be set" in error.reason
    assert error.field.endswith(f"litellm_params.{key}")


def test_names_of_somebody_s_own_are_no_parameters(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}, "model": {}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    params = {
        "model": "offline/extract",
        "tools": [tool],
        "extra_headers": {"model": "x"},
        "extra_body": {"response_format": schema, "chat_template_kwargs": {"thinking": True}},
    }
    file = tmp_path / "models.yaml"
    file.write_text(WHOLE.replace("{model: offline/extract}", json.dumps(params), 1))
    assert load_models(file, {}).deployments[0].params == params


def test_an_unknown_profile_names_those_that_there_are(tmp_path: Path) -> None:
    error = broken(
        tmp_path, "max_input_tokens: 10", "max_input_tokens: 11", {"SWITCHYARD_MODELS": "x"}
    )
    assert error.line == 1
    assert "own" in error.remedy


def test_a_missing_file_is_told_without_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_models(tmp_path / "nowhere.yaml", {})


def test_reading_the_file_does_not_load_litellm() -> None:
    code = (
        "import sys, pathlib; from models.config import load_models; import models.tiers;"
        f"load_models(pathlib.Path({str(SHIPPED)!r}), {{}});"
        "sys.exit('litellm' in sys.modules or 'langchain_litellm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0
