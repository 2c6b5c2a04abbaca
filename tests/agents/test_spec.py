"""Specialist files: the bundled ones load, a seventh is one file, mistakes name their line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agents.registry import load_registry
from agents.routing.encoding import LAYERS
from agents.routing.local import LocalClassifier
from agents.routing.settings import load_routing
from agents.routing.split import by_examples
from agents.spec import Specialist, problems_of
from models.encoder import open_encoder
from runtime.errors import ConfigError, RequestError
from runtime.settings import ROOT

BUNDLED = ROOT / "agents" / "specialists"
TIDES = """---
name: tide-times
kind: react
summary: Says when high and low water is at a harbour.
intents:
  - name: tides
    examples: ["When is high water in Brest?", Tide table for Hamburg, "Is it low tide now?"]
outputs:
  type: object
  required: [answer]
  properties: {answer: {type: string}}
escalation: {to: general, when: The harbour is unknown.}
owner: "team: harbour"
---
Look the harbour up and give the next high and low water.
"""


def test_the_six_bundled_specialists_load_without_a_problem() -> None:
    registry = load_registry(BUNDLED)
    assert registry.problems == ()
    assert {name: one.kind for name, one in registry.items()} == {
        "crm-lookup": "react",
        "document-research": "deep",
        "general": "react",
        "incident-review": "deep",
        "licence-review": "deep",
        "notify": "react",
    }
    assert [name for name, one in registry.items() if one.fallback] == ["general"]


def test_a_seventh_specialist_is_one_file_and_gets_its_requests(tmp_path: Path) -> None:
    folder = tmp_path / "specialists"
    shutil.copytree(BUNDLED, folder)
    (folder / "tide-times.md").write_text(TIDES)
    registry = load_registry(folder)
    classifier = LocalClassifier(registry.values(), open_encoder(layers=LAYERS))
    routing = load_routing(ROOT / "config" / "routing.yaml")
    route = by_examples("When is high water in Hamburg?", classifier, routing)
    assert len(registry) == 7
    assert route is not None
    assert route.dispatches[0].specialist == "tide-times"


def test_one_broken_file_does_not_keep_the_others_out(tmp_path: Path) -> None:
    folder = tmp_path / "specialists"
    shutil.copytree(BUNDLED, folder)
    (folder / "tide-times.md").write_text(TIDES.replace("kind: react", "kind: shallow"))
    registry = load_registry(folder)
    assert len(registry) == 6
    (problem,) = registry.problems
    assert (Path(problem.file).name, problem.line, problem.field) == ("tide-times.md", 3, "kind")
    with pytest.raises(RequestError, match="crm-lookup"):
        registry.require("tide-times")


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("owner: ", "ownr: "), 13, "not a known field"),
        (('owner: "team: harbour"\n', ""), 2, "'owner' is missing"),
        (("escalation: {to: general, when: The harbour is unknown.}\n", ""), 2, "'escalation' is"),
        (("name: tide-times\nkind", "name: other\nkind"), 2, "is not the file's name"),
        (("kind: react", "kind: react\nkind: deep"), 4, "a second time"),
        (("  - name: tides", "  - name: [tides"), 7, "not valid YAML"),
        ((', "Is it low tide now?"]', "]"), 7, "at least 3"),
        (("type: object\n", "type: array\n"), 2, "JSON schema of type object"),
        (("kind: react", "kind: deep"), 2, "needs 'plan'"),
        (("---\nname", "name"), 1, "no front matter"),
    ],
)
def test_a_mistake_names_its_line_and_what_to_do(
    tmp_path: Path, change: tuple[str, str], line: int, says: str
) -> None:
    file = tmp_path / "tide-times.md"
    file.write_text(TIDES.replace(*change, 1))
    found = problems_of(file)
    assert not isinstance(found, Specialist)
    assert any(says in one.reason for one in found), [str(one) for one in found]
    problem = next(one for one in found if says in one.reason)
    assert problem.line == line
    assert problem.remedy


def test_a_folder_without_specialists_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no specialist file"):
        load_registry(tmp_path)
    with pytest.raises(ConfigError, match="SWITCHYARD_SPECIALISTS"):
        load_registry(tmp_path / "nowhere")
