"""Reads the policy file and answers which category a licence expression falls into."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tools.servers.errors import BadSetup
from tools.servers.packages.records import Category, CategoryPolicy, ExceptionPolicy, Policy

VARIABLE = "SWITCHYARD_LICENCE_POLICY"
_DEFAULT = Path(__file__).resolve().parents[3] / "config" / "licence-policy.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _CategoryFile(_Strict):
    summary: str = Field(min_length=1)
    consequence: tuple[str, ...] = Field(min_length=1)
    licences: tuple[str, ...]


class _PolicyFile(_Strict):
    version: Literal[1]
    strictness: tuple[Category, ...]
    categories: dict[Category, _CategoryFile]
    exceptions: tuple[ExceptionPolicy, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> "_PolicyFile":
        if len(self.strictness) != 5 or set(self.strictness) != set(self.categories):
            raise ValueError("strictness and categories must both name all five categories once")
        listed = [each.lower() for kind in self.categories.values() for each in kind.licences]
        twice = sorted({each for each in listed if listed.count(each) > 1})
        if twice:
            raise ValueError(f"listed twice: {', '.join(twice)}")
        return self


class LicencePolicy:
    """The policy, ready to be asked; identifiers are compared without regard to case."""

    def __init__(self, public: Policy) -> None:
        self.public = public
        self._rank = {category: index for index, category in enumerate(public.strictness)}
        self._licences = {
            licence.lower(): kind.name for kind in public.categories for licence in kind.licences
        }
        self._exceptions = {each.id.lower(): each.category for each in public.exceptions}

    def licence(self, spdx_id: str) -> Category:
        """Category of a single identifier; `unknown` if no category lists it."""
        return self._licences.get(spdx_id.lower(), "unknown")

    def with_exception(self, spdx_id: str, exception: str) -> Category:
        """Category of `spdx_id WITH exception`."""
        return self._exceptions.get(exception.lower(), self.licence(spdx_id))

    def mildest(self, categories: list[Category]) -> Category:
        """What a recipient would choose."""
        return min(categories, key=self._rank.__getitem__)

    def strictest(self, categories: list[Category]) -> Category:
        """What holds when all apply."""
        return max(categories, key=self._rank.__getitem__)


def read_policy(environment: Mapping[str, str]) -> LicencePolicy:
    """The policy of the file that the operator named, or the repository's own.

    Raises:
        BadSetup: the file is missing or not a policy.
    """
    path = Path(environment.get(VARIABLE) or _DEFAULT)
    try:
        content = _PolicyFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        problem = error.strerror or "it cannot be read"
        raise BadSetup(VARIABLE, str(path), problem, "Name a policy file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadSetup(VARIABLE, str(path), f"not YAML: {error}", "Correct the file") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BadSetup(VARIABLE, str(path), f"{where}: {first['msg']}", "Correct it") from error
    return LicencePolicy(_public(path, content))


def _public(path: Path, content: _PolicyFile) -> Policy:
    categories = [
        CategoryPolicy(
            name=name,
            summary=content.categories[name].summary,
            consequence=list(content.categories[name].consequence),
            licences=list(content.categories[name].licences),
        )
        for name in content.strictness
    ]
    return Policy(
        source=path.name,
        strictness=list(content.strictness),
        categories=categories,
        exceptions=list(content.exceptions),
    )
