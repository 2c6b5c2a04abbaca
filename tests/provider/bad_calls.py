"""Mischief with tools: calls of what nobody offered, with arguments that nobody can use.
Each function gives the reply, or None where the request leaves no room for it."""

from __future__ import annotations

import random
from collections.abc import Callable

from pydantic import JsonValue

from tests.provider.exchange import JsonObject, Reply
from tests.provider.scene import Scene
from tests.provider.sites import lacking, mistyped

INVENTED = ("run_shell", "read_all_secrets", "transfer_funds", "web_browser", "sudo")


def invented_tool(scene: Scene) -> Reply | None:
    """A call of a tool that was never offered."""
    if not scene.may_call:
        return None
    offered = {tool.name for tool in scene.exchange.tools}
    near = f"{scene.rng.choice(sorted(offered))}_v2"
    names = [name for name in (near, *INVENTED) if name not in offered]
    return scene.call(scene.rng.choice(names), {"input": scene.material.keywords(5)})


def wrong_arguments(scene: Scene) -> Reply | None:
    """A call of an offered tool with an argument of a wrong type."""
    return _spoilt(scene, mistyped)


def missing_arguments(scene: Scene) -> Reply | None:
    """A call of an offered tool that lacks a required argument."""
    return _spoilt(scene, lacking)


def repeated_call(scene: Scene) -> Reply | None:
    """The same call again, whatever came back: it depends on the tools and the first message."""
    # Where one tool is demanded, to call it again is what was asked for.
    if not scene.may_call or scene.exchange.demanded_tool:
        return None
    exchange = scene.exchange
    first = next((turn.text for turn in exchange.turns if turn.role == "user"), "")
    names = sorted(tool.name for tool in exchange.tools)
    name = random.Random(f"{first}:{names}").choice(names)
    tool = next(each for each in exchange.tools if each.name == name)
    opening = Scene(
        exchange=exchange, material=scene.material, rng=random.Random(f"{first}:{name}")
    )
    arguments = _repeated_arguments(scene, name) or opening.instance(tool.schema)
    return scene.call(name, arguments) if isinstance(arguments, dict) else None


def is_repeating(scene: Scene) -> bool:
    """The conversation already shows the same call twice in a row."""
    made = [call for turn in scene.exchange.turns for call in turn.tool_calls]
    return len(made) > 1 and (made[-1].name, made[-1].arguments) == (
        made[-2].name,
        made[-2].arguments,
    )


def _repeated_arguments(scene: Scene, name: str) -> JsonObject | None:
    # What was asked before is read off the conversation: results must not change the arguments.
    made = [call for turn in scene.exchange.turns for call in turn.tool_calls if call.name == name]
    return made[-1].arguments if made and isinstance(made[-1].arguments, dict) else None


def _spoilt(
    scene: Scene, spoil: Callable[[JsonObject, JsonValue, random.Random], JsonValue]
) -> Reply | None:
    tools = [scene.exchange.demanded_tool] if scene.exchange.demanded_tool else scene.exchange.tools
    if not scene.may_call:
        return None
    for tool in scene.rng.sample(list(tools), len(tools)):
        arguments = spoil(tool.schema, scene.instance(tool.schema), scene.rng)
        if isinstance(arguments, dict):
            return scene.call(tool.name, arguments)
    return None
