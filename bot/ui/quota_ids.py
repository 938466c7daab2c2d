"""The custom ids of who may spend what; what `bot.ui.ids` says of ids holds for them."""

from __future__ import annotations

import re
from typing import Final

_DRAFT = r"(?P<draft_id>[0-9a-f]{16})"
QUOTA_DO: Final = re.compile(rf"nbb:quota:do:{_DRAFT}")
"""Make the change that was kept."""
QUOTA_LEAVE: Final = re.compile(r"nbb:quota:leave")
QUOTA_RULES: Final = re.compile(r"nbb:quota:rules:(?P<page>[0-9]{1,4})")
QUOTA_PICK: Final = re.compile(r"nbb:quota:pick")
"""A select; its value is whom a rule is for, as ``role:123``: the rule that is to be removed."""
QUOTA_LOG: Final = re.compile(r"nbb:quota:log:(?P<page>[0-9]{1,6})")


def quota_do(draft_id: str) -> str:
    """Make a change, after having been asked."""
    return f"nbb:quota:do:{draft_id}"


def quota_leave() -> str:
    """Make no change."""
    return "nbb:quota:leave"


def quota_rules(page: int) -> str:
    """Turn to a page of a server's rules; the first is 1."""
    return f"nbb:quota:rules:{page}"


def quota_pick() -> str:
    """Return the id of the select of the rule to remove."""
    return "nbb:quota:pick"


def quota_log(page: int) -> str:
    """Turn to a page of the log of changes; the newest is 1."""
    return f"nbb:quota:log:{page}"
