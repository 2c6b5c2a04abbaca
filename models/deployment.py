"""A deployment: one model at one address, with its price, its window and what data it may see."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from models.prices import NAMES, Prices, ladder, long
from runtime.canonical import Json, canonical
from runtime.labels import Label

Tier = Literal["route", "plan", "work", "judge", "embed"]
"""What a caller names instead of a model."""
TIERS: tuple[Tier, ...] = get_args(Tier)
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
DEFAULT_TIMEOUT = 120.0
DEFAULT_MAX_TOKENS = 4096


class Deployment(BaseModel):
    """One entry of a `model_list`. Prices are US dollars a token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    tier: Tier
    params: dict[str, Json] = Field(repr=False)
    """`litellm_params` as they stand in the file; other people decide their shape."""
    cleared_for: Label
    """The most sensitive data that may be sent there."""
    input_cost_per_token: Price
    output_cost_per_token: Price
    cache_read_input_token_cost: Price | None = None
    cache_creation_input_token_cost: Price | None = None
    of_long_prompts: dict[str, Price] = Field(default_factory=dict)
    """Prices that hold from some length of the prompt on, by the names under which they stand in
    the file: `input_cost_per_token_above_272k_tokens`."""
    max_input_tokens: int = Field(gt=0)
    addresses: tuple[str, ...] = ()
    """What else its calls may reach besides `api_base` or the vendor's own address, such as where
    its library gets a token."""
    order: int = Field(default=1, ge=0)
    """Lower ones are tried first; equal ones by weight, or else in the order of the file."""
    weight: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Its share of the calls among those of the same order; 1 where only others have one."""
    line: int = 0
    """Where the entry begins in its file."""

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, told: Json) -> Json:
        """Of the prices of long prompts there may be any number, each under a name of its own."""
        if not isinstance(told, dict):
            return told
        found = {name: value for name, value in told.items() if long(str(name))}
        kept = {name: value for name, value in told.items() if name not in found}
        return kept | {"of_long_prompts": found} if found else kept

    @field_validator("of_long_prompts")
    @classmethod
    def _named(cls, told: dict[str, float]) -> dict[str, float]:
        for name in told:
            if not long(name):
                raise ValueError(f"{name!r} is no price of a long prompt")
        return told

    @cached_property
    def ladder(self) -> tuple[tuple[int, Prices], ...]:
        """The prices by the length of the prompt from which on they hold, the shortest first."""
        return ladder({name: getattr(self, name) for name in NAMES} | self.of_long_prompts)

    def prices(self, prompt: int) -> Prices:
        """What the tokens of a call with so long a prompt cost. A prompt of exactly the length
        from which on a price holds pays it: some vendors begin there."""
        return next(found for least, found in reversed(self.ladder) if prompt >= least)

    @property
    def model(self) -> str:
        """The real model as litellm names it, with its provider: `anthropic/claude-…`."""
        return str(self.params["model"])

    @property
    def provider(self) -> str:
        """The vendor or protocol, which is the part before the slash."""
        return self.model.split("/", 1)[0] if "/" in self.model else "litellm"

    @property
    def max_tokens(self) -> int:
        """The longest answer that is asked for, and paid for in the worst case."""
        return int(self.params.get("max_tokens") or DEFAULT_MAX_TOKENS)

    @property
    def timeout(self) -> float:
        """Seconds after which a call is given up."""
        return float(self.params.get("timeout") or DEFAULT_TIMEOUT)

    @property
    def served_by(self) -> str:
        """Equal for deployments behind which the same model answers."""
        base = self.params.get("api_base") or self.params.get("base_url") or ""
        return canonical([self.model, base])

    @property
    def group(self) -> str:
        """The name under which litellm's Router knows this deployment alone."""
        return f"{self.tier}/{self.id}"
