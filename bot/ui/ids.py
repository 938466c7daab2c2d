"""The custom ids of our buttons and selects: how they are made, and the templates by which they are recognised.

Ids outlive a restart of the bot, so one that was ever sent keeps its meaning. Request ids are 16 lower-case hex
characters. Here are those of requests, offers and results; the others stand in `personal_ids`, `settings_ids`,
`moderation_ids`, `quota_ids`, `usage_ids` and `operator_ids`.
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
QUEUE: Final = re.compile(r"nbb:queue")
"""Look at the queue once more."""


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


def queue() -> str:
    """Look at the queue once more."""
    return "nbb:queue"


def acknowledgement_nonce(request_id: str) -> str:
    """Return the nonce of the reply by which a request out of a message is acknowledged (20 characters)."""
    return f"{request_id}-ack"


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
TAKE_FORM: Final = re.compile(rf"nbb:form:take:{_DRAFT}")
"""The form over images that were found in a message or lie in the tray; they are in the draft."""


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


def take_form(draft_id: str) -> str:
    """Send the form over images that are kept in a draft."""
    return f"nbb:form:take:{draft_id}"


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


def _at(position: int | None) -> str:
    return "" if position is None else f":{position}"
