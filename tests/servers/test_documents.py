import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.servers.client import Client, check_declarations, held, stdio_session
from tests.servers.pdf import pdf

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUIDE = """---
title: Guide
---
# Gateway guide

The gateway stands between agents and tools.
It opens a session only when one is needed.

## Denied calls

A denied tool call is recorded as a decision in the audit log,
together with the ids of the policies that denied it.
No session is opened for it.

Recorded fields:

- who asked, and for which task
- the arguments, without secrets

```python
# Denied calls
decision = gateway.decide(call)
```

Setext heading
--------------

Budgets are ceilings. Reserve before a call, settle after it.
"""

PAGE = """<!DOCTYPE html><html><head><title>Prices</title><style>p { color: red }</style></head>
<body><h1>Price list</h1><p>All prices are
   net.</p><script>var hidden = "secretword";</script>
<table><tr><th>Article</th><th>Price</th></tr><tr><td>Desk</td><td>489</td></tr></table>
<h2>Returns</h2><ul><li>Within thirty days</li><li>Unused</li></ul></body></html>
"""


def fill(root: Path) -> Path:
    """A root with a folder `docs`, and things outside that must stay out of reach."""
    docs = root / "root" / "docs"
    (docs / "deep").mkdir(parents=True)
    (docs / "guide.md").write_text(GUIDE, encoding="utf-8")
    (docs / "page.html").write_text(PAGE, encoding="utf-8")
    (docs / "manual.pdf").write_bytes(
        pdf([["Safety manual", "Unplug the desk first."], ["Second page.", "Warranty is 5 years."]])
    )
    (docs / "deep" / "orders.csv").write_text(
        "order,city,total\n1,Leeds,10\n2,Lund,20\n", encoding="utf-8"
    )
    (docs / "app.log").write_text(
        "2026-09-17T13:41:07.5+02:00 ERROR certificate expired\n  at handshake()\n"
        "2026-09-17 13:42:00 INFO all fine\nno time here\n",
        encoding="utf-8",
    )
    (docs / "notes.txt").write_bytes("Preis: 5 € für alle".encode("cp1252"))
    (docs / "settings.yaml").write_text("limits:\n  calls: 5\n", encoding="utf-8")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 nothing follows")
    (docs / "binary.txt").write_bytes(b"\x7fELF\0\0\1\2")
    (docs / "image.png").write_bytes(b"\x89PNG\0")
    (docs / ".hidden.md").write_text("# hidden", encoding="utf-8")
    (root / "outside.md").write_text("# secret outside", encoding="utf-8")
    (docs / "escape.md").symlink_to(root / "outside.md")
    (docs / "inside.md").symlink_to(docs / "guide.md")
    (root / "root" / "way-out").symlink_to(root)
    return docs


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("documents"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def documents(folder: Path) -> AsyncIterator[Client]:
    environment = {"SWITCHYARD_DOCS_ROOTS": str(folder.parent)}
    async with held(stdio_session("documents", environment)) as client:
        yield client


async def search(documents: Client, query: str, **more: object) -> list[dict[str, Any]]:
    result = await documents.call("search_documents", folder="docs", query=query, **more)
    passages: list[dict[str, Any]] = result["passages"]
    return passages


async def lines_of(documents: Client, path: str) -> list[str]:
    read = await documents.call("read_document", folder="docs", path=path)
    return [line["text"] for line in read["lines"]]


async def test_every_tool_declares_what_it_takes_and_returns(documents: Client) -> None:
    await check_declarations(documents, writing=set())


async def test_documents_are_listed_and_what_cannot_be_used_is_named(documents: Client) -> None:
    listed = await documents.call("list_documents", folder="docs")
    assert [(entry["path"], entry["kind"]) for entry in listed["documents"]] == [
        ("app.log", "log"),
        ("binary.txt", "text"),
        ("broken.pdf", "pdf"),
        ("deep/orders.csv", "csv"),
        ("guide.md", "markdown"),
        ("inside.md", "markdown"),
        ("manual.pdf", "pdf"),
        ("notes.txt", "text"),
        ("page.html", "html"),
        ("settings.yaml", "data"),
    ]
    assert listed["skipped"] == [
        {"path": "escape.md", "reason": "it is a link that leads out of the folder"}
    ]
    assert listed["documents"][4]["bytes"] == len(GUIDE.encode())
    short = await documents.call("list_documents", folder=".", limit=1)
    assert (short["total"], len(short["documents"])) == (10, 1)


async def test_a_search_finds_the_paragraph_and_quotes_its_lines(documents: Client) -> None:
    best = (await search(documents, "How is a denied tool call recorded?"))[0]
    assert best["path"] in ("guide.md", "inside.md")
    assert (best["start_line"], best["end_line"]) == (11, 13)
    assert best["heading"] == "Denied calls"
    assert best["breadcrumb"] == ["Gateway guide", "Denied calls"]
    assert best["text"] == "\n".join(GUIDE.splitlines()[10:13])
    assert set(best["matched"]) == {"denied", "tool", "call", "recorded"}


@pytest.mark.parametrize(
    "query",
    ["audit policies", "price of a desk", "warranty", "certificate", "Lund", "budget", "limits"],
)
async def test_every_passage_is_exactly_the_lines_that_it_names(
    documents: Client, query: str
) -> None:
    passages = await search(documents, query, limit=50)
    assert passages
    for passage in passages:
        lines = await lines_of(documents, passage["path"])
        first, last = passage["start_line"], passage["end_line"]
        assert passage["text"] == "\n".join(lines[first - 1 : last])
        assert not passage["cut"]
    scores = [passage["score"] for passage in passages]
    assert scores == sorted(scores, reverse=True)


async def test_a_word_of_the_heading_counts_more_than_one_in_passing(
    documents: Client, folder: Path
) -> None:
    file = folder / "runbook.md"
    file.write_text(
        "# Runbook\n\n## Fridays\n\nNever think of a rollback today.\n\n"
        "## Rollback\n\nPress the red button.\n",
        encoding="utf-8",
    )
    best = (await search(documents, "rollback"))[0]
    file.unlink()
    assert (best["text"], best["heading"]) == ("Press the red button.", "Rollback")


async def test_headings_in_code_and_underlined_headings_are_told_apart(documents: Client) -> None:
    budget = (await search(documents, "reserve settle ceilings"))[0]
    assert budget["breadcrumb"] == ["Gateway guide", "Setext heading"]
    code = (await search(documents, "gateway.decide"))[0]
    assert code["breadcrumb"] == ["Gateway guide", "Denied calls"]
    assert code["text"].startswith("```python")
    announced = (await search(documents, "arguments without secrets"))[0]
    assert announced["text"].startswith("Recorded fields:\n\n- who asked")


async def test_html_is_read_as_lines_without_what_nobody_sees(documents: Client) -> None:
    lines = await lines_of(documents, "page.html")
    assert [line for line in lines if line] == [
        "Prices",
        "Price list",
        "All prices are net.",
        "Article | Price",
        "Desk | 489",
        "Returns",
        "- Within thirty days",
        "- Unused",
    ]
    assert await lines_of(documents, "page.html") == lines
    assert (await search(documents, "thirty days"))[0]["heading"] == "Returns"
    assert await search(documents, "secretword") == []


async def test_pdf_passages_carry_their_page(documents: Client) -> None:
    warranty = (await search(documents, "warranty years"))[0]
    assert (warranty["path"], warranty["page"]) == ("manual.pdf", 2)
    assert "Warranty is 5 years." in warranty["text"]
    read = await documents.call("read_document", folder="docs", path="manual.pdf")
    assert [(line["page"], line["text"]) for line in read["lines"] if line["text"]] == [
        (1, "Safety manual"),
        (1, "Unplug the desk first."),
        (2, "Second page."),
        (2, "Warranty is 5 years."),
    ]


async def test_a_csv_row_is_found_with_its_header(documents: Client) -> None:
    row = (await search(documents, "Lund total"))[0]
    assert (row["path"], row["start_line"], row["text"]) == ("deep/orders.csv", 3, "2,Lund,20")
    assert row["heading"] == "order,city,total"


async def test_a_log_entry_keeps_its_indented_lines(documents: Client) -> None:
    entry = (await search(documents, "certificate handshake"))[0]
    assert (entry["path"], entry["start_line"], entry["end_line"]) == ("app.log", 1, 2)


async def test_unreadable_documents_are_named_and_do_not_stop_a_search(documents: Client) -> None:
    result = await documents.call("search_documents", folder="docs", query="desk")
    reasons = {each["path"]: each["reason"] for each in result["skipped"]}
    assert reasons["binary.txt"] == "it is a binary file, not text"
    assert reasons["broken.pdf"].startswith("the PDF is damaged")
    assert set(reasons) == {"binary.txt", "broken.pdf", "escape.md"}
    message = await documents.refused("read_document", folder="docs", path="image.png")
    assert message.startswith("path = 'image.png': it is a binary file, not text.")


async def test_windows_text_is_read(documents: Client) -> None:
    assert await lines_of(documents, "notes.txt") == ["Preis: 5 € für alle"]


async def test_lines_are_read_in_ranges(documents: Client, folder: Path) -> None:
    part = await documents.call(
        "read_document", folder="docs", path="guide.md", start_line=9, end_line=11
    )
    assert [line["number"] for line in part["lines"]] == [9, 10, 11]
    assert part["lines"][0]["text"] == "## Denied calls"
    assert part["next_line"] is None
    (folder / "long.txt").write_text("".join(f"line {n}\n" for n in range(1, 1001)))
    first = await documents.call("read_document", folder="docs", path="long.txt")
    assert (first["total_lines"], first["end_line"], first["next_line"]) == (1000, 400, 401)
    (folder / "long.txt").unlink()
    assert "start_line = 99" in await documents.refused(
        "read_document", folder="docs", path="guide.md", start_line=99
    )
    assert "before start_line 5" in await documents.refused(
        "read_document", folder="docs", path="guide.md", start_line=5, end_line=4
    )


async def test_a_changed_file_is_read_anew(documents: Client, folder: Path) -> None:
    file = folder / "changing.md"
    file.write_text("The walrus sleeps.\n", encoding="utf-8")
    assert (await search(documents, "walrus"))[0]["text"] == "The walrus sleeps."
    file.write_text("The walrus woke up.\n", encoding="utf-8")
    assert (await search(documents, "walrus"))[0]["text"] == "The walrus woke up."
    file.unlink()
    assert await search(documents, "walrus") == []


@pytest.mark.parametrize(
    "path",
    [
        "../../outside.md",
        "deep/../../../outside.md",
        "escape.md",
        "/etc/passwd",
        "../way-out/outside.md",
        "missing.md",
        "deep",
        "guide.md\0.png",
    ],
)
async def test_no_path_leads_out_of_the_folder(documents: Client, path: str) -> None:
    message = await documents.refused("read_document", folder="docs", path=path)
    assert message.startswith("path = ")
    assert "secret" not in message


@pytest.mark.parametrize("folder_", ["..", "/", "docs/../..", "way-out", "docs/guide.md", "nope"])
async def test_no_folder_outside_the_roots_is_opened(documents: Client, folder_: str) -> None:
    for tool, more in (
        ("list_documents", {}),
        ("search_documents", {"query": "secret"}),
        ("grep_documents", {"pattern": "secret"}),
        ("read_document", {"path": "outside.md"}),
    ):
        message = await documents.refused(tool, folder=folder_, **more)
        assert message.startswith("folder = ")


async def test_an_absolute_folder_inside_a_root_is_accepted(
    documents: Client, folder: Path
) -> None:
    read = await documents.call("read_document", folder=str(folder), path="guide.md", end_line=1)
    assert read["lines"][0]["text"] == "---"


async def test_patterns_find_lines_with_their_time_in_utc(documents: Client) -> None:
    found = await documents.call("grep_documents", folder="docs", pattern=r"(?i)ERROR|fine|no time")
    assert [(each["line"], each["timestamp"]) for each in found["matches"]] == [
        (1, "2026-09-17T11:41:07.500Z"),
        (3, "2026-09-17T13:42:00"),
        (4, None),
    ]
    limited = await documents.call("grep_documents", folder="docs", pattern=".", limit=2)
    assert limited["total"] > len(limited["matches"]) == 2


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("(", "not a regular expression"),
        ("(((a{99}){99}){99}){99}", "counted repeats are too large"),
        ("(" * 30 + "a" + ")" * 30, "counted repeats are too large"),
        (r"(?:x{1000}){1000}", "counted repeats are too large"),
        ("x" * 301, "at most 300 characters"),
    ],
)
async def test_patterns_that_cannot_be_used_are_refused_at_once(
    documents: Client, pattern: str, problem: str
) -> None:
    begun = time.monotonic()
    message = await documents.refused("grep_documents", folder="docs", pattern=pattern)
    assert problem in message
    assert time.monotonic() - begun < 2


async def test_a_pattern_that_would_never_end_is_stopped(documents: Client, folder: Path) -> None:
    trap = folder / "trap.txt"
    trap.write_text("a" * 3000 + "!\n", encoding="utf-8")
    begun = time.monotonic()
    message = await documents.refused("grep_documents", folder="docs", pattern="(a|aa)+$")
    trap.unlink()
    assert "matching took longer than 2 s" in message
    assert time.monotonic() - begun < 10


async def test_a_pipe_in_the_folder_does_not_block(documents: Client, folder: Path) -> None:
    os.mkfifo(folder / "pipe.txt")
    result = await documents.call("search_documents", folder="docs", query="desk")
    (folder / "pipe.txt").unlink()
    reasons = {each["path"]: each["reason"] for each in result["skipped"]}
    assert reasons["pipe.txt"] == "it is not a regular file"
