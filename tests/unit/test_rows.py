"""Rows are built from a table's columns as they come: the two must say the same, in the same order."""

from __future__ import annotations

import re

import pytest

import bot.generations.repository  # noqa: F401 - all rows
from bot.generations.repository.base import Row
from bot.storage.tables import metadata

# What is joined of several tables has tests of its own, which would not survive another order.
ROWS = {
    row.__name__: row
    for row in Row.__subclasses__()
    if "__dataclass_fields__" in vars(row) and (row.__doc__ or "").startswith("A row of ``")
}


def test_rows_are_found() -> None:
    assert {"RequestRow", "PictureRow", "AttemptRow", "GuildRow"} <= ROWS.keys()


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_has_the_columns_of_its_table(row: type[Row]) -> None:
    named = re.match(r"A row of ``(\w+)``", row.__doc__ or "")
    assert named is not None
    assert list(row.__slots__) == [column.name for column in metadata.tables[named[1]].c]
