"""The custom ids of the operator's desk; what `bot.ui.ids` says of ids holds for them."""

from __future__ import annotations

import re
from typing import Final

_GUILD = r"(?P<guild_id>[0-9]{1,20})"
_PAGE = r"(?P<page>[0-9]{1,6})"

STATUS: Final = re.compile(r"nbb:op:status")
READ_AGAIN: Final = re.compile(r"nbb:op:read")
SERVERS: Final = re.compile(rf"nbb:op:servers:{_PAGE}")
SERVER: Final = re.compile(rf"nbb:op:server:{_GUILD}")
PICK: Final = re.compile(r"nbb:op:pick")
"""A select; its value is a server's id."""
BOOKS: Final = re.compile(rf"nbb:op:books:{_PAGE}")
LOG: Final = re.compile(rf"nbb:op:log:{_PAGE}")
ALLOW: Final = re.compile(rf"nbb:op:allow:{_GUILD}")
PAUSE: Final = re.compile(rf"nbb:op:pause:{_GUILD}")
RESUME: Final = re.compile(rf"nbb:op:resume:{_GUILD}")
DO: Final = re.compile(r"nbb:op:do:(?P<draft_id>[0-9a-f]{16})")
LEAVE: Final = re.compile(rf"nbb:op:leave:{_GUILD}")
ALLOW_FORM: Final = re.compile(rf"nbb:form:op:allow:{_GUILD}")
PAUSE_FORM: Final = re.compile(rf"nbb:form:op:pause:{_GUILD}")


def status() -> str:
    """Show how everything stands."""
    return "nbb:op:status"


def read_again() -> str:
    """Ask the account now."""
    return "nbb:op:read"


def servers(page: int) -> str:
    """Turn to a page of the servers; the first is 1."""
    return f"nbb:op:servers:{page}"


def server(guild_id: int) -> str:
    """Show one server."""
    return f"nbb:op:server:{guild_id}"


def pick() -> str:
    """Choose a server to look at."""
    return "nbb:op:pick"


def books(page: int) -> str:
    """Turn to a page of what was borne; the newest is 1."""
    return f"nbb:op:books:{page}"


def log(page: int) -> str:
    """Turn to a page of the log; the newest is 1."""
    return f"nbb:op:log:{page}"


def allow(guild_id: int) -> str:
    """Open the form of a server's allowance."""
    return f"nbb:op:allow:{guild_id}"


def pause(guild_id: int) -> str:
    """Open the form that pauses a server."""
    return f"nbb:op:pause:{guild_id}"


def resume(guild_id: int) -> str:
    """Take a server's requests again."""
    return f"nbb:op:resume:{guild_id}"


def do(draft_id: str) -> str:
    """Make a change that was asked about."""
    return f"nbb:op:do:{draft_id}"


def leave(guild_id: int) -> str:
    """Leave a server as it is."""
    return f"nbb:op:leave:{guild_id}"


def allow_form(guild_id: int) -> str:
    """Fill in a server's allowance."""
    return f"nbb:form:op:allow:{guild_id}"


def pause_form(guild_id: int) -> str:
    """Fill in why a server is paused."""
    return f"nbb:form:op:pause:{guild_id}"
