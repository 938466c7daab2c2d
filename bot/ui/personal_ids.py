"""The custom ids of one's own tray, preferences, styles and data; what `bot.ui.ids` says of ids holds for them."""

from __future__ import annotations

import re
from typing import Final

TRAY: Final = re.compile(r"nbb:tray")
"""Show one's own tray."""
TRAY_USE: Final = re.compile(r"nbb:tray:use")
TRAY_REMOVE: Final = re.compile(r"nbb:tray:remove:(?P<image_id>[0-9]{1,18})")
TRAY_EMPTY: Final = re.compile(r"nbb:tray:empty")
"""Asks first; ``TRAY_CLEAR`` does it."""
TRAY_CLEAR: Final = re.compile(r"nbb:tray:clear")

PREFER: Final = re.compile(r"nbb:prefer:(?P<name>model|aspect_ratio|resolution|output_format|private|notify)")
"""A select; its value is what is preferred, or "usual" for no preference."""
PREFERENCES: Final = re.compile(r"nbb:prefs")
"""Show one's own preferences in place."""

STYLES: Final = re.compile(r"nbb:styles")
"""Show one's own styles in place."""
STYLE_ADD: Final = re.compile(r"nbb:style:add")
STYLE_OPEN: Final = re.compile(r"nbb:style:open")
"""A select; its value is the style's id."""
STYLE_EDIT: Final = re.compile(r"nbb:style:edit:(?P<style_id>[0-9]{1,18})")
STYLE_REMOVE: Final = re.compile(r"nbb:style:remove:(?P<style_id>[0-9]{1,18})")
"""Asks first; ``STYLE_GONE`` does it."""
STYLE_GONE: Final = re.compile(r"nbb:style:gone:(?P<style_id>[0-9]{1,18})")
STYLE_FORM: Final = re.compile(r"nbb:form:style(?::(?P<style_id>[0-9]{1,18}))?")
"""The form of a style; without an id, of a new one."""

FORGET: Final = re.compile(r"nbb:forget:(?P<what>data|messages)")
"""Forgets whoever presses, after having been asked; "messages": their posts too."""
ASK_FORGET: Final = re.compile(r"nbb:forget")
"""Ask once more whether whoever presses wants to be forgotten."""


def tray() -> str:
    """Show one's own tray."""
    return "nbb:tray"


def tray_use() -> str:
    """Open the form over the images of one's own tray."""
    return "nbb:tray:use"


def tray_remove(image_id: int) -> str:
    """Take one image out of one's own tray."""
    return f"nbb:tray:remove:{image_id}"


def tray_empty() -> str:
    """Ask whether one's own tray is to be emptied."""
    return "nbb:tray:empty"


def tray_clear() -> str:
    """Empty one's own tray."""
    return "nbb:tray:clear"


def prefer(name: str) -> str:
    """Choose a preference."""
    return f"nbb:prefer:{name}"


def preferences() -> str:
    """Show one's own preferences."""
    return "nbb:prefs"


def styles() -> str:
    """Show one's own styles."""
    return "nbb:styles"


def style_add() -> str:
    """Open the form of a new style."""
    return "nbb:style:add"


def style_open() -> str:
    """Choose a style to look at."""
    return "nbb:style:open"


def style_edit(style_id: int) -> str:
    """Open the form of a style."""
    return f"nbb:style:edit:{style_id}"


def style_remove(style_id: int) -> str:
    """Ask whether a style is to be removed."""
    return f"nbb:style:remove:{style_id}"


def style_gone(style_id: int) -> str:
    """Remove a style."""
    return f"nbb:style:gone:{style_id}"


def style_form(style_id: int | None = None) -> str:
    """Send the form of a style."""
    return "nbb:form:style" if style_id is None else f"nbb:form:style:{style_id}"


def forget(*, with_messages: bool = False) -> str:
    """Forget whoever presses."""
    return "nbb:forget:messages" if with_messages else "nbb:forget:data"


def ask_forget() -> str:
    """Ask whether whoever presses wants to be forgotten."""
    return "nbb:forget"
