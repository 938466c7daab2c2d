"""Requests that don't start from /imagine: buttons, choices, forms, menus, confirmations, mentions.

What they begin from (a result, an open form, an offer) is there already. Then Discord is in trouble at the
acknowledgement or at the posting, or Rivya at create.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.sandbox.rivya import Fault, FaultKind
from bot.sandbox.wire import WireFault, WireFaultKind
from tests.crash.ways import (
    Again,
    Confirmation,
    Edit,
    Insisting,
    MendedOffer,
    Mention,
    MentionInReply,
    MentionQuestion,
    Menu,
    OpenedForm,
    Rewriting,
    Tray,
    Variations,
    Way,
)
from tests.crash.world import Ask, World
from tests.faults.discord_rows import CLOSED, let_the_token_die
from tests.faults.rivya_rows import expected_of, once
from tests.faults.rows import KEPT, PICTURE, UNKNOWN, VOID, Group, Row, in_time, timing_out, wire_faults
from tests.faults.trouble_rows import comes_directly, in_a_channel_of_its_own, painting, well_again

PRESSED: dict[str, Way] = {
    "button": Again(),
    "choice": Variations(),
    "form": Edit(),
    "menu": Menu(),
    "tray": Tray(),
    "confirmation": Confirmation(),
    "refusal": MendedOffer(),
    "rewriting": Rewriting(),
    "question": MentionQuestion(),
}
OPENED: dict[str, OpenedForm] = {"menu": Menu(), "rewriting": Rewriting()}
"""What opens a form as a part of the asking."""
MENTION = Mention()
SAID: dict[str, Way] = {"mention": MENTION}
SEVERAL = {"choice": 4, "confirmation": 3}
"""What brings several pictures."""
_SLOW = (Fault(kind=FaultKind.TASK_SLOW, delay_s=20),)


def _pictures(way: str) -> str:
    return f"{SEVERAL[way]} fetched" if way in SEVERAL else PICTURE


# --- Discord, at the acknowledgement ---


def _acknowledged(way: str) -> tuple[Row, ...]:
    """As for a command: a lost answer is an acknowledgement in doubt; nothing runs, and the card says so if it can."""
    rows = []
    for name, fault in wire_faults("callback").items():
        void = name.startswith(("reset", "500 five", "time-out"))
        rows.append(
            Row(
                name=f"{way}, callback {name}",
                # The first callback of these opens their form, the second acknowledges what was sent off.
                wire=(replace(fault, after=1) if way in OPENED else fault,),
                way=PRESSED[way],
                expected=VOID if void else _pictures(way),
                says="Please ask again" if void and "done" in name else "",
            )
        )
    return tuple(rows)


def _opened(way: str, how: OpenedForm) -> tuple[Row, ...]:
    """The form does not open, or Discord's answer that it did is lost: nothing is charged, and it opens once more."""
    return tuple(
        Row(name=f"{way}, opening its form, callback {name}", wire=(fault,), way=Insisting(how))
        for name, fault in wire_faults("callback").items()
    )


def _replied(way: str, how: Way) -> tuple[Row, ...]:
    """A mention is acknowledged by a reply; where that is in doubt, its nonce finds it, and it says what came of it."""
    rows = []
    for name, fault in wire_faults("send", files=False).items():
        void = name.startswith(("reset", "500 five", "time-out"))
        rows.append(
            Row(
                name=f"{way}, reply {name}",
                wire=(fault,),
                way=how,
                expected=VOID if void else PICTURE,
                says="Please ask again" if void else "",
            )
        )
    return tuple(rows)


# --- Discord, at the posting ---


def _posted(way: str, how: Way) -> tuple[Row, ...]:
    return tuple(
        Row(name=f"{way}, result, edit {name}", wire=(fault,), way=how, expected=_pictures(way))
        for name, fault in wire_faults("edit", files=True).items()
    )


def _by_another_way(way: str, how: Way) -> tuple[Row, ...]:
    """The message can't be edited: the result is a message of its own, posted once."""
    meddle = None if way.startswith("mention") else let_the_token_die
    return tuple(
        Row(
            name=f"{way}, own message, send {name}",
            rivya=_SLOW,
            wire=(CLOSED, fault),
            way=how,
            meddle=meddle,
            expected=_pictures(way),
        )
        for name, fault in wire_faults("send", files=True).items()
        if name in {"500", "500 five times, done", "reset", "reset, done", "time-out", "time-out, done"}
    )


def _delete_the_reply(world: World, ask: Ask) -> bool:
    reply = world.answer_to(ask)
    if reply is None:
        return False
    world.wire.people.delete_message(reply.id)
    return True


def _delete_the_channel(world: World, _ask: Ask) -> None:
    world.wire.people.delete_channel(world.channel)


_TAKEN_AWAY = (
    Row(
        name="mention, its reply is deleted (10008)",
        rivya=_SLOW,
        way=MENTION,
        meddle=painting(_delete_the_reply),
        expected=KEPT,
    ),
    Row(
        name="mention, its channel is deleted (10003)",
        rivya=_SLOW,
        way=MENTION,
        before=in_a_channel_of_its_own,
        meddle=painting(_delete_the_channel),
        heal=well_again,
        after=comes_directly,
    ),
)


# --- Rivya, at create ---


def _created(way: str, how: Way) -> tuple[Row, ...]:
    rows = []
    for name, fault in once("create").items():
        expected = expected_of("create", name)
        if way in SEVERAL and expected != PICTURE:
            continue  # one of several: "Rivya tasks" has that
        rows.append(
            Row(
                name=f"{way}, create {name}",
                rivya=(fault,),
                way=how,
                expected=_pictures(way) if expected == PICTURE else expected,
                says="never sent twice" if expected == UNKNOWN else "",
            )
        )
    return tuple(rows)


# --- what is cleared away afterwards ---

_CLEARED = tuple(
    Row(
        name=f"{way}, taking the offer away {name}",
        wire=(replace(fault, route="delete_followup"),),
        way=PRESSED[way],
        expected=_pictures(way),
    )
    for way in ("confirmation", "rewriting")
    for name, fault in wire_faults("delete_followup").items()
)
_FORBIDDEN = (
    Row(
        name="confirmation, the offer can't be taken away (404/10008)",
        wire=(WireFault(kind=WireFaultKind.ERROR, route="delete_followup", status=404, code=10008),),
        way=PRESSED["confirmation"],
        expected=_pictures("confirmation"),
    ),
)

_QUESTION_CLEARED = tuple(
    Row(
        name=f"question, taking it away from the channel {name}",
        wire=(replace(fault, route="delete"),),
        way=PRESSED["question"],
        expected=_pictures("question"),
    )
    for name, fault in {
        **{
            name: fault
            for name, fault in wire_faults("delete").items()
            if name in {"500 five times", "reset", "reset, done"}
        },
        "403/50013": WireFault(kind=WireFaultKind.ERROR, route="delete", status=403, code=50013),
        "404/10008": WireFault(kind=WireFaultKind.ERROR, route="delete", status=404, code=10008),
    }.items()
)
"""Unlike an offer of a refusal, which one person sees, it is a message of the channel."""

_EVERY = {**PRESSED, **SAID}

_ACKNOWLEDGED = (
    *(row for way in PRESSED for row in _acknowledged(way)),
    *(row for way, how in OPENED.items() for row in _opened(way, how)),
    *_replied("mention", MENTION),
)
_POSTED = (
    *(row for way, how in _EVERY.items() for row in (*_posted(way, how), *_by_another_way(way, how))),
    *_TAKEN_AWAY,
    *_CLEARED,
    *_FORBIDDEN,
    *_QUESTION_CLEARED,
)
_IN_REPLY = tuple(
    row
    for how in (MentionInReply(),)
    for row in (
        *_posted("mention in reply", how),
        *_by_another_way("mention in reply", how),
        *_created("mention in reply", how),
    )
)
_CONTENT: dict[str, Any] = {"settings": {"MESSAGE_CONTENT_INTENT": "true"}, "rules": {"message_content": True}}

GROUPS = (
    Group(name="Ways, acknowledgement", rows=in_time(_ACKNOWLEDGED), speed=5),  # as for commands
    Group(name="Ways, posting", rows=in_time(_POSTED)),
    Group(name="Ways, create", rows=tuple(row for way, how in _EVERY.items() for row in _created(way, how))),
    Group(name="Ways, a mention in reply", rows=in_time(_IN_REPLY), **_CONTENT),
    Group(name="Ways, time-outs at the acknowledgement", rows=timing_out(_ACKNOWLEDGED)),
    *(Group(name="Ways, time-outs at the posting", rows=timing_out(_POSTED)).part(number, 3) for number in range(3)),
    Group(name="Ways, time-outs of a mention in reply", rows=timing_out(_IN_REPLY), **_CONTENT),
)
