"""The custom ids of moderators: reports and bans; what `bot.ui.ids` says of ids holds for them."""

from __future__ import annotations

import re
from typing import Final

OPEN_REPORTS: Final = re.compile(r"nbb:server:open:(?P<offset>[0-9]{1,6})")
"""Look at the open reports one by one; the first is 0."""
REPORT_DELETE: Final = re.compile(r"nbb:report:delete:(?P<report_id>[0-9]{1,18})")
REPORT_DISMISS: Final = re.compile(r"nbb:report:dismiss:(?P<report_id>[0-9]{1,18})")
REPORT_BAN: Final = re.compile(r"nbb:report:ban:(?P<report_id>[0-9]{1,18})")
"""Open the form that bans the maker of what was reported."""

BANS: Final = re.compile(r"nbb:bans:(?P<offset>[0-9]{1,9})")
"""Turn to the bans from here on; the first is 0."""
UNBAN: Final = re.compile(r"nbb:unban")
"""A select; its value is the member's id."""
BAN_FORM: Final = re.compile(r"nbb:form:ban:(?P<user_id>[0-9]{1,20})")


def open_reports(offset: int) -> str:
    """Show an open report."""
    return f"nbb:server:open:{offset}"


def report_delete(report_id: int) -> str:
    """Delete a reported picture's message."""
    return f"nbb:report:delete:{report_id}"


def report_dismiss(report_id: int) -> str:
    """Close a report and leave the picture."""
    return f"nbb:report:dismiss:{report_id}"


def report_ban(report_id: int) -> str:
    """Ban the maker of what was reported."""
    return f"nbb:report:ban:{report_id}"


def bans(offset: int) -> str:
    """Turn to the bans from here on."""
    return f"nbb:bans:{offset}"


def unban() -> str:
    """Choose whose ban is lifted."""
    return "nbb:unban"


def ban_form(user_id: int) -> str:
    """Send the form of a ban."""
    return f"nbb:form:ban:{user_id}"
