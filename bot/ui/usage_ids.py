"""The custom ids of a server's usage; what `bot.ui.ids` says of ids holds for them."""

from __future__ import annotations

import re
from typing import Final

_DAYS = r"(?P<first>[0-9]{1,7}):(?P<last>[0-9]{1,7})"
"""The first and the last day, as Python counts days."""
_BY = r"(?P<by>member|channel|model|day)"
USAGE_BY: Final = re.compile(rf"nbb:usage:by:{_DAYS}")
"""A select; its value is what usage is broken down by."""
USAGE_WHEN: Final = re.compile(rf"nbb:usage:when:{_BY}")
"""A select; its value names a time that ends today, or a month."""
USAGE_FILE: Final = re.compile(rf"nbb:usage:file:(?P<form>csv|json):{_DAYS}")


def usage_by(first: int, last: int) -> str:
    """Choose what usage is broken down by."""
    return f"nbb:usage:by:{first}:{last}"


def usage_when(by: str) -> str:
    """Choose another time."""
    return f"nbb:usage:when:{by}"


def usage_file(form: str, first: int, last: int) -> str:
    """Give every charge as a file."""
    return f"nbb:usage:file:{form}:{first}:{last}"
