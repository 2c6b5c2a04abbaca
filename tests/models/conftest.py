"""Warnings are errors here; these are litellm's own, which nobody in this house can mend."""

from __future__ import annotations

import pytest

LITELLM_OWN = (
    "ignore:Accessing the 'model_(computed_)?fields' attribute on the instance:DeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(__file__.rsplit("/", 1)[0]):
            for line in LITELLM_OWN:
                item.add_marker(pytest.mark.filterwarnings(line))
