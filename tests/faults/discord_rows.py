"""Discord's faults, on every route that /imagine and its result use: 429, 5xx, resets and time-outs.

Each with and without effect, but where nothing is changed (what is only read). Of the other routes, what a mention asks
is in ``mention_rows``, notices, login and commands are in ``trouble_rows``, and the callbacks of buttons and forms are
in ``way_rows``, as is what clears an offer away. discord.py knows the gateway's address without asking: no rows for
that.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from bot.sandbox.rivya import Fault, FaultKind
from bot.sandbox.wire import WireFault, WireFaultKind
from tests.crash.pictures import image
from tests.crash.world import Ask, World
from tests.faults.rows import PICTURE, REFERENCES, VOID, WITHDRAWN, Group, Row, failed, in_time, timing_out, wire_faults

_SLOW = (Fault(kind=FaultKind.TASK_SLOW, delay_s=20),)
"""Long enough for several edits of the card."""


def _rows(route: str, words: str = "", *, files: bool | None = None, effects: bool = True, **values: Any) -> list[Row]:
    """Return a row for each fault."""
    return [
        Row(name=f"{words or route} {name}", wire=(fault,), **values)
        for name, fault in wire_faults(route, files=files, effects=effects).items()
    ]


# --- the acknowledgement ---


def _callback_rows(**values: Any) -> list[Row]:
    """A lost answer is an acknowledgement in doubt: nothing runs, nothing is charged, and the card says so."""
    rows = []
    for name, fault in wire_faults("callback").items():
        void = name.startswith(("reset", "time-out", "500 five"))
        told = void and "done" in name
        rows.append(
            Row(
                name=f"callback {name}",
                wire=(fault,),
                expected=VOID if void else PICTURE,
                says="Please ask again" if told else "",
                **values,
            )
        )
    return rows


def _get_original_rows() -> list[Row]:
    """The acknowledgement arrived, its answer did not, and asking what it made fails as well."""
    first = WireFault(kind=WireFaultKind.ERROR, route="callback", status=500, effect=True)
    rows = []
    for name, fault in wire_faults("get_original", effects=False).items():
        void = name.startswith(("500 five", "time-out"))
        rows.append(
            Row(
                name=f"get_original {name}",
                wire=(first, fault),
                expected=VOID if void else PICTURE,
                says="Please ask again" if void else "",
            )
        )
    return rows


# --- the ways of a result ---


async def let_the_token_die(world: World, ask: Ask) -> bool:
    """From the moment that the request is taken, nothing can be said by its interaction's token."""

    def taken() -> bool:
        row = world.row_of(ask)
        return row is not None and row["state"] == "running"

    found = await world.until(taken)
    world.wire.people.expire_token(ask.interaction.id)
    return found


MOST_TRIES = 3
CLOSED = WireFault(kind=WireFaultKind.ERROR, route="edit", status=403, code=50001, times=None)
"""Nothing that the bot has posted can be edited by its own token."""


def _own_message_rows() -> list[Row]:
    """Edits are refused and the token is dead: the result is a message of its own."""
    rows = [
        Row(name=f"send {name}", rivya=_SLOW, wire=(CLOSED, fault), meddle=let_the_token_die)
        for name, fault in wire_faults("send", files=True).items()
    ]
    # The first try was done but lost; by the time that Discord answers again, two minutes later, its nonce is old.
    lost = WireFault(kind=WireFaultKind.RESET, route="send", effect=True)
    busy = WireFault(kind=WireFaultKind.ERROR, route="send", status=503, times=5)
    found = wire_faults("history", effects=False)
    rows.append(Row(name="send lost, searched for", rivya=_SLOW, wire=(CLOSED, lost, busy), meddle=let_the_token_die))
    rows += [
        Row(name=f"history {name}", rivya=_SLOW, wire=(CLOSED, lost, busy, fault), meddle=let_the_token_die)
        for name, fault in found.items()
    ]
    return rows


def _direct_rows() -> list[Row]:
    """A private result whose token is dead comes by direct message."""
    private = {"private": True}
    return [
        Row(name=f"{words} {name}", rivya=_SLOW, wire=(fault,), options=private, meddle=let_the_token_die)
        for route, words in (("open_dm", "open_dm"), ("send", "send to a direct channel"))
        for name, fault in wire_faults(route).items()
    ]


def _ping_rows() -> list[Row]:
    """The picture is there, and the word of it is lost: it is said once or not at all."""
    private = {"notify": True, "private": True}
    rows = _rows("send", "ping, send", options={"notify": True}, rivya=_SLOW, after=_is_pinged_once_at_most)
    rows += _rows("open_dm", "ping, open_dm", options=private, rivya=_SLOW, after=_is_pinged_once_at_most)
    rows += _rows("send", "private ping, send", options=private, rivya=_SLOW, after=_is_pinged_once_at_most)
    return [row for row in rows if "five" not in row.name or "done" not in row.name]


async def _is_pinged_once_at_most(world: World, ask: Ask) -> bool:
    user_id = ask.interaction.user_id
    direct = world.wire.people.direct_channel(user_id)
    pings = [
        message
        for message in world.wire.books.messages.values()
        if f"<@{user_id}> your picture is here." in message.text
        or (message.channel_id == direct and "Your private picture is ready" in message.text)
    ]
    return len(pings) <= 1


def _attachment_rows() -> list[Row]:
    rows = _rows("attachment", effects=False, options=REFERENCES)
    refused = (403, 404)
    rows += [
        Row(
            name=f"attachment {status}",
            wire=(WireFault(kind=WireFaultKind.ERROR, route="attachment", status=status),),
            options={"image_1": image("red")},
            expected=failed("reference_refused"),
            says="red.png can't be fetched from Discord any more",
        )
        for status in refused
    ]
    rows += [
        Row(
            name="attachment 500 for ever",
            wire=(WireFault(kind=WireFaultKind.ERROR, route="attachment", status=500, times=None),),
            options={"image_1": image("red")},
            expected=failed("reference_refused"),
            says="can't be fetched from Discord any more",
        )
    ]
    return rows


def _deletion_rows() -> tuple[Row, ...]:
    """A result's person has it deleted: it goes, if need be when they ask once more; each time they are told."""
    return tuple(
        Row(name=f"delete {name}", expected=WITHDRAWN, after=partial(_is_deleted_in_spite_of, fault))
        for name, fault in wire_faults("delete").items()
    )


async def _is_deleted_in_spite_of(fault: WireFault, world: World, ask: Ask) -> bool:
    user_id, result = ask.interaction.user_id, ask.interaction.message_id or 0
    messages = world.wire.books.messages
    world.wire.faults.add(fault)
    for _ in range(MOST_TRIES):
        asked = await world.wire.select(user_id, result, "nbb:more:.*", ["delete"])
        if not await world.until(lambda asked=asked: asked.message_id in messages and messages[asked.message_id].text):
            return False
        question = messages[asked.message_id or 0]
        versions = len(question.versions)
        await world.wire.click(user_id, question.id, "nbb:delete:.*")
        answered = await world.until(lambda question=question, before=versions: len(question.versions) > before)
        if not answered or messages[result].deleted_ms is not None:
            return answered and fault in world.wire.faults.struck
    return False


_PUBLIC = (
    *_rows("edit_original", "first card, edit_original", files=False),
    *_rows("edit", "card, edit", files=False, rivya=_SLOW),
    *_rows("edit", "result, edit", files=True),
    *_rows("edit", "two results, edit", files=True, effects=False, options={"count": 2}, expected="2 fetched"),
)
_BY_TOKEN = tuple(
    Row(name=f"result by the interaction's token, edit_original {name}", rivya=_SLOW, wire=(CLOSED, fault))
    for name, fault in wire_faults("edit_original", files=True).items()
)
"""Its message can't be edited by the bot's own token, and the interaction's still lives."""
_PRIVATE = (
    *_rows("edit_original", "private card, edit_original", files=False, options={"private": True}),
    *_rows("edit_original", "private result, edit_original", files=True, options={"private": True}),
)


GROUPS = (
    Group(
        name="Discord acknowledgement",
        rows=in_time((*_callback_rows(), *_get_original_rows())),
        speed=5,  # discord.py's waits are real, and what is not acknowledged within a minute is void
    ),
    Group(name="Discord public", rows=in_time((*_PUBLIC, *_BY_TOKEN))),
    Group(name="Discord private", rows=in_time(_PRIVATE)),
    Group(name="Discord attachments", rows=in_time(_attachment_rows())),
    Group(name="Discord deletion", rows=in_time(_deletion_rows())),
    Group(name="Discord own message", rows=in_time(_own_message_rows())),
    Group(name="Discord direct", rows=in_time(_direct_rows())),
    Group(name="Discord ping", rows=in_time(_ping_rows())),
    Group(
        name="Discord time-outs",
        rows=timing_out(
            (*_callback_rows(), *_get_original_rows(), *_PUBLIC, *_BY_TOKEN, *_PRIVATE, *_attachment_rows())
        ),
    ),
    Group(name="Discord time-outs, own message", rows=timing_out((*_own_message_rows(), *_direct_rows()))),
    Group(name="Discord time-outs, ping", rows=timing_out(_ping_rows())),
    Group(name="Discord time-outs, deletion", rows=timing_out(_deletion_rows())),
)
