"""Only what was meant changes in models.yaml, by its lines: comments, anchors, line ends stay."""

from __future__ import annotations

import copy
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models_edit import EditFailed, put, rewritten
from runtime.settings import ROOT

FILE = Path("models.yaml")
TEXT = """\
# Ours.
profile: ${NAME:-one}  # the switch
profiles:
  one:
    model_list:
      - model_name: route
        litellm_params: &there
          model: a/b  # small
          api_base: http://127.0.0.1:1/v1
        model_info: &info
          id: first  # its name
          price: 0.0000001
      - model_name: plan
        litellm_params: *there
        model_info: {<<: *info, id: second}
      - model_name: work
        litellm_params: {<<: *there, model: "c/d:e"}
        model_info: *info
"""


def data(text: str = TEXT) -> Any:  # noqa: ANN401 - a JSON value
    return _unshared(yaml.safe_load(text))


def _unshared(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _unshared(one) for key, one in value.items()}
    return [_unshared(one) for one in value] if isinstance(value, list) else value


def entries(wanted: Any) -> list[Any]:  # noqa: ANN401
    found: list[Any] = wanted["profiles"]["one"]["model_list"]
    return found


def changed_lines(before: str, after: str) -> list[str]:
    kept = set(before.splitlines())
    return [line for line in after.splitlines() if line not in kept]


def test_a_scalar_changes_and_the_comment_behind_it_stays() -> None:
    wanted = data()
    wanted["profile"] = "${NAME:-two}"
    after = rewritten(FILE, TEXT, wanted)
    assert changed_lines(TEXT, after) == ["profile: ${NAME:-two}  # the switch"]


def test_those_who_share_a_value_keep_it_when_the_first_one_changes() -> None:
    wanted = data()
    first = entries(wanted)[0]
    first["model_info"]["price"] = 0.25
    first["litellm_params"]["model"] = "x/y"
    after = rewritten(FILE, TEXT, wanted)
    assert data(after) == wanted
    assert changed_lines(TEXT, after) == [
        "          model: x/y  # small",
        "          price: 0.25",
        "        litellm_params: {<<: *there, model: a/b}",
        "        model_info: {<<: *info, id: second, price: 0.0000001}",
        "        model_info: {<<: *info, price: 0.0000001}",
    ]


def test_what_comes_from_an_anchor_can_be_left_out() -> None:
    wanted = data()
    del entries(wanted)[1]["litellm_params"]["api_base"]
    after = rewritten(FILE, TEXT, wanted)
    assert data(after) == wanted
    assert changed_lines(TEXT, after) == ["        litellm_params: {model: a/b}"]


def test_small_prices_are_written_so_that_they_are_read_as_numbers() -> None:
    wanted = data()
    entries(wanted)[2]["model_info"]["price"] = 0.000_000_02
    after = rewritten(FILE, TEXT, wanted)
    assert entries(data(after))[2]["model_info"]["price"] == 2e-8
    assert "e-08" not in after


def test_line_ends_of_another_system_stay() -> None:
    text = TEXT.replace("\n", "\r\n")
    wanted = data(text)
    entries(wanted)[0]["model_info"]["window"] = 8
    after = rewritten(FILE, text, wanted)
    assert after.count("\r\n") == after.count("\n") == text.count("\r\n") + 1
    assert data(after) == wanted


def test_another_number_of_entries_is_refused() -> None:
    wanted = data()
    entries(wanted).append({"model_name": "judge"})
    with pytest.raises(EditFailed, match="number of entries"):
        rewritten(FILE, TEXT, wanted)


SHIPPED = (ROOT / "config" / "models.yaml").read_text()
PROFILES = sorted(yaml.safe_load(SHIPPED)["profiles"])
VALUES = st.one_of(
    st.floats(min_value=1e-9, max_value=10, allow_nan=False),
    st.integers(0, 10**7),
    st.sampled_from(["a/b:c", "os.environ/KEY", "${X:-y}", "yes", "1e-7", "it's # not", "-", ""]),
)


@settings(max_examples=25, deadline=None)
@given(
    profile=st.sampled_from(PROFILES),
    place=st.integers(0, 4),
    part=st.sampled_from(["litellm_params", "model_info"]),
    key=st.sampled_from(["model", "id", "api_key", "input_cost_per_token", "new"]),
    value=VALUES,
)
def test_any_value_of_the_shipped_file_can_be_changed_alone(
    profile: str, place: int, part: str, key: str, value: object
) -> None:
    wanted = data(SHIPPED)
    wanted["profiles"][profile]["model_list"][place][part][key] = value
    before = copy.deepcopy(wanted)
    after = rewritten(FILE, SHIPPED, wanted)
    assert data(after) == wanted == before
    comments = [line.strip() for line in SHIPPED.splitlines() if line.strip().startswith("#")]
    assert [line.strip() for line in after.splitlines() if line.strip().startswith("#")] == comments


def test_a_file_is_replaced_whole_with_its_mode_and_only_if_nobody_was_faster(
    tmp_path: Path,
) -> None:
    file = tmp_path / "models.yaml"
    file.write_text("a: 1\n")
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    put(link, "a: 1\n", "a: 2\n")
    assert file.read_text() == "a: 2\n"
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    with pytest.raises(EditFailed, match="changed it"):
        put(file, "a: 1\n", "a: 3\n")
    assert file.read_text() == "a: 2\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link.yaml", "models.yaml"]
