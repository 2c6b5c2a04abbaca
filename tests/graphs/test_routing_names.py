"""No specialist may be called like a part of the supervisor."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.registry import RESERVED, Registry, load_registry
from agents.routing.choose import ASK, NONE
from app.spec_source import read_all
from graphs.supervisor import build
from tests.graphs.clerks import INVOICES, clerk


def test_every_node_of_the_supervisor_is_reserved() -> None:
    nodes = set(build(Registry({}, ())).nodes)
    assert {"__start__", "__end__", NONE, ASK, "router", *nodes} == RESERVED


@pytest.mark.parametrize("name", sorted(one for one in RESERVED if one[0].isalpha()))
def test_a_reserved_name_is_refused_with_its_line_and_a_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.md").write_text(clerk(name, INVOICES))
    (tmp_path / "invoices.md").write_text(clerk("invoices", INVOICES))
    registry = load_registry(tmp_path)
    assert list(registry) == ["invoices"]
    sources, problems = read_all(tmp_path)
    assert [source.specialist.name for source in sources] == ["invoices"]
    for (problem,) in (registry.problems, problems):
        assert (problem.line, problem.field) == (2, "name")
        assert f"{name!r} is reserved" in problem.reason
        assert f"{name}-desk" in problem.message + str(problem)
