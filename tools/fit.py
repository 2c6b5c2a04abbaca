"""Whether a JSON value fits a schema: decided by a fast check, explained by a thorough one.

Almost every value fits, and most of what a check costs is the way to an explanation. So the
compiled validator says yes, and only what it does not say yes to goes to the one that can tell
which field is wrong and why.
"""

from __future__ import annotations

import jsonschema_rs
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import validator_for
from referencing import Registry

from runtime.canonical import Json


class Fit:
    """One schema. To be kept: making it costs more than using it."""

    def __init__(self, schema: Json) -> None:
        self._schema = schema
        kind = validator_for(schema, default=Draft202012Validator)
        # An empty registry: a schema of a stranger must not make us fetch its references.
        self._thorough = kind(schema, registry=Registry())
        self._fast = _compiled(schema)

    def error(self, value: Json) -> ValidationError | None:
        """What is wrong with a value, the most telling of its mistakes; None when it fits.

        Raises:
            Unresolvable: the schema refers to what is not in it.
        """
        if self._fast is not None and _fits(self._fast, value):
            return None
        found: ValidationError | None = best_match(self._thorough.iter_errors(value))
        return found

    def check(self) -> None:
        """Hold the schema itself against what a schema has to be.

        Raises:
            SchemaError: it is none.
        """
        self._thorough.check_schema(self._schema)


def _compiled(schema: Json) -> jsonschema_rs.Validator | None:
    """The compiled validator; None for a schema that it does not take, which is then told by the
    other one."""
    try:
        return jsonschema_rs.validator_for(schema, retriever=_nowhere, validate_formats=False)
    except ValueError:
        return None


def _fits(validator: jsonschema_rs.Validator, value: Json) -> bool:
    try:
        return validator.is_valid(value)
    except ValueError:
        # Half of a surrogate pair, or nested deeper than it looks.
        return False


def _nowhere(uri: str) -> Json:
    raise ValueError(f"{uri} is not fetched")
