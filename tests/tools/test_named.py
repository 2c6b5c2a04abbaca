"""A value counts as the user's only where the user's words name it."""

from __future__ import annotations

import pytest

from runtime.canonical import Json
from tools.named import Text, references

REQUEST = (
    "Pay the 1,250.50 to GB29 NWBK and mail anna@example.com on May 15th 2024 at 3:30 pm, or on the"
    " 2nd of June at noon. Use 'Team Lunch' as the title."
)


@pytest.mark.parametrize(
    "value",
    [
        "anna@example.com",
        "ANNA@example.com",
        "team  lunch",
        "GB29 NWBK",
        1250.5,
        "2024-05-15",
        "2024-05-15 15:30",
        "2024-05-15T15:30:00",
        "2024-06-02 12:00",
    ],
)
def test_what_stands_there_is_named(value: Json) -> None:
    assert Text(REQUEST).names(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        True,
        "ann",
        "a@example.com",
        "anna@example.com.evil.org, anna@example.com",
        "GB29 NWBK 1",
        1250,
        50,
        "2024-05-16",
        "2024-05-15 16:30",
        "2024-05-15 15:30; rm -rf",
        "YW5uYUBleGFtcGxlLmNvbQ==",
    ],
)
def test_what_does_not_stand_there_is_not_named(value: Json) -> None:
    assert not Text(REQUEST).names(value)


def test_references_are_links_addresses_hosts_and_accounts() -> None:
    text = (
        "See https://a.example/x?y=1, www.b.example. Write to c@d.example.org; pay"
        " US133000000121212121212 (evil.com)! Version 1.2.3 is out. e.g. this."
    )
    assert references(text) == [
        "https://a.example/x?y=1",
        "www.b.example",
        "c@d.example.org",
        "US133000000121212121212",
        "evil.com",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see evil.xyz/login.", ["evil.xyz/login"]),
        ("[a](//evil.site/p.png)", ["//evil.site/p.png"]),
        ("to GB29 NWBK 6016 1331 9268 19 now", ["GB29 NWBK 6016 1331 9268 19"]),
        ("bob@evil.travel, please", ["bob@evil.travel"]),
        ("read report.pdf and notes.txt. Then 3.14.", []),
    ],
)
def test_references_are_found_however_they_are_written(text: str, found: list[str]) -> None:
    assert references(text) == found


@pytest.mark.parametrize("piece", ["a.", "a@", "AA11 ", "www.", "//", "a-", "x.+", "_"])
def test_a_long_text_is_looked_through_in_steps_that_grow_with_it(piece: str) -> None:
    # A quadratic pattern takes minutes for this, and the test's own limit ends it.
    references(piece * (200_000 // len(piece)) + "!")
