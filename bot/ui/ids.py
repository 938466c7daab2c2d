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
HISTORY: Final = re.compile(
    r"nbb:hist:(?P<page>[0-9]{1,6})"
    r"(?::(?P<model>[0-9a-z.-]{0,40}):(?P<since>[0-9a-z]{0,7}):(?P<until>[0-9a-z]{0,7}):(?P<text>[^\n]{0,80}))?"
)
"""A page, of everything or of a search; times are minutes since 1970 in base 36."""
OPEN: Final = re.compile(r"nbb:open")
"""A select; its value is the request's id."""
AGAIN: Final = re.compile(rf"nbb:again:{_REQUEST}")
"""Post a picture from the history where the button is pressed."""
MEND: Final = re.compile(r"nbb:mend:(?P<key>[0-9A-Za-z_-]{1,64})")
"""Of the first release: a refused request, mended, that was kept in memory. Nothing is behind it any more."""

# --- offers ---
_DRAFT = r"(?P<draft_id>[0-9a-f]{16})"
PAINT: Final = re.compile(rf"nbb:paint:{_DRAFT}:(?P<cost_credits>[0-9]{{1,9}})")
"""Take a draft at the price that the button names."""
PAINT_THERE: Final = re.compile(rf"nbb:there:{_DRAFT}:(?P<channel_id>[0-9]{{1,20}}):(?P<cost_credits>[0-9]{{1,9}})")
"""Take a draft in another channel."""
NOT_NOW: Final = re.compile(rf"nbb:notnow:{_DRAFT}")
REWRITE: Final = re.compile(rf"nbb:rewrite:{_DRAFT}")
"""Open the form that changes a draft's prompt."""
REWRITE_FORM: Final = re.compile(rf"nbb:form:rewrite:{_DRAFT}")


def cancel(request_id: str) -> str:
    """Cancel what is not sent yet."""
    return f"nbb:cancel:{request_id}"


def full(request_id: str, position: int) -> str:
    """Give one picture in full size, privately."""
    return f"nbb:full:{request_id}:{position}"


def full_select(request_id: str) -> str:
    """Choose a picture to get in full size."""
    return f"nbb:fullsel:{request_id}"


def history(page: int, searched: str = "") -> str:
    """Turn to a page of the history; the first is 1. ``searched`` is what `bot.ui.searched.Searched.code` wrote."""
    return f"nbb:hist:{page}{searched}"


def open_select() -> str:
    """Choose a request of the history to look at."""
    return "nbb:open"


def again(request_id: str) -> str:
    """Post the pictures of a request here."""
    return f"nbb:again:{request_id}"


# --- offers ---


def paint(draft_id: str, cost_credits: int) -> str:
    """Take a draft, at most at this price."""
    return f"nbb:paint:{draft_id}:{cost_credits}"


def paint_there(draft_id: str, channel_id: int, cost_credits: int) -> str:
    """Take a draft, at most at this price, and paint it in that channel."""
    return f"nbb:there:{draft_id}:{channel_id}:{cost_credits}"


def not_now(draft_id: str) -> str:
    """Leave a draft."""
    return f"nbb:notnow:{draft_id}"


def rewrite(draft_id: str) -> str:
    """Change a draft's prompt."""
    return f"nbb:rewrite:{draft_id}"


def rewrite_form(draft_id: str) -> str:
    """Send the form that changes a draft's prompt."""
    return f"nbb:form:rewrite:{draft_id}"


def acknowledgement_nonce(request_id: str) -> str:
    """Return the nonce of the reply by which a request out of a message is acknowledged (20 characters)."""
    return f"{request_id}-ack"


# --- a result's own actions ---

_POSITION = r"(?::(?P<position>[1-9]))?"

REDO: Final = re.compile(rf"nbb:redo:{_REQUEST}")
EDIT: Final = re.compile(rf"nbb:edit:{_REQUEST}{_POSITION}")
REMIX: Final = re.compile(rf"nbb:remix:{_REQUEST}")
MORE: Final = re.compile(rf"nbb:more:{_REQUEST}{_POSITION}")
"""A select; its values are those of ``bot.ui.actions.Action``, some with a size and a price after it."""
PICK: Final = re.compile(rf"nbb:pick:{_REQUEST}:(?P<action>[0-9A-Za-z.-]{{1,40}})")
"""A select of pictures for the action; its value is the picture's position."""
TREE: Final = re.compile(r"nbb:tree")
"""A select in Details; its value is the relative's request id."""
DETAILS: Final = re.compile(rf"nbb:details:{_REQUEST}")

EDIT_FORM: Final = re.compile(rf"nbb:form:edit:{_REQUEST}{_POSITION}")
REMIX_FORM: Final = re.compile(rf"nbb:form:remix:{_REQUEST}")
REFERENCE_FORM: Final = re.compile(rf"nbb:form:reference:{_REQUEST}{_POSITION}")
REPORT_FORM: Final = re.compile(rf"nbb:form:report:{_REQUEST}")

DELETE: Final = re.compile(rf"nbb:delete:{_REQUEST}(?::(?P<message_id>[0-9]{{1,20}}))?")
"""The second press, which deletes; ``message_id`` is the message of this channel on which it began."""
TAKE_DOWN: Final = re.compile(rf"nbb:takedown:{_REQUEST}(?::(?P<message_id>[0-9]{{1,20}}))?")
"""Delete the one message on which it stands, where others may not go on from the picture. It asks first: the second
press has the message's id."""
KEEP: Final = re.compile(r"nbb:keep")
"""Not now: takes the question away."""
PUBLISH: Final = re.compile(rf"nbb:publish:{_REQUEST}")
"""Post a private result here, after having been asked."""
EXHIBIT: Final = re.compile(rf"nbb:exhibit:{_REQUEST}:(?P<position>[1-9])")
"""Post a private picture to the gallery, after having been asked."""
REPORT_DELETE: Final = re.compile(r"nbb:report:delete:(?P<report_id>[0-9]{1,18})")
REPORT_DISMISS: Final = re.compile(r"nbb:report:dismiss:(?P<report_id>[0-9]{1,18})")

# --- a server's settings ---

GALLERY_CHANNEL: Final = re.compile(r"nbb:server:gallery")
REPORTS_CHANNEL: Final = re.compile(r"nbb:server:reports")
NO_GALLERY: Final = re.compile(r"nbb:server:nogallery")
NO_REPORTS_CHANNEL: Final = re.compile(r"nbb:server:noreports")
SETTINGS_PAGE: Final = re.compile(r"nbb:set:page:(?P<page>[a-z]{1,12})")
"""Show a page of the settings in place; pages are ``bot.ui.settings.Page``."""
SETTINGS_GO: Final = re.compile(r"nbb:set:go")
"""A select; its value is a page."""
SETTING_CHOICE: Final = re.compile(
    r"nbb:set:pick:(?P<name>channels|roles_allowed|roles_denied|models|default_model|slow_mode_s|log_channel_id|credits)"
)
"""A select; its values are what is set."""
SETTING_SWITCH: Final = re.compile(
    r"nbb:set:switch:(?P<name>age_restricted_only|private_allowed|log_private):(?P<value>[01])"
)
SETTING_CLEAR: Final = re.compile(r"nbb:set:clear:(?P<name>channels|roles_allowed|roles_denied|log_channel_id)")
SETUP: Final = re.compile(r"nbb:setup")
"""Open the panel of /setup."""
SETUP_CHOICE: Final = re.compile(r"nbb:setup:pick:(?P<name>channels|credits|log)")
"""A select; its values are what is set."""
SETUP_CLEAR: Final = re.compile(r"nbb:setup:clear:(?P<name>channels|log)")
ZONE: Final = re.compile(r"nbb:set:zone")
"""Open the form of the server's time zone."""
ZONE_FORM: Final = re.compile(r"nbb:form:zone")
WORDS: Final = re.compile(r"nbb:set:words")
"""Open the form of the blocked words."""
WORDS_FORM: Final = re.compile(r"nbb:form:words")
BANS: Final = re.compile(r"nbb:bans:(?P<offset>[0-9]{1,9})")
"""Turn to the bans from here on; the first is 0."""
UNBAN: Final = re.compile(r"nbb:unban")
"""A select; its value is the member's id."""
REPORT_BAN: Final = re.compile(r"nbb:report:ban:(?P<report_id>[0-9]{1,18})")
"""Open the form that bans the maker of what was reported."""
BAN_FORM: Final = re.compile(r"nbb:form:ban:(?P<user_id>[0-9]{1,20})")
OPEN_REPORTS: Final = re.compile(r"nbb:server:open:(?P<offset>[0-9]{1,6})")
"""Look at the open reports one by one; the first is 0."""


def redo(request_id: str) -> str:
    """Ask for the same once more."""
    return f"nbb:redo:{request_id}"


def edit(request_id: str, position: int | None = None) -> str:
    """Open the form that changes a picture; without ``position`` the form asks which, where there are several."""
    return f"nbb:edit:{request_id}{_at(position)}"


def remix(request_id: str) -> str:
    """Open the form with prompt and options filled in."""
    return f"nbb:remix:{request_id}"


def more(request_id: str, position: int | None = None) -> str:
    """Choose a rarer action."""
    return f"nbb:more:{request_id}{_at(position)}"


def pick(request_id: str, action: str) -> str:
    """Choose the picture that an action is for."""
    return f"nbb:pick:{request_id}:{action}"


def tree() -> str:
    """Go on to a relative in Details."""
    return "nbb:tree"


def details(request_id: str) -> str:
    """Show Details of a request."""
    return f"nbb:details:{request_id}"


def edit_form(request_id: str, position: int | None = None) -> str:
    """Send the form of Edit."""
    return f"nbb:form:edit:{request_id}{_at(position)}"


def remix_form(request_id: str) -> str:
    """Send the form of Remix."""
    return f"nbb:form:remix:{request_id}"


def reference_form(request_id: str, position: int | None = None) -> str:
    """Send the form of Use as reference."""
    return f"nbb:form:reference:{request_id}{_at(position)}"


def report_form(request_id: str) -> str:
    """Send the form of a report."""
    return f"nbb:form:report:{request_id}"


def delete(request_id: str, message_id: int | None = None) -> str:
    """Delete a result's message, after having been asked."""
    return f"nbb:delete:{request_id}:{message_id}" if message_id is not None else f"nbb:delete:{request_id}"


def take_down(request_id: str, message_id: int | None = None) -> str:
    """Delete the message on which it stands, or the one that is named, after having been asked."""
    return f"nbb:takedown:{request_id}:{message_id}" if message_id is not None else f"nbb:takedown:{request_id}"


def keep() -> str:
    """Leave all as it is."""
    return "nbb:keep"


def publish(request_id: str) -> str:
    """Post a private result here."""
    return f"nbb:publish:{request_id}"


def exhibit(request_id: str, position: int) -> str:
    """Post a private picture to the gallery."""
    return f"nbb:exhibit:{request_id}:{position}"


def report_delete(report_id: int) -> str:
    """Delete a reported picture's message."""
    return f"nbb:report:delete:{report_id}"


def report_dismiss(report_id: int) -> str:
    """Close a report and leave the picture."""
    return f"nbb:report:dismiss:{report_id}"


def gallery_channel() -> str:
    """Choose the gallery."""
    return "nbb:server:gallery"


def reports_channel() -> str:
    """Choose where reports go."""
    return "nbb:server:reports"


def no_gallery() -> str:
    """Close the gallery."""
    return "nbb:server:nogallery"


def no_reports_channel() -> str:
    """Send reports nowhere."""
    return "nbb:server:noreports"


def settings_page(page: str) -> str:
    """Show a page of the settings."""
    return f"nbb:set:page:{page}"


def settings_go() -> str:
    """Choose a page of the settings."""
    return "nbb:set:go"


def setting_choice(name: str) -> str:
    """Choose what a setting is."""
    return f"nbb:set:pick:{name}"


def setting_switch(name: str, *, on: bool) -> str:
    """Switch a setting on or off."""
    return f"nbb:set:switch:{name}:{int(on)}"


def setting_clear(name: str) -> str:
    """Take a setting back."""
    return f"nbb:set:clear:{name}"


def setup() -> str:
    """Open the panel of /setup."""
    return "nbb:setup"


def zone() -> str:
    """Open the form of the server's time zone."""
    return "nbb:set:zone"


def zone_form() -> str:
    """Say which time zone."""
    return "nbb:form:zone"


def setup_choice(name: str) -> str:
    """Choose one of the three things that /setup asks."""
    return f"nbb:setup:pick:{name}"


def setup_clear(name: str) -> str:
    """Take one of them back."""
    return f"nbb:setup:clear:{name}"


def words() -> str:
    """Open the form of the blocked words."""
    return "nbb:set:words"


def words_form() -> str:
    """Send the form of the blocked words."""
    return "nbb:form:words"


def bans(offset: int) -> str:
    """Turn to the bans from here on."""
    return f"nbb:bans:{offset}"


def unban() -> str:
    """Choose whose ban is lifted."""
    return "nbb:unban"


def report_ban(report_id: int) -> str:
    """Ban the maker of what was reported."""
    return f"nbb:report:ban:{report_id}"


def ban_form(user_id: int) -> str:
    """Send the form of a ban."""
    return f"nbb:form:ban:{user_id}"


def open_reports(offset: int) -> str:
    """Show an open report."""
    return f"nbb:server:open:{offset}"


def _at(position: int | None) -> str:
    return "" if position is None else f":{position}"


# --- references from messages, and the tray ---

TAKE_FORM: Final = re.compile(rf"nbb:form:take:{_DRAFT}")
"""The form over images that were found in a message or lie in the tray; they are in the draft."""
TRAY: Final = re.compile(r"nbb:tray")
"""Show one's own tray."""
TRAY_USE: Final = re.compile(r"nbb:tray:use")
TRAY_REMOVE: Final = re.compile(r"nbb:tray:remove:(?P<image_id>[0-9]{1,18})")
TRAY_EMPTY: Final = re.compile(r"nbb:tray:empty")
"""Asks first; ``TRAY_CLEAR`` does it."""
TRAY_CLEAR: Final = re.compile(r"nbb:tray:clear")


def take_form(draft_id: str) -> str:
    """Send the form over images that are kept in a draft."""
    return f"nbb:form:take:{draft_id}"


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


# --- looking: the queue, and what somebody prefers ---

QUEUE: Final = re.compile(r"nbb:queue")
"""Look at the queue once more."""
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


def queue() -> str:
    """Look at the queue once more."""
    return "nbb:queue"


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


# --- privacy ---

FORGET: Final = re.compile(r"nbb:forget:(?P<what>data|messages)")
"""Forgets whoever presses, after having been asked; "messages": their posts too."""
ASK_FORGET: Final = re.compile(r"nbb:forget")
"""Ask once more whether whoever presses wants to be forgotten."""


def forget(*, with_messages: bool = False) -> str:
    """Forget whoever presses."""
    return "nbb:forget:messages" if with_messages else "nbb:forget:data"


def ask_forget() -> str:
    """Ask whether whoever presses wants to be forgotten."""
    return "nbb:forget"


# --- who may spend what ---

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


# --- a server's usage ---

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
