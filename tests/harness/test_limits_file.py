"""`config/limits.yaml`: every limit is set, in bounds, and explained where it first stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.limits import load_limits
from harness.limits import Limits
from ledger.ceilings import Ceiling, Standing
from runtime.errors import ConfigError
from runtime.settings import ROOT

FILE = ROOT / "config" / "limits.yaml"


def test_the_file_loads_and_no_class_may_spend_more_than_a_request() -> None:
    limits = load_limits(FILE)
    assert (limits.version, limits.run_files) == (1, 500)
    assert limits.file_bytes < limits.run_bytes
    assert limits.classes.keys() == {"quick", "standard", "thorough"}
    for name, one in limits.classes.items():
        assert one.task_dollars <= one.dollars <= limits.request_dollars, name
        assert limits.request_tokens is not None
        assert one.tokens <= one.task_tokens <= one.job_tokens <= limits.request_tokens, name
        assert one.task_seconds <= one.seconds, name
        assert one.tasks <= 500, name
    assert limits.of("quick").depth == 1
    assert limits.of("unheard of") == limits.of("standard")


def test_every_limit_has_a_line_with_a_comment() -> None:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    for name in (*Limits.model_fields, "version", "request_dollars", "run_files", "file_bytes"):
        first = next(line for line in lines if line.strip().startswith(f"{name}:"))
        assert "#" in first, name


def test_the_ceilings_of_calls_and_days_are_read_and_what_is_left_out_has_none(
    tmp_path: Path,
) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert load_limits(FILE).standing == Standing(call=Ceiling(dollars=2.5, tokens=2_000_000))
    file = tmp_path / "limits.yaml"
    signs = ("# everybody", "# tenants", "#   default", "#   acme")
    lines = [
        line.removeprefix("# ") if line.startswith(signs) else line for line in text.splitlines()
    ]
    file.write_text("\n".join(lines))
    assert load_limits(file).standing == Standing(
        call=Ceiling(dollars=2.5, tokens=2_000_000),
        day=Ceiling(dollars=500.0, tokens=2_000_000_000),
        tenants={"acme": Ceiling(dollars=200.0)},
        tenant=Ceiling(dollars=50.0, tokens=200_000_000),
    )


def test_a_file_of_another_version_is_refused_with_its_line(tmp_path: Path) -> None:
    other = tmp_path / "limits.yaml"
    other.write_text(FILE.read_text(encoding="utf-8").replace("version: 1 ", "version: 2 "))
    with pytest.raises(ConfigError) as caught:
        load_limits(other)
    assert "version" in str(caught.value)
    assert caught.value.line == 4
