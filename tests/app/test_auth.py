"""Keys of the API: how they are read, presented and compared."""

from __future__ import annotations

import pytest

from app.api_keys import holder, keys_of, presented_key
from app.auth import identify
from runtime.errors import ConfigError

KEYS = {"anna": "k-1", "ben": "k-2"}


def test_keys_are_read_by_name() -> None:
    assert keys_of("anna:k-1, ben:k-2 ,") == KEYS
    assert keys_of("") == {}


@pytest.mark.parametrize("text", ["k-1", "anna:", ":k-1", "anna:k-1,anna:k-2", "anonymous:k"])
def test_an_entry_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ConfigError) as told:
        keys_of(text)
    assert "name:key" in str(told.value)
    assert "k-1" not in str(told.value)


@pytest.mark.parametrize(
    ("presented", "name"), [("k-1", "anna"), ("k-2", "ben"), ("k-3", ""), ("", ""), ("k-é", "")]
)
def test_a_key_names_its_holder(presented: str, name: str) -> None:
    assert holder(KEYS, presented) == name


async def test_without_keys_everybody_may_call() -> None:
    assert await identify({}) == {"identity": "anonymous"}


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({b"x-api-key": b"k-1"}, "k-1"),
        ({b"authorization": b"Bearer k-1"}, "k-1"),
        ({b"authorization": b"bearer  k-1 "}, "k-1"),
        ({b"authorization": b"Basic k-1"}, ""),
        ({b"x-api-key": b"k-1", b"authorization": b"Bearer k-2"}, "k-1"),
        ({}, ""),
    ],
)
def test_a_key_is_presented_in_either_header(headers: dict[bytes, bytes], key: str) -> None:
    assert presented_key(headers) == key
