"""Which of several records is meant when a request says the latest or the first one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.offline.words import Terms, terms
from runtime.canonical import Json

_LATEST = terms("last latest newest recent recently current")
_EARLIEST = terms("first earliest oldest original")
_WHEN = terms("date time created placed updated opened ordered timestamp day")


def one_of_many(query: Terms) -> bool:
    """True when the request is about the latest or the earliest of its kind."""
    return bool(query & (_LATEST | _EARLIEST))


def moment(item: Mapping[str, Json]) -> str:
    """The date of a record, as text that sorts; empty without one."""
    for key, value in item.items():
        dated = isinstance(value, str) and value[:4].isdigit() and value[4:5] == "-"
        if dated and (terms(key) & _WHEN or key.endswith(("_at", "_on"))):
            return str(value)
    return ""


def pick(query: Terms, records: Sequence[Mapping[str, Json]]) -> int | None:
    """The position of the record that is meant; None when the request does not single one out."""
    dated = [(when, index) for index, item in enumerate(records) if (when := moment(item))]
    if not dated or not one_of_many(query):
        return None
    if query & _LATEST:
        return max(dated, key=lambda pair: pair[0])[1]
    return min(dated, key=lambda pair: pair[0])[1]
