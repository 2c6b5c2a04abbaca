"""What a mischief has to work with: the request, what it offers, and one source of chance.
The ways to answer are here as well, so that every mischief answers where a model would."""

from __future__ import annotations

import random
from dataclasses import dataclass

from pydantic import JsonValue

from tests.provider.exchange import Exchange, JsonObject, Reply, ToolCall, canonical
from tests.provider.instances import NoInstanceError
from tests.provider.material import Material
from tests.provider.plans import compose


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    exchange: Exchange
    material: Material
    rng: random.Random

    @property
    def may_call(self) -> bool:
        return bool(self.exchange.tools) and self.exchange.tool_use != "none"

    def instance(self, schema: JsonObject) -> JsonValue:
        """A valid instance to spoil; None where there is none."""
        try:
            return compose(schema, self.material, self.rng)
        except NoInstanceError:
            return None

    def structured(self, value: JsonValue) -> Reply:
        """The value where the request wants it: as arguments of the demanded tool, or as text."""
        tool = self.exchange.demanded_tool
        if tool is None:
            return Reply(text=canonical(value))
        arguments = value if isinstance(value, dict) else canonical(value)
        return Reply(tool_calls=(ToolCall(name=tool.name, arguments=arguments),))

    def call(self, name: str, arguments: JsonObject) -> Reply:
        return Reply(tool_calls=(ToolCall(name=name, arguments=arguments),))

    def invented_id(self) -> str:
        return f"call_{self.rng.getrandbits(48):012x}"
