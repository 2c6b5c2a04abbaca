"""Makes the sample data: the same rows on every machine, from a seed and a fixed calendar.

Nothing here reads the clock: the last day is 31 October 2026, whatever the date is today.
"""

import unicodedata
from datetime import datetime, timedelta

from tools.servers.crm.dice import Dice
from tools.servers.crm.people import COMPANY_FIRST, COMPANY_SECOND, COUNTRIES, Country
from tools.servers.crm.rows import CustomerRow, SampleData, stamp
from tools.servers.crm.sales import sell
from tools.servers.crm.support import complain

SEED = 20261031
CUSTOMERS = 360

_SPELLED = str.maketrans(
    {"ø": "o", "ł": "l", "ı": "i", "ß": "ss", "æ": "ae", "ä": "ae", "ö": "oe", "ü": "ue"}
)
_DOMAINS = ("example.com", "example.org", "example.net")
_SEGMENTS = (("standard", 70), ("plus", 22), ("enterprise", 8))


def sample_data(seed: int = SEED) -> SampleData:
    """All rows; equal seeds give equal rows."""
    dice = Dice(seed)
    customers = _customers(dice)
    orders, items = sell(dice, customers)
    tickets = complain(dice, customers, orders, items)
    return SampleData(customers=customers, orders=orders, items=items, tickets=tickets)


def _customers(dice: Dice) -> list[CustomerRow]:
    weighted = [(country, country.weight) for country in COUNTRIES]
    taken: set[str] = set()
    rows: list[CustomerRow] = []
    for number in range(1, CUSTOMERS + 1):
        country = dice.weighted(weighted)
        row = _marta(country) if number == 42 else _customer(dice, number, country, taken)
        taken.add(row.email)
        rows.append(row)
    return rows


def _marta(_: Country) -> CustomerRow:
    # The customer of the worked examples: known by name, so that a reader can check the answers.
    return CustomerRow(
        id=42, salutation="Ms", pronouns="she/her", first_name="Marta", last_name="Lindqvist",
        company="Fjellstad Interiors AB", email="marta.lindqvist@example.com",
        phone="+46 8 465 004 42", city="Gothenburg", country="Sweden", country_code="SE",
        currency="SEK", segment="plus", created_at="2024-11-18T09:26:00Z",
    )  # fmt: skip


def _customer(dice: Dice, number: int, country: Country, taken: set[str]) -> CustomerRow:
    woman = dice.chance(52)
    first = dice.pick((country.women if woman else country.men).split())
    last = dice.pick(country.surnames.split())
    salutation, pronouns = ("Ms", "she/her") if woman else ("Mr", "he/him")
    if dice.chance(4):
        salutation, pronouns = "Mx", "they/them"
    return CustomerRow(
        id=number,
        salutation=salutation,
        pronouns=pronouns,
        first_name=first,
        last_name=last,
        company=_company(dice, country) if dice.chance(68) else None,
        email=_email(dice, first, last, taken),
        phone=_phone(dice, country.phone),
        city=dice.pick(country.cities.split()),
        country=country.name,
        country_code=country.code,
        currency=country.currency,
        segment=dice.weighted(_SEGMENTS),
        created_at=stamp(
            datetime(2023, 5, 2, 8) + timedelta(days=dice.below(590), minutes=dice.below(600))
        ),
    )


def _company(dice: Dice, country: Country) -> str:
    first, second = dice.pick(COMPANY_FIRST.split()), dice.pick(COMPANY_SECOND.split())
    return f"{first} {second} {country.legal_form}"


def _email(dice: Dice, first: str, last: str, taken: set[str]) -> str:
    local = f"{_plain(first)}.{_plain(last)}"
    domain = dice.pick(_DOMAINS)
    email, count = f"{local}@{domain}", 1
    while email in taken:
        count += 1
        email = f"{local}{count}@{domain}"
    return email


def _plain(name: str) -> str:
    spelled = name.lower().translate(_SPELLED)
    letters = unicodedata.normalize("NFKD", spelled)
    return "".join(letter for letter in letters if letter.isascii() and letter.isalnum())


def _phone(dice: Dice, pattern: str | None) -> str | None:
    if pattern is None:
        return None
    return "".join(str(dice.below(10)) if mark == "#" else mark for mark in pattern)
