"""The tools of the documents server; each stays inside the allowed folders."""

import asyncio
import os
from typing import Annotated

from pydantic import Field

from tools.servers.documents.desk import Desk
from tools.servers.documents.library import Library
from tools.servers.documents.patterns import MAX_PATTERN
from tools.servers.documents.records import DocumentList, DocumentText, MatchList, SearchResult
from tools.servers.documents.roots import read_roots
from tools.servers.server import READ, ToolServer

Folder = Annotated[
    str,
    Field(
        description="Folder to look in, with its subfolders: relative to the server's root, such "
        "as docs, or absolute inside it; . is the root itself.",
        min_length=1,
        max_length=1000,
    ),
]

_INSTRUCTIONS = (
    "Documents in folders (Markdown, text, logs, HTML, PDF, CSV, JSON, YAML), as numbered lines. "
    "Paths in results are relative to the folder that was asked for; cite a place as path:line."
)


class DocumentTools:
    """The tools, each an async method whose docstring is its description."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_documents(
        self,
        folder: Folder,
        limit: Annotated[
            int, Field(description="How many to list at most, 1 to 1000.", ge=1, le=1000)
        ] = 200,
    ) -> DocumentList:
        """List the documents in a folder and its subfolders with kind, size and time of change."""
        return await asyncio.to_thread(self._desk.list, folder, limit)

    async def search_documents(
        self,
        folder: Folder,
        query: Annotated[
            str,
            Field(
                description="A question or words to look for; word endings and case do not matter.",
                min_length=1,
                max_length=1000,
            ),
        ],
        limit: Annotated[
            int, Field(description="How many passages at most, 1 to 50.", ge=1, le=50)
        ] = 8,
    ) -> SearchResult:
        """Find the passages in a folder's documents that answer a question best. Each comes with
        path, first and last line, the exact text of these lines and the heading above."""
        return await asyncio.to_thread(self._desk.search, folder, query, limit)

    async def grep_documents(
        self,
        folder: Folder,
        pattern: Annotated[
            str,
            Field(
                description="Regular expression (Python syntax) searched for in each line; (?i) at "
                "its start ignores case.",
                min_length=1,
                max_length=MAX_PATTERN,
            ),
        ],
        limit: Annotated[
            int, Field(description="How many lines at most, 1 to 500.", ge=1, le=500)
        ] = 100,
    ) -> MatchList:
        """Find all lines in a folder's documents that match a regular expression, for example in
        logs; with path, line number and the time at the start of the line if there is one."""
        return await asyncio.to_thread(self._desk.grep, folder, pattern, limit)

    async def read_document(
        self,
        folder: Folder,
        path: Annotated[
            str,
            Field(
                description="Path of the document inside the folder, as the other tools give it.",
                min_length=1,
                max_length=1000,
            ),
        ],
        start_line: Annotated[int, Field(description="First line, from 1.", ge=1)] = 1,
        end_line: Annotated[
            int | None,
            Field(description="Last line, included; null for the end of the document.", ge=1),
        ] = None,
    ) -> DocumentText:
        """Read lines of one document. At most 400 lines or 40000 characters at a time; next_line
        says where to read on."""
        return await asyncio.to_thread(self._desk.read, folder, path, start_line, end_line)


def build() -> ToolServer:
    """The server.

    Raises:
        BadSetup: a root folder does not exist.
    """
    tools = DocumentTools(Desk(read_roots(os.environ), Library()))
    server = ToolServer("documents", instructions=_INSTRUCTIONS)
    for read in (
        tools.list_documents,
        tools.search_documents,
        tools.grep_documents,
        tools.read_document,
    ):
        server.offer(read, READ)
    return server
