"""The chain finds whatever is done to it: each kind of damage, by run, row and kind."""

from __future__ import annotations

import pytest

from ledger.chain import Fact, link, seal
from ledger.chain_check import Damage, Head, Row, check
from runtime.labels import Label

KEY = b"k" * 32
COUNT = 6


def chain(count: int = COUNT, run: str = "r1", key: bytes = KEY) -> tuple[Head, list[Row]]:
    """A chain of decisions, as a ledger has it."""
    rows: list[Row] = []
    for number in range(1, count + 1):
        made = link(
            key,
            Fact(kind="decided", run=run, subject=f"c{number}", parts={"arguments": {"n": number}}),
            number=number,
            previous=rows[-1].mac if rows else "",
            at=float(number),
            label=Label.internal,
            salt=f"{number:032x}",
        )
        row = Row(run=run, number=number, entry=made.entry, mac=made.mac, content=made.content)
        rows.append(row)
    head = rows[-1].mac if rows else ""
    return Head(run=run, count=count, head=head, seal=seal(key, run, count, head)), rows


def at(row: Row, number: int) -> Row:
    return Row(run=row.run, number=number, entry=row.entry, mac=row.mac, content=row.content)


def found(head: Head | None, rows: list[Row]) -> list[tuple[str, int]]:
    damages: list[Damage] = check(KEY, "r1", head, rows)
    assert all(one.run == "r1" and one.told for one in damages)
    return [(one.kind, one.number) for one in damages]


def test_a_chain_that_nobody_touched_is_intact() -> None:
    for count in (0, 1, COUNT):
        assert found(*chain(count)) == []


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_a_changed_row_is_found(number: int) -> None:
    head, rows = chain()
    old = rows[number - 1]
    entry = old.entry.replace(f'"c{number}"', '"cX"')
    assert entry != old.entry
    rows[number - 1] = Row(run="r1", number=number, entry=entry, mac=old.mac)
    assert found(head, rows) == [("changed", number)]


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_a_changed_code_is_found(number: int) -> None:
    head, rows = chain()
    old = rows[number - 1]
    rows[number - 1] = Row(run="r1", number=number, entry=old.entry, mac="0" * 64)
    assert ("changed", number) in found(head, rows)


@pytest.mark.parametrize("number", range(1, COUNT))
@pytest.mark.parametrize("closed", [False, True])
def test_a_deleted_row_is_found_also_when_the_gap_is_closed(number: int, closed: bool) -> None:
    head, rows = chain()
    del rows[number - 1]
    if closed:
        rows = [at(row, place) for place, row in enumerate(rows, start=1)]
    assert found(head, rows) == [("deleted", number)]


@pytest.mark.parametrize("left", range(COUNT))
def test_a_tail_that_was_cut_off_is_found(left: int) -> None:
    head, rows = chain()
    assert found(head, rows[:left]) == [("cut off", n) for n in range(left + 1, COUNT + 1)]


@pytest.mark.parametrize("left", range(COUNT))
def test_a_tail_that_was_cut_off_is_found_when_count_and_head_are_set_back(left: int) -> None:
    head, rows = chain()
    last = rows[left - 1].mac if left else ""
    back = Head(run="r1", count=left, head=last, seal=head.seal)
    assert found(back, rows[:left]) == [("head", 0)]


@pytest.mark.parametrize("number", range(1, COUNT + 2))
def test_an_inserted_row_is_found_wherever_it_stands(number: int) -> None:
    head, rows = chain()
    forged = chain(COUNT + 1, key=b"x" * 32)[1][number - 1]
    later = [at(row, row.number + 1) for row in rows[number - 1 :]]
    assert found(head, [*rows[: number - 1], forged, *later]) == [("inserted", number)]


def test_a_copy_of_a_row_is_found() -> None:
    head, rows = chain()
    assert found(head, [*rows, at(rows[1], COUNT + 1)]) == [("inserted", COUNT + 1)]


def test_a_row_of_another_run_is_found() -> None:
    head, rows = chain()
    other = chain(COUNT, run="r2")[1]
    rows[2] = Row(run="r1", number=3, entry=other[2].entry, mac=other[2].mac)
    assert found(head, rows) == [("changed", 3)]


@pytest.mark.parametrize("first", range(1, COUNT))
def test_rows_that_changed_places_are_found(first: int) -> None:
    head, rows = chain()
    one, two = rows[first - 1], rows[first]
    rows[first - 1], rows[first] = at(two, first), at(one, first + 1)
    assert found(head, rows) == [("reordered", first)]


def test_a_row_under_another_number_is_found() -> None:
    head, rows = chain()
    rows[-1] = at(rows[-1], 99)
    assert found(head, rows) == [("reordered", COUNT)]


def test_a_head_of_an_earlier_time_does_not_fit_the_rows() -> None:
    earlier, _ = chain(COUNT - 2)
    assert ("head", 0) in found(earlier, chain()[1])


def test_a_head_that_is_gone_is_found() -> None:
    _, rows = chain()
    assert found(None, rows) == [("head", 0)]
    blank = Head(run="r1", count=None, head="", seal="")
    assert found(blank, rows) == [("head", 0)]
    assert found(blank, []) == [("head", 0)]
    older = Head(run="r1", count=None, head="", seal="", due=False)
    assert found(older, []) == []


def test_content_may_be_deleted_but_not_changed() -> None:
    head, rows = chain()
    bare = [Row(run="r1", number=row.number, entry=row.entry, mac=row.mac) for row in rows]
    assert found(head, bare) == []
    old = rows[3]
    assert old.content is not None
    for content in (old.content.replace('"n":4', '"n":5'), "{}", "no json", "[]"):
        assert content != old.content
        rows[3] = Row(run="r1", number=4, entry=old.entry, mac=old.mac, content=content)
        assert found(head, rows) == [("content", 4)]


def test_a_call_that_the_chain_does_not_tell_of_is_found() -> None:
    head, rows = chain()
    assert check(KEY, "r1", head, rows, ["c1", "c6"]) == []
    (damage,) = check(KEY, "r1", head, rows, ["c1", "c7"])
    assert (damage.kind, damage.told) == ("unrecorded", "tool call c7 has no row")


def test_a_regulated_run_leaves_no_value_in_row_or_content() -> None:
    fact = Fact(
        kind="decided",
        run="r1",
        reason="'Jane Roe' is no number.",
        parts={"arguments": {"patient": "Jane Roe", "dose": 5}, "question": {"q": "Jane Roe"}},
    )
    made = link(KEY, fact, number=1, previous="", at=1.0, label=Label.regulated, salt="0" * 32)
    assert made.content is not None
    assert "Jane" not in made.entry + made.content
    assert '"dose":5' not in made.content
    assert '"patient":"hmac-sha256:' in made.content
    other = link(KEY, fact, number=1, previous="", at=1.0, label=Label.regulated, salt="1" * 32)
    assert other.content is not None
    assert made.content.replace("0" * 32, "") != other.content.replace("1" * 32, "")
