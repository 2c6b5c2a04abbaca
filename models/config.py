"""Reads config/models.yaml: LiteLLM's `model_list` format, in profiles, with our labels.

Everything that can be wrong with it is told here, before the first call, and without litellm,
whose import takes seconds: `switchyard check` has to be quick.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from models import addresses
from models.deployment import TIERS, Deployment, Tier
from models.lines import Document, Place, read
from models.params import refused
from models.patience import Patience
from models.recalling import Recalling
from runtime.canonical import Json

_INTERPOLATED = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
_SECRET = "os.environ/"
_TOP = ("profile", "profiles", "model_list", "patience", "cache", "frontier")
_ENTRY = ("model_name", "litellm_params", "model_info")
_PLAIN = "default"
_NOT_TOLD = frozenset({"tier", "params", "line", "of_long_prompts"})
_REMEDIES = {
    "input_cost_per_token": "Add its price in US dollars a token; 0 if it costs nothing.",
    "output_cost_per_token": "Add its price in US dollars a token; 0 for an embedding model.",
    "cleared_for": "Say up to which data label it may be used: public, internal or regulated.",
    "max_input_tokens": "Add the size of its context window in tokens.",
    "id": "Give the deployment an id of its own; ledger and traces name it by that.",
}


class ModelsConfig(BaseModel):
    """The deployments of the active profile, checked; and those of all profiles."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    profile: str
    profiles: dict[str, tuple[Deployment, ...]]
    patience: Patience = Patience()
    cache: Recalling = Recalling()
    frontier: str = ""
    """The deployment that savings are told against; empty for the dearest of the profile."""

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """Those of the active profile."""
        return self.profiles[self.profile]

    def keeping(self, days: float) -> ModelsConfig:
        """The same, with no answer given again that is older than so many days."""
        return self.model_copy(update={"cache": self.cache.within(days * 86_400)})

    def tier(self, tier: Tier) -> tuple[Deployment, ...]:
        """The deployments of a tier in the order in which they are tried."""
        found = [deployment for deployment in self.deployments if deployment.tier == tier]
        return tuple(sorted(found, key=lambda deployment: deployment.order))


def load_models(
    path: Path, environ: Mapping[str, str] = os.environ, *, keys: bool = True
) -> ModelsConfig:
    """Read and check a models file. Every profile is checked; keys only of the active one.

    Args:
        keys: Whether they have to be there; prices can be read without.

    Raises:
        ConfigError: anything is wrong, with file, line and remedy.
    """
    document = read(path)
    _check_top(document)
    profile = _profile(document, environ)
    profiles = {
        name: tuple(_deployments(document, place)) for name, place in _lists(document).items()
    }
    for name, deployments in profiles.items():
        _check_tiers(document, _lists(document)[name], deployments)
    if keys:
        _check_environment(document, _lists(document)[profile], environ)
    return ModelsConfig(
        file=document.file,
        profile=profile,
        profiles=profiles,
        patience=_patience(document),
        cache=_cache(document),
        frontier=_frontier(document, profiles),
    )


def _check_top(document: Document) -> None:
    if not isinstance(document.value, dict):
        raise document.error(
            "is not a mapping", remedy="Start from the file that ships with Switchyard."
        )
    for key in document.value:
        if key not in _TOP:
            raise document.error(
                f"unknown key {key!r}",
                key,
                remedy=f"Known are {', '.join(_TOP)}; retries and fallbacks are not set here.",
            )


def _patience(document: Document) -> Patience:
    try:
        return Patience.model_validate(document.value.get("patience") or {})
    except ValidationError as error:
        first = error.errors()[0]
        place = ("patience", *(str(step) for step in first["loc"]))
        known = ", ".join(Patience.model_fields)
        raise document.error(
            f"`{'.'.join(place)}`: {first['msg']}", *place, remedy=f"`patience` knows: {known}."
        ) from error


def _frontier(document: Document, profiles: Mapping[str, tuple[Deployment, ...]]) -> str:
    told = str(document.value.get("frontier") or "")
    known = {
        name: one
        for profile, deployments in profiles.items()
        for one in deployments
        if one.tier != "embed"
        for name in (one.id, f"{profile}/{one.id}")
    }
    if told and told not in known:
        raise document.error(
            f"no chat deployment {told!r}",
            "frontier",
            remedy="Name the id of one, of any profile (`PROFILE/ID` where several have it).",
        )
    return told


def _cache(document: Document) -> Recalling:
    try:
        return Recalling.model_validate(document.value.get("cache") or {})
    except ValidationError as error:
        first = error.errors()[0]
        place = ("cache", *(str(step) for step in first["loc"]))
        known = ", ".join(Recalling.model_fields)
        raise document.error(
            f"`{'.'.join(place)}`: {first['msg']}", *place, remedy=f"`cache` knows: {known}."
        ) from error


def _lists(document: Document) -> dict[str, Place]:
    """Where the `model_list` of each profile stands. A plain LiteLLM file is one profile."""
    profiles = document.value.get("profiles")
    if profiles is None and "model_list" in document.value:
        return {_PLAIN: ("model_list",)}
    if not isinstance(profiles, dict) or not profiles:
        raise document.error(
            "no profiles", "profiles", remedy="Add `profiles:` with at least one `model_list`."
        )
    return {name: ("profiles", name, "model_list") for name in profiles}


def _profile(document: Document, environ: Mapping[str, str]) -> str:
    known = list(_lists(document))
    written = document.value.get("profile", known[0])
    name = _INTERPOLATED.sub(
        lambda found: environ.get(found[1]) or found[2] or "", str(written)
    ).strip()
    if name not in known:
        raise document.error(
            f"unknown profile {name!r}",
            "profile",
            remedy=f"Use one of: {', '.join(known)} (in the file, or by SWITCHYARD_MODELS).",
        )
    return name


def _at(document: Document, place: Place) -> Json:
    value: Json = document.value
    for step in place:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
        else:
            return None
    return value


def _deployments(document: Document, place: Place) -> Iterator[Deployment]:
    entries = _at(document, place)
    if not isinstance(entries, list):
        raise document.error(
            "has no `model_list`", *place, remedy="Add a `model_list` with an entry for each tier."
        )
    lines: dict[str, int] = {}
    for index, entry in enumerate(entries):
        here = (*place, index)
        deployment = _deployment(document, here, entry)
        if deployment.id in lines:
            raise document.error(
                f"the id {deployment.id!r} is taken by line {lines[deployment.id]}",
                *here,
                "model_info",
                "id",
                remedy="Give every deployment of a profile an id of its own.",
            )
        lines[deployment.id] = document.line(*here)
        if not addresses.known(deployment):
            raise document.error(
                f"nothing says where {deployment.id!r} ({deployment.model}) leads",
                *here,
                "litellm_params",
                "model",
                remedy="Add `api_base`, the address that is called; or, if the vendor's library"
                " makes it up itself, `addresses: [https://…]` in `model_info`.",
            )
        yield deployment


def _deployment(document: Document, place: Place, entry: Json) -> Deployment:
    if not isinstance(entry, dict):
        raise document.error("is not a mapping", *place, remedy=f"Write {', '.join(_ENTRY)}.")
    for key in entry:
        if key not in _ENTRY:
            raise document.error(
                f"unknown key {key!r}", *place, key, remedy=f"Known are {', '.join(_ENTRY)}."
            )
    tier, params, info = (entry.get(key) for key in _ENTRY)
    if tier not in TIERS:
        raise document.error(
            f"unknown tier {tier!r}",
            *place,
            "model_name",
            remedy=f"`model_name` is one of: {', '.join(TIERS)}.",
        )
    if not isinstance(params, dict) or not isinstance(params.get("model"), str):
        raise document.error(
            "names no model",
            *place,
            "litellm_params",
            remedy="Add `litellm_params: {model: provider/model}`.",
        )
    _check_params(document, (*place, "litellm_params"), params)
    return _checked(document, place, tier, params, info if isinstance(info, dict) else {})


def _check_params(document: Document, place: Place, told: dict[str, Json]) -> None:
    if found := refused(told):
        name, remedy = found
        raise document.error(f"`{name}` may not be set", *place, *name.split("."), remedy=remedy)
    for key in ("order", "weight"):
        if key in told:
            raise document.error(
                f"`{key}` stands in `litellm_params`",
                *place,
                key,
                remedy="Move it to `model_info`: litellm does not choose between deployments here.",
            )
    if "max_tokens" in told and not _counts(told["max_tokens"]):
        raise document.error(
            f"`max_tokens` is {told['max_tokens']!r}",
            *place,
            "max_tokens",
            remedy="Write a whole number above zero.",
        )
    if "timeout" in told and not _lasts(told["timeout"]):
        raise document.error(
            f"`timeout` is {told['timeout']!r}",
            *place,
            "timeout",
            remedy="Write a number of seconds above zero.",
        )


def _counts(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _lasts(value: Json) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 < value < math.inf


def _checked(
    document: Document, place: Place, tier: Json, params: Json, info: dict[str, Json]
) -> Deployment:
    try:
        return Deployment(**{**info, "tier": tier, "params": params, "line": document.line(*place)})
    except ValidationError as error:
        first = error.errors()[0]
        # In the file a price of long prompts is a field of its own.
        field = str(first["loc"][-1 if first["loc"][0] == "of_long_prompts" else 0])
        missing = first["type"] == "missing"
        name = info.get("id") or params["model"]
        told = f"{name!r} has no `{field}`" if missing else f"`{field}` of {name!r}: {first['msg']}"
        known = ", ".join(sorted(set(Deployment.model_fields) - _NOT_TOLD))
        raise document.error(
            told,
            *place,
            "model_info",
            field,
            remedy=_REMEDIES.get(field)
            or f"`model_info` knows: {known}; of the prices also those of long prompts, with"
            " `_above_200k_tokens` behind the name.",
        ) from error


def _check_tiers(document: Document, place: Place, deployments: tuple[Deployment, ...]) -> None:
    for tier in TIERS:
        if not any(deployment.tier == tier for deployment in deployments):
            raise document.error(
                f"no deployment for tier {tier!r}",
                *place,
                remedy=f"Add an entry with `model_name: {tier}`; `offline/extract` needs no key.",
            )


def _check_environment(document: Document, place: Place, environ: Mapping[str, str]) -> None:
    for where, value in _strings(_at(document, place), place):
        name = value.removeprefix(_SECRET)
        if value.startswith(_SECRET) and not environ.get(name):
            raise document.error(
                f"the environment variable {name} is not set",
                *where,
                remedy=f"Set {name}, or choose another profile (SWITCHYARD_MODELS=offline).",
            )


def _strings(value: Json, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _strings(inner, (*place, index))
