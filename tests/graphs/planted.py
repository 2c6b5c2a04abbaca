"""Plants a bug: replaces a function wherever it is used, so that a property must see it fail."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from runtime.rooms import ROOMS


def plant(
    patch: pytest.MonkeyPatch, original: Callable[..., object], bug: Callable[..., object]
) -> None:
    """Put `bug` in the place of `original` in every module of ours that knows it by any name."""
    places = [
        (module, name)
        for module_name, module in list(sys.modules.items())
        if module_name.partition(".")[0] in ROOMS
        for name, value in vars(module).items()
        if value is original
    ]
    assert places, f"nobody uses {original}"
    for module, name in places:
        patch.setattr(module, name, bug)
