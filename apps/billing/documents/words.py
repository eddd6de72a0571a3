"""How documents write amounts, days and names."""

import unicodedata
from datetime import UTC, date, datetime
from functools import cache

import pycountry

from apps.core.money import format_usd

# Line feeds are split before; marks that turn the direction of text could make a name read as another one.
_UNPRINTED = {"Cc", "Cs", "Co", "Cn"}
_TURNS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def dollars(points: int) -> str:
    """ "US$20.00", "−US$0.0045": exact, at least two decimals."""
    return format_usd(points).replace("$", "US$")


def day(moment: datetime | date) -> str:
    """ "21 November 2026", in UTC."""
    if isinstance(moment, datetime):
        moment = moment.astimezone(UTC)
    return f"{moment:%-d %B %Y}"


def printable(text: str) -> str:
    """One line without what cannot be printed."""
    kept = (
        letter
        for letter in text
        if letter not in _TURNS and unicodedata.category(letter) not in _UNPRINTED
    )
    return " ".join("".join(kept).split())


def lines(text: str) -> list[str]:
    """The lines of an address, without empty ones."""
    return [line for line in map(printable, text.splitlines()) if line]


@cache
def countries() -> dict[str, str]:
    """ISO 3166: two letters → English name, in the order of the names."""
    found = {
        country.alpha_2: getattr(country, "common_name", country.name)
        for country in pycountry.countries
    }
    return dict(sorted(found.items(), key=lambda item: item[1]))


def country(code: str) -> str:
    """The country's name, or the letters when nobody knows them."""
    return countries().get(code, code)
