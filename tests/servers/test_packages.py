import importlib.metadata
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import license_expression
import pytest
import pytest_asyncio
import yaml

from tests.servers.client import REPO, Client, check_declarations, held, stdio_session
from tests.servers.site import BSD2_TEXT, GPL_TITLE, MIT_TEXT, install
from tools.servers.errors import BadSetup
from tools.servers.packages.environment import Environment, read_environment, value_of
from tools.servers.packages.expressions import parsed
from tools.servers.packages.policy import LicencePolicy, read_policy
from tools.servers.packages.records import PackageLicence
from tools.servers.packages.review import review
from tools.servers.packages.shortforms import short_form
from tools.servers.packages.texts import detected

pytestmark = pytest.mark.asyncio(loop_scope="module")

OSI = "Classifier: License :: OSI Approved :: "


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def packages() -> AsyncIterator[Client]:
    async with held(stdio_session("packages", {})) as client:
        yield client


@pytest.fixture(scope="module")
def policy() -> LicencePolicy:
    return read_policy({})


def only(site: Path, policy: LicencePolicy) -> PackageLicence:
    """The review of the one package in a folder."""
    environment = Environment((site,))
    (package,) = environment.list(None).packages
    return review(environment.get(package.name), policy)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def licences(packages: Client) -> dict[str, dict[str, Any]]:
    """Every package of the running environment, as the server tells it."""
    listed = await packages.call("list_packages")
    names = [each["name"] for each in listed["packages"]]
    found: list[dict[str, Any]] = []
    for start in range(0, len(names), 25):
        part = await packages.call("get_licences", names=names[start : start + 25])
        assert part["not_installed"] == []
        found.extend(part["packages"])
    assert [each["name"] for each in found] == names
    return {each["name"]: each for each in found}


async def test_every_tool_declares_what_it_takes_and_returns(packages: Client) -> None:
    await check_declarations(packages, writing=set())


async def test_the_list_is_what_the_interpreter_itself_reports(packages: Client) -> None:
    listed = await packages.call("list_packages")
    reported = {canonical(each.name): each.version for each in importlib.metadata.distributions()}
    assert {each["name"]: each["version"] for each in listed["packages"]} == reported
    assert listed["total"] == len(reported) > 100
    assert listed["packages"] == sorted(listed["packages"], key=lambda each: each["name"])
    assert listed["unreadable"] == []


async def test_no_package_of_this_environment_is_left_unknown(
    licences: dict[str, dict[str, Any]],
) -> None:
    assert [name for name, each in licences.items() if each["category"] == "unknown"] == []


# Read by hand from the packages' own metadata and licence texts.
READ_BY_HAND = {
    "anyio": ("MIT", "permissive"),
    "certifi": ("MPL-2.0", "weak-copyleft"),
    "cedarpy": ("Apache-2.0", "permissive"),
    "cffi": ("MIT-0", "permissive"),
    "click": ("BSD-3-Clause", "permissive"),
    "cryptography": ("Apache-2.0 OR BSD-3-Clause", "permissive"),
    "hypothesis": ("MPL-2.0", "weak-copyleft"),
    "langgraph-api": ("Elastic-2.0", "proprietary"),
    "langgraph-runtime-inmem": ("Elastic-2.0", "proprietary"),
    "mcp": ("MIT", "permissive"),
    "orjson": ("MPL-2.0 AND (Apache-2.0 OR MIT)", "weak-copyleft"),
    "pathspec": ("MPL-2.0", "weak-copyleft"),
    "protobuf": ("BSD-3-Clause", "permissive"),
    "python-dateutil": ("BSD-3-Clause OR Apache-2.0", "permissive"),
    "regex": ("Apache-2.0 AND CNRI-Python", "permissive"),
    "requests": ("Apache-2.0", "permissive"),
    "scipy": ("BSD-3-Clause", "permissive"),
    "sniffio": ("MIT OR Apache-2.0", "permissive"),
    "tqdm": ("MPL-2.0 AND MIT", "weak-copyleft"),
    "typing-extensions": ("PSF-2.0", "permissive"),
}


async def test_well_known_packages_come_out_as_a_person_reads_them(
    licences: dict[str, dict[str, Any]],
) -> None:
    present = {name: expected for name, expected in READ_BY_HAND.items() if name in licences}
    assert len(present) > 15
    assert {
        name: (licences[name]["spdx_expression"], licences[name]["category"]) for name in present
    } == present


async def test_an_expression_in_the_metadata_is_always_taken(
    licences: dict[str, dict[str, Any]],
) -> None:
    checked = 0
    for distribution in importlib.metadata.distributions():
        expression = value_of(distribution.metadata, "License-Expression")
        if expression:
            told = licences[canonical(distribution.name)]
            assert told["decided_by"] == "License-Expression"
            assert told["declared"]["license_expression"] == expression
            assert told["spdx_expression"] == expression
            checked += 1
    assert checked > 40


async def test_every_detected_line_can_be_read_again(packages: Client) -> None:
    seen = 0
    for name in ("langgraph-api", "scipy", "tqdm", "requests"):
        licence = await packages.call("get_licence", name=name)
        for file in licence["files"]:
            for each in [file["detected"], *file["further"]]:
                if each is not None:
                    line = each["line"]
                    read = await packages.call(
                        "read_licence_file",
                        name=name, path=file["path"], start_line=line, end_line=line,
                    )  # fmt: skip
                    assert read["lines"][0]["text"].strip() == each["text"]
                    seen += 1
    assert seen >= 6


async def test_stricter_software_inside_a_package_is_reported(packages: Client) -> None:
    scipy = await packages.call("get_licence", name="SciPy")
    told = " ".join(conflict["second"] for conflict in scipy["conflicts"])
    assert "LGPL-2.1-or-later" in told
    assert "GPL-3.0-or-later WITH GCC-exception-3.1" in told
    assert all("weak-copyleft" in conflict["consequence"] for conflict in scipy["conflicts"])


async def test_requirements_are_summed_up(packages: Client) -> None:
    requires = (await packages.call("get_licence", name="httpx"))["requires"]
    assert requires["names"] == ["anyio", "certifi", "httpcore", "idna"]
    assert requires["count"] == 4 <= requires["optional"]


async def test_mistakes_are_answered_with_a_remedy(packages: Client) -> None:
    wrong = await packages.refused("get_licence", name="reqests")
    assert wrong.startswith("name = 'reqests': it is not installed in this environment. Similar: ")
    assert "requests" in wrong
    some = await packages.call("get_licences", names=["tqdm", "no-such-package", "TQDM"])
    assert [each["name"] for each in some["packages"]] == ["tqdm"]
    assert some["not_installed"] == ["no-such-package"]
    none = await packages.refused("get_licences", names=["no-such-package"])
    assert "none of them is installed" in none
    many = await packages.refused("get_licences", names=["tqdm"] * 26)
    assert "at most 25 items" in many


@pytest.mark.parametrize(
    "path", ["../../../../etc/passwd", "/etc/passwd", "requests/__init__.py", "LICENSE"]
)
async def test_only_licence_files_of_the_package_are_read(packages: Client, path: str) -> None:
    message = await packages.refused("read_licence_file", name="requests", path=path)
    assert "it is no licence file of requests" in message


async def test_the_policy_is_told_whole(packages: Client) -> None:
    told = await packages.call("get_policy")
    file = yaml.safe_load((REPO / "config" / "licence-policy.yaml").read_text(encoding="utf-8"))
    assert told["strictness"] == file["strictness"]
    for kind in told["categories"]:
        assert kind["licences"] == file["categories"][kind["name"]]["licences"]
        assert kind["consequence"] == file["categories"][kind["name"]]["consequence"]
        assert kind["consequence"]


async def test_the_policy_can_be_asked_for_some_categories(packages: Client) -> None:
    some = await packages.call("get_policy", categories=["proprietary", "unknown"])
    assert [kind["name"] for kind in some["categories"]] == ["unknown", "proprietary"]
    wrong = await packages.refused("get_policy", categories=["free"])
    assert wrong.startswith("categories.0 = 'free': ")


async def test_the_policy_agrees_with_the_public_licence_database(policy: LicencePolicy) -> None:
    index = Path(license_expression.__file__).parent / "data" / "scancode-licensedb-index.json"
    known = {
        key: entry["category"]
        for entry in json.loads(index.read_text(encoding="utf-8"))
        for key in [entry.get("spdx_license_key"), *entry.get("other_spdx_license_keys", [])]
        if key
    }
    meant = {
        "permissive": {"Permissive", "Public Domain"},
        "weak-copyleft": {"Copyleft Limited"},
        "strong-copyleft": {"Copyleft"},
        "proprietary": {"Source-available", "Proprietary Free", "Commercial"},
    }
    for kind in policy.public.categories:
        for licence in kind.licences:
            if not licence.startswith("LicenseRef-"):
                assert known.get(licence) in meant[kind.name], licence
            else:
                # The library reads some LicenseRef names as licences of its own.
                assert str(parsed(licence, known_only=False)) == licence


@pytest.mark.parametrize(
    ("headers", "expression", "category", "decided_by"),
    [
        (["License-Expression: MIT OR GPL-3.0-only"], "MIT OR GPL-3.0-only", "permissive",
         "License-Expression"),
        (["License-Expression: MIT AND LGPL-3.0-only"], "MIT AND LGPL-3.0-only", "weak-copyleft",
         "License-Expression"),
        (["License-Expression: GPL-2.0-or-later WITH Classpath-exception-2.0"],
         "GPL-2.0-or-later WITH Classpath-exception-2.0", "weak-copyleft", "License-Expression"),
        (["License-Expression: GPL-2.0-only WITH vsftpd-openssl-exception"],
         "GPL-2.0-only WITH vsftpd-openssl-exception", "strong-copyleft", "License-Expression"),
        (["License-Expression: LicenseRef-Mine"], "LicenseRef-Mine", "unknown",
         "License-Expression"),
        ([OSI + "GNU Affero General Public License v3"], "AGPL-3.0-only", "strong-copyleft",
         "Classifier"),
        ([OSI + "GNU Library or Lesser General Public License (LGPL)"],
         "LicenseRef-unversioned-LGPL", "weak-copyleft", "Classifier"),
        (["Classifier: License :: Other/Proprietary License"], "LicenseRef-Proprietary",
         "proprietary", "Classifier"),
        (["License: UNKNOWN", OSI + "MIT License"], "MIT", "permissive", "Classifier"),
        (["Classifier: License :: OSI Approved", "License: Apache License, Version 2.0"],
         "Apache-2.0", "permissive", "License"),
        (["License: Dual License", OSI + "MIT License",
          OSI + "GNU General Public License v3 (GPLv3)"],
         "MIT OR GPL-3.0-only", "permissive", "Classifier"),
        ([OSI + "MIT License", OSI + "GNU General Public License v3 (GPLv3)"],
         "MIT AND GPL-3.0-only", "strong-copyleft", "Classifier"),
        (["License: BSD-3-Clause", OSI + "BSD License"], "BSD-3-Clause", "permissive",
         "Classifier"),
        ([OSI + "BSD License"], "LicenseRef-BSD", "permissive", "Classifier"),
        (["License: LGPLv3+"], "LGPL-3.0-or-later", "weak-copyleft", "License"),
        (["License: see website"], None, "unknown", None),
        (["License: UNKNOWN"], None, "unknown", None),
        ([], None, "unknown", None),
    ],
)  # fmt: skip
async def test_metadata_is_read_by_precedence(
    tmp_path: Path,
    policy: LicencePolicy,
    headers: list[str],
    expression: str | None,
    category: str,
    decided_by: str | None,
) -> None:
    install(tmp_path, "odd-one", *headers)
    found = only(tmp_path, policy)
    assert (found.spdx_expression, found.category) == (expression, category)
    assert found.decided_by == decided_by
    assert found.reason.startswith(f"{category}: ")


async def test_a_choice_offered_in_the_description_counts(
    tmp_path: Path, policy: LicencePolicy
) -> None:
    install(
        tmp_path, "chosen", OSI + "MIT License", OSI + "GNU General Public License v3 (GPLv3)",
        description="This is available under two different licenses at your\nchoice.",
    )  # fmt: skip
    found = only(tmp_path, policy)
    assert (found.spdx_expression, found.category) == ("MIT OR GPL-3.0-only", "permissive")
    assert "two different licenses at your choice" in found.reason


async def test_a_licence_text_in_the_metadata_or_a_file_is_recognised(
    tmp_path: Path, policy: LicencePolicy
) -> None:
    folded = "License: " + MIT_TEXT.replace("\n", "\n        ").rstrip()
    install(tmp_path / "field", "field", folded)
    field = only(tmp_path / "field", policy)
    assert (field.spdx_expression, field.decided_by) == ("MIT", "License")
    assert field.declared.license_field == "MIT License"
    assert field.declared.license_field_is_text
    install(tmp_path / "file", "file", files={"licenses/LICENSE": BSD2_TEXT})
    file = only(tmp_path / "file", policy)
    assert (file.spdx_expression, file.decided_by) == ("BSD-2-Clause", "licence file")
    assert file.files[0].path == "file-1.0.dist-info/licenses/LICENSE"


async def test_sources_that_disagree_are_reported_with_what_depends_on_it(
    tmp_path: Path, policy: LicencePolicy
) -> None:
    install(
        tmp_path, "torn", OSI + "MIT License",
        files={"licenses/COPYING": GPL_TITLE, "licenses/vendor/x/LICENSE": MIT_TEXT},
    )  # fmt: skip
    found = only(tmp_path, policy)
    assert found.category == "permissive"
    (conflict,) = found.conflicts
    assert conflict.first == "Classifier: MIT"
    assert "COPYING:1 GPL-3.0-only" in conflict.second
    assert "the other would be strong-copyleft" in conflict.consequence
    assert [(file.path.split("/", 1)[1], file.part) for file in found.files] == [
        ("licenses/COPYING", "own"),
        ("licenses/vendor/x/LICENSE", "bundled"),
    ]


async def test_a_file_that_begins_with_one_licence_names_the_others_too() -> None:
    text = MIT_TEXT + "\nName: libfoo\nLicense: LGPL-2.1-or-later\n\n" + GPL_TITLE
    found = [(each.spdx_id, each.line) for each in detected(text.splitlines())]
    assert found == [("MIT", 5), ("LGPL-2.1-or-later", 15), ("GPL-3.0-only", 17)]


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("MIT", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("Apache 2", "Apache-2.0"),
        ("Apache Software License 2.0", "Apache-2.0"),
        ("3-Clause BSD License", "BSD-3-Clause"),
        ("BSD", "LicenseRef-BSD"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        ("MIT License, Apache License, Version 2.0", "MIT AND Apache-2.0"),
        ("GPL v2 or later", "GPL-2.0-or-later"),
        ("GPLv3", "GPL-3.0-only"),
        ("Proprietary", "LicenseRef-Proprietary"),
        ("MIT, except for the logo", None),
        ("Dual License", None),
        ("Smith", None),
    ],
)
async def test_short_forms_are_read_or_left_alone(text: str, expression: str | None) -> None:
    found = short_form(text)
    assert (None if found is None else str(found)) == expression


async def test_damaged_metadata_is_named_and_does_not_stop_the_list(tmp_path: Path) -> None:
    install(tmp_path, "good", "License: MIT")
    (tmp_path / "bad-1.0.dist-info").mkdir()
    listed = Environment((tmp_path,)).list(None)
    assert [each.name for each in listed.packages] == ["good"]
    assert listed.unreadable == ["bad-1.0.dist-info"]


async def test_a_newly_installed_package_is_found(tmp_path: Path) -> None:
    install(tmp_path, "first", "License: MIT")
    environment = Environment((tmp_path,))
    assert environment.list(None).total == 1
    install(tmp_path, "Second.One", "License: MIT")
    assert environment.get("second_one").name == "second-one"


async def test_wrong_setup_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetup, match="it is not a folder"):
        read_environment({"SWITCHYARD_PACKAGES_PYTHON_PATH": str(tmp_path / "missing")})
    with pytest.raises(BadSetup, match="holds no installed distribution"):
        read_environment({"SWITCHYARD_PACKAGES_PYTHON_PATH": str(tmp_path)})
    file = tmp_path / "policy.yaml"
    for content, problem in (
        ("version: [", "not YAML"),
        ("version: 2\n", "version: "),
        ("- a\n", "the file: "),
    ):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(BadSetup, match=problem):
            read_policy({"SWITCHYARD_LICENCE_POLICY": str(file)})
    with pytest.raises(BadSetup, match="SWITCHYARD_LICENCE_POLICY"):
        read_policy({"SWITCHYARD_LICENCE_POLICY": str(tmp_path / "missing.yaml")})
