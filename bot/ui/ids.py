"""The custom ids of our buttons and selects: how they are made, and the templates by which they are recognised.

Ids outlive a restart of the bot, so one that was ever sent keeps its meaning. Request ids are 16 lower-case hex
characters.
"""

from __future__ import annotations

import re
from typing import Final

PREFIX: Final = "nbb:"
"""Everything of ours begins so; a message with such an id is one of our cards."""

_REQUEST = r"(?P<request_id>[0-9a-f]{16})"

CANCEL: Final = re.compile(rf"nbb:cancel:{_REQUEST}")
FULL: Final = re.compile(rf"nbb:full:{_REQUEST}:(?P<position>[0-9])")
FULL_SELECT: Final = re.compile(rf"nbb:fullsel:{_REQUEST}")
"""A select; its value is the picture's position."""
HISTORY: Final = re.compile(r"nbb:hist:(?P<page>[0-9]{1,6})")
OPEN: Final = re.compile(r"nbb:open")
"""A select; its value is the request's id."""
AGAIN: Final = re.compile(rf"nbb:again:{_REQUEST}")
"""Post a picture from the history where the button is pressed."""
MEND: Final = re.compile(r"nbb:mend:(?P<key>[0-9A-Za-z_-]{1,64})")
"""Send a refused request again with less; ``key`` is under what the commands keep it."""


def cancel(request_id: str) -> str:
    """Cancel what is not sent yet."""
    return f"nbb:cancel:{request_id}"


def full(request_id: str, position: int) -> str:
    """Give one picture in full size, privately."""
    return f"nbb:full:{request_id}:{position}"


def full_select(request_id: str) -> str:
    """Choose a picture to get in full size."""
    return f"nbb:fullsel:{request_id}"


def history(page: int) -> str:
    """Turn to a page of the history; the first is 1."""
    return f"nbb:hist:{page}"


def open_select() -> str:
    """Choose a request of the history to look at."""
    return "nbb:open"


def again(request_id: str) -> str:
    """Post the pictures of a request here."""
    return f"nbb:again:{request_id}"


def mend(key: str) -> str:
    """Send a refused request again, mended."""
    return f"nbb:mend:{key}"
