"""What the commands of `switchyard policy` do: open what they need, and ask the policies."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.registry import load_registry
from app.catalogue import open_tools
from app.policy_cases import Held, case_files, hold, read_cases
from app.policy_coverage import Coverage, coverage
from app.policy_explain import Explained, explain
from app.policy_recorded import Replayed, replay
from ledger.calls import ToolCall
from ledger.store import open_ledger
from runtime.errors import RequestError
from runtime.settings import Settings
from tools.catalogue import ToolEntry
from tools.policy import Policy, load_policy
from tools.schema import schema_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What came of the cases and, where it was asked for, of the record."""

    held: Sequence[Held]
    replayed: Replayed | None

    @property
    def as_expected(self) -> bool:
        """Whether no verdict is another than the expected one."""
        record = self.replayed
        told = record is None or not (record.differing or record.unreadable)
        return told and all(one.as_expected for one in self.held)


async def test_policies(settings: Settings, files: Sequence[Path], limit: int) -> Tested:
    """Hold the policies against cases, and against the newest `limit` recorded calls.

    Raises:
        ConfigError: a policy or a case is wrong.
        RequestError: there is no file of cases.
    """
    policy = _policy(settings)
    held = _held(settings, policy, files)
    if not limit:
        return Tested(held=held, replayed=None)
    return Tested(held=held, replayed=replay(policy, await _recorded(settings, limit)))


async def explain_call(settings: Settings, call: str) -> Explained:
    """Why a recorded call was decided as it was."""
    policy = _policy(settings)
    async with open_ledger(settings.ledger) as ledger:
        return await explain(ledger, policy, call)


async def cover(
    settings: Settings, files: Sequence[Path], limit: int, *, start_tools: bool
) -> Coverage:
    """Which rules were met, and which tools have rules."""
    policy = _policy(settings)
    held = _held(settings, policy, files)
    replayed = replay(policy, await _recorded(settings, limit))
    catalogue, unavailable = await _catalogue(settings) if start_tools else ({}, {})
    return coverage(
        policy,
        cases=[one.met for one in held],
        recorded=[one.met for one in replayed.again],
        catalogue=catalogue.values(),
        unavailable=unavailable,
        specialists=load_registry(settings.specialists).values(),
    )


async def schema_for(settings: Settings, tool: str) -> str:
    """The schema with the arguments of one tool, or of all for an empty name.

    Raises:
        RequestError: there is no such tool.
    """
    catalogue, unavailable = await _catalogue(settings)
    if not tool:
        return schema_of(catalogue.values())
    if tool not in catalogue:
        gone = unavailable.get(tool.partition("_")[0])
        raise RequestError(
            f"is not there: {gone}" if gone else "is not one of the catalogue",
            field="tool",
            value=tool,
            remedy="`switchyard tools` lists them.",
        )
    return schema_of([catalogue[tool]])


def _policy(settings: Settings) -> Policy:
    return load_policy(settings.config / "policy")


def _held(settings: Settings, policy: Policy, files: Sequence[Path]) -> list[Held]:
    found = case_files(settings.config / "policy", files)
    return hold(policy, [placed for file in found for placed in read_cases(file)])


async def _recorded(settings: Settings, limit: int) -> list[ToolCall]:
    async with open_ledger(settings.ledger) as ledger:
        return await ledger.calls.latest(limit)


async def _catalogue(settings: Settings) -> tuple[Mapping[str, ToolEntry], Mapping[str, str]]:
    """The tools, and the servers that are not there; the latter are told by the command."""
    logging.getLogger("tools.sessions").setLevel(logging.ERROR)
    async with open_tools(settings) as gateway:
        return dict(gateway.catalogue), dict(gateway.unavailable)
