"""CSV as spreadsheets read it."""

import csv
import io
from decimal import Decimal

from apps.core.tables import csv_lines


def test_texts_that_look_like_formulas_are_defused_and_numbers_are_not() -> None:
    row = ("=1+1", "+a", "-b", "@c", "\td", "plain", -5, Decimal("-0.0000001"), None)

    text = "".join(csv_lines(header=("a",), rows=[row]))

    assert list(csv.reader(io.StringIO(text))) == [
        ["a"],
        ["'=1+1", "'+a", "'-b", "'@c", "'\td", "plain", "-5", "-0.0000001", ""],
    ]


def test_long_table_comes_in_pieces_and_whole() -> None:
    pieces = list(csv_lines(header=("n",), rows=((number,) for number in range(1_200))))

    assert len(pieces) == 3
    assert "".join(pieces).split("\r\n") == ["n", *map(str, range(1_200)), ""]
