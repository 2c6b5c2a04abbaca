"""A tool as its server defines it, word for word: what is pinned, and compared with the pin."""

from __future__ import annotations

from mcp import ClientSession
from mcp.types import PaginatedRequestParams, Tool
from pydantic import BaseModel, ConfigDict

from runtime.canonical import Json, digest
from tools.catalogue import Listed
from tools.invisible import cleaned, hidden

_MOST = 10_000
"""Tools of one server; a list without an end is none."""

_WORDS = frozenset({"description", "title", "$comment"})
"""Keys of a schema whose values are for reading only."""


class Definition(BaseModel):
    """Everything that a server says of a tool and that may steer a model or a check."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str = ""
    description: str = ""
    arguments: Json = None
    output: Json = None
    notes: Json = None
    """Its annotations: whether it only reads, whether it destroys."""

    @property
    def sha256(self) -> str:
        """Of every word of it."""
        return digest(self.model_dump())

    @property
    def invisible(self) -> int:
        """How many invisible characters are in its description."""
        return cleaned(self.description)[1]

    @property
    def deceptive(self) -> bool:
        """Whether invisible characters stand where they cannot be removed without a change."""
        return hidden(self.name) or _hidden_in(self.arguments)

    def listed(self) -> Listed:
        """The tool for the catalogue, its words without invisible characters."""
        notes = self.notes if isinstance(self.notes, dict) else {}
        return Listed(
            name=self.name,
            description=cleaned(self.description)[0],
            schema=_cleaned_schema(self.arguments),
            read_only=notes.get("readOnlyHint") is True,
            output=_cleaned_schema(self.output),
        )


async def definitions(session: ClientSession) -> list[Definition]:
    """All tools of a server, page by page.

    Raises:
        ValueError: there is no end of them.
    """
    found: list[Definition] = []
    cursor: str | None = None
    while True:
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        found += [_of(tool) for tool in page.tools]
        if len(found) > _MOST:
            raise ValueError(f"It lists more than {_MOST:,} tools")
        cursor = page.nextCursor
        if not cursor:
            return found


def _of(tool: Tool) -> Definition:
    notes = tool.annotations.model_dump(exclude_none=True) if tool.annotations else None
    return Definition(
        name=tool.name,
        title=tool.title or "",
        description=tool.description or "",
        arguments=tool.inputSchema,
        output=tool.outputSchema,
        notes=notes,
    )


def _cleaned_schema(schema: Json) -> Json:
    match schema:
        case dict():
            return {
                key: cleaned(value)[0]
                if key in _WORDS and isinstance(value, str)
                else _cleaned_schema(value)
                for key, value in schema.items()
            }
        case list():
            return [_cleaned_schema(one) for one in schema]
        case _:
            return schema


def _hidden_in(schema: Json, *, words: bool = False) -> bool:
    match schema:
        case str():
            return not words and hidden(schema)
        case dict():
            return any(
                hidden(key) or _hidden_in(value, words=key in _WORDS)
                for key, value in schema.items()
            )
        case list():
            return any(_hidden_in(one) for one in schema)
        case _:
            return False
