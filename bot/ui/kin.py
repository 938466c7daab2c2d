"""What a result came of and what came of it, in words and links."""

from __future__ import annotations

from bot.generations.lineage import own_prompt
from bot.generations.states import DeliveryState
from bot.generations.values import Derived, RelativeView, RequestView
from bot.ui.text import plain

_DERIVED = {
    Derived.AGAIN: "the same again",
    Derived.EDIT: "an edit",
    Derived.REMIX: "a remix",
    Derived.LARGER: "larger",
    Derived.VARIATIONS: "variations",
    Derived.REFERENCE: "used as reference",
}
ARROW = "↗\ufe0e"
"""With the sign that asks for a letter, not for the blue emoji."""
A_HIDDEN_PICTURE = "a picture you can't see here"
"""All that is said of a relative that the person may not see: it is private, or of a channel that is not theirs."""
A_FORGOTTEN_PICTURE = "a picture that is kept no longer"


def headline(view: RequestView, limit: int) -> str:
    """Return the prompt as the first line of a card: of a larger picture its own words, and that it is larger."""
    own = own_prompt(view)
    if own == view.prompt:
        return plain(own, limit)
    before = f"At {view.options.get('resolution', 'full size')}: "
    return before + plain(own, limit - len(before))


def from_parent(view: RequestView) -> str | None:
    """Return "from ↗" with a link to the parent's message, where everyone who sees the result may see that one."""
    parent = view.parent
    if parent is None:
        return None
    open_to_all = not parent.private and parent.removed_by is None and parent.place_guild_id == view.place_guild_id
    url = message_url(parent) if open_to_all or view.private else None
    which = f" (picture {parent.position})" if parent.position is not None and parent.position > 1 else ""
    return f"from [{ARROW}]({url}){which}" if url is not None else "from an earlier picture"


def derived_words(derived_as: Derived, position: int | None) -> str:
    """Return how two requests are related: "an edit of picture 2"."""
    words = _DERIVED[derived_as]
    return words if position is None else f"{words} of picture {position}" if position > 1 else words


def message_url(stands: RelativeView) -> str | None:
    """Return the address of a relative's message; None where there is none for others to see."""
    if stands.message_id is None or stands.private:
        return None
    return url_of(stands.place_guild_id, stands.channel_id, stands.message_id)


def url_of(guild_id: int | None, channel_id: int | None, message_id: int) -> str:
    """Return the address of a message; without a guild, of direct messages."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def result_link(view: RequestView) -> str | None:
    """Return a link to where a public result stands, if it does."""
    if view.private or view.delivered_message_id is None or view.delivery is not DeliveryState.SHOWN:
        return None
    channel_id = view.delivered_channel_id or view.channel_id
    guild_id = view.place_guild_id if channel_id == view.channel_id else None
    return f"[go to the message]({url_of(guild_id, channel_id, view.delivered_message_id)})"
