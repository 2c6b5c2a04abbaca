"""What `models swap OLD NEW` means: which entries of models.yaml change, and into what."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.config import ModelsConfig
from models.deployment import Deployment
from models.prices import taken
from runtime.canonical import Json
from runtime.errors import UserError

_DEFAULT = re.compile(r"(\$\{\w+:-)([^}]*)(\})")
_KEPT = ("max_tokens", "timeout")
"""Settings of the place, not of the model that fills it."""
_PLACE = ("order", "weight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A deployment, and what may take its place, in the order in which it would be tried."""

    old: Deployment
    new: tuple[Deployment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A swap, before it is held against what was recorded."""

    kind: Literal["profile", "model"]
    pairs: tuple[Pair, ...]
    data: Json
    """What the file shall hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """A model as an entry of the file would have it."""

    id: str
    params: dict[str, Json]
    info: dict[str, Json]
    embeds: bool


def choose(config: ModelsConfig, data: Json, old: str, new: str) -> Choice:
    """Find out what is meant: a profile for a profile, or a model for one or more entries.

    Args:
        data: The file as it is, parsed; stays as it is.
        old: The file's profile; a deployment of the active profile by id or `PROFILE/ID`; or a
            model, then every entry of the active profile that it serves.
        new: A profile; a deployment or a model of any profile; or a model of LiteLLM's price list
            whose vendor the file knows.

    Raises:
        UserError: one of them is none of these, or they do not fit each other.
    """
    if old in config.profiles:
        return _profile(config, data, old, new)
    entries = [one for one in config.deployments if old in _names(config.profile, one)]
    if not entries:
        raise UserError(
            f"Nothing in profile {config.profile!r} is called {old!r}.",
            remedy="`switchyard models` lists ids and models; another profile is chosen by"
            " SWITCHYARD_MODELS.",
        )
    return _models(config, data, entries, new)


def _profile(config: ModelsConfig, data: Json, old: str, new: str) -> Choice:
    written = str(data.get("profile", "")) if isinstance(data, dict) else ""
    default = _DEFAULT.search(written)
    stands = (default[2] if default else written).strip()
    if stands != old:
        raise UserError(
            f"The profile of {config.file} is {stands or 'not set'!r}, not {old!r}.",
            remedy=f"Write: switchyard models swap {stands or 'PROFILE'} {new}",
        )
    if new not in config.profiles:
        raise UserError(
            f"There is no profile {new!r}; a profile is swapped for a profile.",
            remedy=f"Use one of: {', '.join(sorted(config.profiles))}.",
        )
    wanted = copy.deepcopy(data)
    wanted["profile"] = _DEFAULT.sub(rf"\g<1>{new}\g<3>", written) if default else new
    pairs = tuple(
        Pair(old=one, new=_tier(config.profiles[new], one)) for one in config.profiles[old]
    )
    return Choice(kind="profile", pairs=pairs, data=wanted)


def _tier(deployments: tuple[Deployment, ...], old: Deployment) -> tuple[Deployment, ...]:
    found = [one for one in deployments if one.tier == old.tier]
    return tuple(sorted(found, key=lambda one: one.order))


def _models(config: ModelsConfig, data: Json, entries: list[Deployment], new: str) -> Choice:
    wanted = _unshared(data)
    listed = (
        wanted["profiles"][config.profile]["model_list"]
        if "profiles" in wanted
        else wanted["model_list"]
    )
    taken = {one.id for one in config.deployments} - {one.id for one in entries}
    pairs = []
    for old in entries:
        model = _model(config, old, new)
        if model.embeds is not (old.tier == "embed"):
            what = "makes embeddings" if model.embeds else "chats"
            raise UserError(
                f"{new!r} {what}, and {old.id!r} serves tier {old.tier!r}.",
                remedy="Name a model of the same kind.",
            )
        entry = listed[config.deployments.index(old)]
        id = model.id if model.id not in taken else f"{model.id}-{old.tier}"
        taken.add(id)
        kept = {key: entry["litellm_params"][key] for key in _KEPT if key in old.params}
        place = {key: entry["model_info"][key] for key in _PLACE if key in entry["model_info"]}
        entry["litellm_params"] = model.params | kept
        entry["model_info"] = {"id": id} | model.info | place
        changed = Deployment(
            **{**entry["model_info"], "tier": old.tier, "params": entry["litellm_params"]}
        )
        pairs.append(Pair(old=old, new=(changed,)))
    return Choice(kind="model", pairs=tuple(pairs), data=wanted)


def _model(config: ModelsConfig, old: Deployment, new: str) -> _Model:
    order = sorted(config.profiles, key=lambda name: name != config.profile)
    # The same model may chat and embed; an entry of the same tier says best what is meant.
    for fits in (lambda one: one.tier == old.tier, lambda _: True):
        for name in order:
            for one in config.profiles[name]:
                if new in _names(name, one) and fits(one):
                    return _of(one)
    return _listed(config, old, new)


def _of(one: Deployment) -> _Model:
    params = {key: value for key, value in one.params.items() if key not in _KEPT}
    told = one.model_fields_set - {"id", "tier", "params", "line", *_PLACE}
    info = one.model_dump(mode="json", include=told)
    info |= info.pop("of_long_prompts", {})
    return _Model(id=one.id, params=params, info=info, embeds=one.tier == "embed")


def _listed(config: ModelsConfig, old: Deployment, new: str) -> _Model:
    """A model of LiteLLM's own price list, at a vendor that the file knows already."""
    provider, _, name = new.partition("/")
    known = [
        one
        for some in config.profiles.values()
        for one in some
        # Not at an address of somebody's own, which serves what it likes under that name.
        if one.provider == provider and not one.params.get("api_base", one.params.get("base_url"))
    ]
    found = prices().get(new) or prices().get(name) if known and name else None
    if not isinstance(found, dict) or "input_cost_per_token" not in found:
        raise UserError(
            f"{new!r} has no price: it stands neither in {config.file} nor, for a vendor of that"
            " file, in LiteLLM's price list.",
            remedy="Add an entry for it, with its price and `cleared_for`, to a profile of the"
            " file; then swap to that.",
        )
    like = next((one for one in known if one is old), known[0])
    params = {key: value for key, value in like.params.items() if key not in _KEPT}
    info: dict[str, Json] = {
        # What is known of the vendor, and the strictest of it.
        "cleared_for": min((one.cleared_for for one in known), key=lambda one: one.rank).value,
        "max_input_tokens": found.get("max_input_tokens") or found.get("max_tokens"),
        **taken(found),
    }
    info.setdefault("output_cost_per_token", 0.0)
    if like.addresses:
        info["addresses"] = list(like.addresses)
    id = re.sub(r"[^a-z0-9]+", "-", new.lower()).strip("-")
    embeds = found.get("mode") == "embedding"
    return _Model(id=id, params=params | {"model": new}, info=info, embeds=embeds)


def prices() -> dict[str, Json]:
    """LiteLLM's bundled price list, read without importing it, which takes seconds."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    file = Path(spec.origin).with_name("model_prices_and_context_window_backup.json")
    found: dict[str, Json] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def _names(profile: str, one: Deployment) -> tuple[str, str, str]:
    return one.id, f"{profile}/{one.id}", one.model


def _unshared(value: Json) -> Json:
    """The value without aliases: what is changed in one place stays as it is in the other."""
    if isinstance(value, dict):
        return {key: _unshared(one) for key, one in value.items()}
    return [_unshared(one) for one in value] if isinstance(value, list) else value
