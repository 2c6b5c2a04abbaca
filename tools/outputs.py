"""Holds the structured content of results against the output schemas that a server declared.

The protocol client does the same, but checks the schema itself anew with every result, which takes
up to thirty times as long as everything else that a call costs.
"""

from __future__ import annotations

from collections.abc import Iterable

from jsonschema.exceptions import SchemaError
from mcp.types import CallToolResult
from referencing.exceptions import Unresolvable

from runtime.canonical import Json
from tools.definition import Definition
from tools.fit import Fit


class Outputs:
    """The output schemas of one server's tools, each checked when it is first needed."""

    def __init__(self, found: Iterable[Definition] = ()) -> None:
        self._schemas: dict[str, Json] = {
            one.name: one.output for one in found if one.output is not None
        }
        self._checked: dict[str, Fit] = {}

    def unfit(self, tool: str, result: CallToolResult) -> str:
        """What is wrong with a result; empty when it fits, or when its tool declared nothing.

        An error of the tool itself has no structured content to fit.
        """
        if result.isError or tool not in self._schemas:
            return ""
        if result.structuredContent is None:
            return f"{tool} has an output schema, but returned no structured content"
        try:
            error = self._fit(tool).error(result.structuredContent)
        except SchemaError as cause:
            return f"the output schema of {tool} is not valid: {cause.message[:300]}"
        except Unresolvable as cause:
            return f"the output schema of {tool} refers to what is not in it: {cause}"
        if error is None:
            return ""
        field = ".".join(str(part) for part in error.absolute_path) or "structured content"
        return f"{field} of {tool} is not what its output schema says: {error.message[:300]}"

    def _fit(self, tool: str) -> Fit:
        kept = self._checked.get(tool)
        if kept is None:
            kept = Fit(self._schemas[tool])
            kept.check()
            self._checked[tool] = kept
        return kept
