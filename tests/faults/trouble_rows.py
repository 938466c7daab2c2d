"""Trouble that comes over a request at Discord: rights, channels and messages taken away, tokens and connections dead.

Each picture has been asked for and is being painted when it strikes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from bot.generations.service import NOTICE_S
from bot.sandbox.rivya import Fault, FaultKind
from bot.sandbox.wire import MessageRecord, WireFault, WireFaultKind
from tests.crash.world import Ask, World
from tests.faults.discord_rows import let_the_token_die
from tests.faults.rows import KEPT, REFERENCES, VOID, Deed, Group, Row, in_time, timing_out, wire_faults
from tests.faults.table import ask_again, pause

_SLOW = (Fault(kind=FaultKind.TASK_SLOW, delay_s=20),)
_NOTICE = "in /history"
MOST_ASKS = 8
NOTICE_COMES_S = 1.5
"""Real seconds in which a notice comes beside its card, if one does."""
_ALL = ["view_channel", "send_messages", "attach_files"]


def painting(*deeds: Callable[[World, Ask], Any]) -> Deed:
    """Do all of ``deeds`` once the picture is being painted and its card stands."""

    async def meddle(world: World, ask: Ask) -> bool:
        painted = await world.until(lambda: _has_card(world, ask) and _task_of(world, ask))
        for deed in deeds:
            result = deed(world, ask)
            if isinstance(result, Awaitable):
                result = await result
            painted = painted and result is not False
        return painted

    return meddle


def _taken(deed: Callable[[World, Ask], Any]) -> Deed:
    """Do it as soon as the picture is being painted, card or no card."""

    async def meddle(world: World, ask: Ask) -> bool:
        painted = await world.until(lambda: _task_of(world, ask))
        deed(world, ask)
        return painted

    return meddle


def _has_card(world: World, ask: Ask) -> bool:
    message = world.answer_to(ask)
    return message is not None and bool(message.text)


def _task_of(world: World, ask: Ask) -> bool:
    return any(task.prompt == ask.prompt for task in world.rivya.books.tasks)


# --- rights, channels, messages ---


def _deny(*names: str) -> Callable[[World, Ask], None]:
    return lambda world, ask: world.wire.people.set_permissions(ask.interaction.channel_id, deny=list(names))


def _close_direct_messages(world: World, ask: Ask) -> None:
    world.wire.people.close_direct_messages(ask.interaction.user_id)


def _remove_the_bot(world: World, _ask: Ask) -> None:
    world.wire.people.remove_bot(world.guild)


def in_a_channel_of_its_own(world: World) -> None:
    world.channel = world.wire.people.add_channel(world.guild)


def well_again(world: World) -> None:
    """Give the bot its rights back, and a channel to work in."""
    if not world.wire._backend.bot_in(world.guild):
        world.wire.people.add_bot(world.guild)
    if world.channel not in world.wire._backend.channels:
        world.channel = world.wire.people.add_channel(world.guild)
    world.wire.people.set_permissions(world.channel, allow=_ALL)


async def _is_told_at_the_next_use(world: World, ask: Ask) -> bool:
    """What could not be shown waits in /history: the next command says so, privately, and once."""
    world.wire.people.close_direct_messages(ask.interaction.user_id, closed=False)
    another = await ask_again(world, ask, "afterwards")
    came = await world.until(lambda: world.at_rest(another))
    told = await world.until(lambda: _notices(world, another))
    third = await ask_again(world, ask, "much later")
    return came and told and await world.until(lambda: world.at_rest(third)) and not _notices(world, third)


def _notices(world: World, ask: Ask) -> list[int]:
    messages = world.wire.books.messages
    return [id_ for id_ in ask.interaction.followup_ids if _NOTICE in messages[id_].text and messages[id_].ephemeral]


async def comes_directly(world: World, ask: Ask) -> bool:
    """The picture has come to where only its person sees it."""
    user_id = ask.source.author_id if isinstance(ask.source, MessageRecord) else ask.source.user_id
    direct = world.wire.people.direct_channel(user_id)
    return [message.channel_id for message in world.wire.books.pictures(containing=ask.prompt)] == [direct]


_RIGHTS = (
    Row(name="Send Messages taken away", meddle=painting(_deny("send_messages"))),
    Row(name="Attach Files taken away (50013)", meddle=painting(_deny("attach_files"))),
    Row(name="View Channel taken away (50001)", meddle=painting(_deny("view_channel"))),
    *(
        Row(
            name=f"{right} taken away, token dead",
            meddle=painting(_deny(name), let_the_token_die),
            after=comes_directly,
        )
        for right, name in (("Attach Files", "attach_files"), ("View Channel", "view_channel"))
    ),
    Row(
        name="View Channel taken away, token dead, direct messages closed",
        meddle=painting(_deny("view_channel"), let_the_token_die, _close_direct_messages),
        expected=KEPT,
        after=_is_told_at_the_next_use,
    ),
    Row(
        name="private, token dead, direct messages closed",
        options={"private": True},
        meddle=painting(let_the_token_die, _close_direct_messages),
        expected=KEPT,
        after=_is_told_at_the_next_use,
    ),
    Row(
        name="channel deleted (10003)",
        before=in_a_channel_of_its_own,
        meddle=painting(lambda world, ask: world.wire.people.delete_channel(ask.interaction.channel_id)),
        after=comes_directly,
    ),
    Row(
        name="channel deleted before there is a card",
        before=in_a_channel_of_its_own,
        wire=(WireFault(kind=WireFaultKind.ERROR, route="edit_original", files=False, status=503, times=None),),
        meddle=_taken(lambda world, ask: world.wire.people.delete_channel(ask.interaction.channel_id)),
        after=comes_directly,
    ),
    Row(
        name="private, channel deleted",
        before=in_a_channel_of_its_own,
        options={"private": True},
        meddle=painting(lambda world, ask: world.wire.people.delete_channel(ask.interaction.channel_id)),
        after=comes_directly,
    ),
    Row(
        name="channel deleted, token dead",
        before=in_a_channel_of_its_own,
        meddle=painting(
            let_the_token_die, lambda world, ask: world.wire.people.delete_channel(ask.interaction.channel_id)
        ),
        after=comes_directly,
    ),
    Row(
        name="message deleted (10008)",
        meddle=painting(lambda world, ask: world.wire.people.delete_message(ask.interaction.message_id or 0)),
        expected=KEPT,
    ),
    Row(
        name="message deleted, token dead",
        meddle=painting(
            let_the_token_die, lambda world, ask: world.wire.people.delete_message(ask.interaction.message_id or 0)
        ),
        expected=KEPT,
    ),
    Row(name="token dead (50027)", meddle=painting(let_the_token_die)),
    Row(
        name="private, token dead (50027)",
        options={"private": True},
        meddle=painting(let_the_token_die),
        after=comes_directly,
    ),
    Row(
        name="two pictures, Attach Files taken away, token dead",
        options={"count": 2},
        expected="2 fetched",
        meddle=painting(_deny("attach_files"), let_the_token_die),
        after=comes_directly,
    ),
    Row(name="bot removed from the server", meddle=painting(_remove_the_bot), heal=well_again),
    Row(
        name="bot removed from the server, token dead",
        meddle=painting(let_the_token_die, _remove_the_bot),
        expected=KEPT,
        after=_is_told_at_the_next_use,
    ),
    Row(
        name="bot removed and back before the picture is made",
        meddle=painting(let_the_token_die, _remove_the_bot, lambda world, _: well_again(world)),
    ),
)


def _with_healing(rows: tuple[Row, ...], heal: Callable[[World], Any]) -> tuple[Row, ...]:
    return tuple(Row(**{**vars(row), "rivya": (*_SLOW, *row.rivya), "heal": row.heal or heal}) for row in rows)


# --- the acknowledgement that comes too late ---


def _acknowledge_within(world: World, seconds: float) -> None:
    world.wire.rules.acknowledge_within_s = seconds


_TOO_LATE = (
    Row(
        name="acknowledged too late (10062)",
        before=partial(_acknowledge_within, seconds=0.0),
        heal=partial(_acknowledge_within, seconds=60.0),
        expected=VOID,
    ),
    Row(
        name="private, acknowledged too late (10062)",
        options={"private": True, **REFERENCES},
        before=partial(_acknowledge_within, seconds=0.0),
        heal=partial(_acknowledge_within, seconds=60.0),
        expected=VOID,
    ),
)


# --- a notice that is lost ---


def _notice_rows() -> tuple[Row, ...]:
    """A picture waits in /history, and the word of it is lost on its way: it is said again.

    So it is where only Discord's answer was lost: a notice that is never said would be worse than one said twice.
    """
    return tuple(
        Row(
            name=f"notice of a kept picture, followup {name}",
            options={"private": True},
            meddle=painting(let_the_token_die, _close_direct_messages),
            expected=KEPT,
            after=partial(_is_told_in_spite_of, fault),
        )
        for name, fault in wire_faults("followup").items()
    )


async def _is_told_in_spite_of(fault: WireFault, world: World, ask: Ask) -> bool:
    """It is said, and once it was heard that it arrived, no more."""
    world.wire.people.close_direct_messages(ask.interaction.user_id, closed=False)
    world.wire.faults.add(fault)
    asked: list[Ask] = []
    for number in range(MOST_ASKS):
        before = len(_told(world, asked))
        another = await ask_again(world, ask, f"afterwards {number}")
        asked.append(another)
        await world.until(partial(world.at_rest, another))
        said = await world.until(lambda before=before: len(_told(world, asked)) > before, NOTICE_COMES_S)
        if before and not said and not world.wire.faults.waiting:
            break
        again_ms = world.clock.now_ms() + NOTICE_S * 1000  # what could not be said is said again a minute later
        await world.until(lambda again_ms=again_ms: world.clock.now_ms() > again_ms)
    else:
        return False
    return len(_told(world, asked)) <= 1 + (fault.times or 1 if fault.effect else 0)


def _told(world: World, asked: list[Ask]) -> list[int]:
    return [message for ask in asked for message in _notices(world, ask)]


# --- the gateway, and all of Discord ---


def _gateway(deed: Callable[[World], Any], *, sessions: int = 1) -> Deed:
    """Break the connection while a picture is painted, and see that the bot is back."""

    async def meddle(world: World, ask: Ask) -> bool:
        await world.until(lambda: _task_of(world, ask))
        gateway = world.wire.gateway
        before = gateway.identified + gateway.resumed
        result = deed(world)
        if isinstance(result, Awaitable):
            await result
        return await world.until(
            lambda: gateway.identified + gateway.resumed >= before + sessions and gateway.connected
        )

    return meddle


async def _forget_and_drop(world: World) -> None:
    world.wire.gateway.forget_sessions()
    await world.wire.gateway.drop()


async def _shut_for_a_while(world: World) -> None:
    world.wire.gateway.open = False
    await world.wire.gateway.drop()
    await pause(0.5)
    world.wire.gateway.open = True


async def _outage(world: World) -> None:
    await world.wire.stop()
    await pause(0.5)
    await world.wire.start()


async def _answers_the_next(world: World, ask: Ask) -> bool:
    another = await ask_again(world, ask, "afterwards")
    return await world.until(lambda: world.at_rest(another)) and not world.refused(another)


_CONNECTION = tuple(
    Row(name=name, rivya=_SLOW, meddle=_gateway(deed), after=_answers_the_next)
    for name, deed in (
        ("gateway drop", lambda world: world.wire.gateway.drop()),
        ("gateway drop 4000", lambda world: world.wire.gateway.drop(4000)),
        ("gateway drop 4009", lambda world: world.wire.gateway.drop(4009)),
        ("gateway op 7", lambda world: world.wire.gateway.ask_to_reconnect()),
        ("gateway op 9, resumable", lambda world: world.wire.gateway.invalidate(resumable=True)),
        ("gateway op 9", lambda world: world.wire.gateway.invalidate()),
        ("gateway drop, session forgotten", _forget_and_drop),
        ("gateway shut for a while", _shut_for_a_while),
        ("outage", _outage),
    )
)


async def _refused_for_a_while(world: World, ask: Ask) -> bool:
    """Discord turns the bot's own token down until it has done so five times."""
    fault = WireFault(kind=WireFaultKind.ERROR, route="/channels/*/messages/*", status=401, times=None)
    await world.until(lambda: _task_of(world, ask))
    world.wire.faults.add(fault)
    many = await world.until(lambda: world.wire.faults.struck.count(fault) >= 5)
    world.wire.faults.clear()
    return many


async def _ends_at(world: World, ask: Ask, refuse: Callable[[], Any]) -> bool:
    """Discord no longer takes the bot's token: it says so and ends; started again with a good one, it goes on."""
    if isinstance(result := refuse(), Awaitable):
        await result
    ended = await world.until(lambda: not world.alive)
    said = "DISCORD_TOKEN is not accepted by Discord" in world.log.read_text()
    world.wire.faults.clear()
    world.victim = None
    return ended and said and await world.start()


async def _closed_for_its_token(world: World, ask: Ask) -> bool:
    await world.until(lambda: _task_of(world, ask))
    return await _ends_at(world, ask, lambda: world.wire.gateway.drop(4004))


async def _turned_away_at_login(world: World, ask: Ask) -> bool:
    await world.until(lambda: _task_of(world, ask))
    await world.kill()

    async def start() -> None:
        world.wire.faults.add(WireFault(kind=WireFaultKind.ERROR, route="login", status=401))
        await world.start()

    return await _ends_at(world, ask, start)


async def _both(world: World, ask: Ask) -> bool:
    return await let_the_token_die(world, ask) and await _refused_for_a_while(world, ask)


_TOKEN = (
    Row(name="bot's token refused for a while (401)", rivya=_SLOW, meddle=_refused_for_a_while),
    Row(
        name="bot's token refused for a while (401), interaction's token dead",
        rivya=_SLOW,
        meddle=_both,
    ),
    Row(name="gateway closes for the bot's token (4004)", rivya=_SLOW, meddle=_closed_for_its_token),
    Row(name="bot's token refused at login (401)", rivya=_SLOW, meddle=_turned_away_at_login),
)


# --- too large ---


def _large_rows() -> tuple[Row, ...]:
    """Discord finds a picture of two hundred kilobytes too large, whatever it has announced."""
    once = WireFault(kind=WireFaultKind.ERROR, route="edit", files=True, status=413, code=40005)
    private = WireFault(kind=WireFaultKind.ERROR, route="edit_original", files=True, status=413, code=40005)
    return (
        Row(name="result too large once (413/40005)", wire=(once,)),
        Row(name="private result too large once (413/40005)", wire=(private,), options={"private": True}),
        Row(
            name="two results too large once (413)",
            wire=(WireFault(kind=WireFaultKind.ERROR, route="edit", files=True, status=413),),
            options={"count": 2},
            expected="2 fetched",
        ),
        Row(
            name="result too large for ever (413/40005)",
            wire=tuple(
                WireFault(kind=WireFaultKind.ERROR, route=route, files=True, status=413, code=40005, times=None)
                for route in ("edit", "edit_original", "send")
            ),
            expected=KEPT,
            after=_is_told_at_the_next_use,
        ),
    )


# --- the start ---


def _start_rows() -> tuple[Row, ...]:
    """The bot was killed while a picture was painted, and starts again while Discord is in trouble."""
    return tuple(
        Row(name=f"{route} {name}", wire=(fault,), asleep=True, rivya=(), after=_answers_the_next)
        for route in ("login", "application")
        for name, fault in wire_faults(route, effects=False).items()
        if "time-out" not in name
    )


def _command_rows() -> tuple[Row, ...]:
    """The very first start: the commands are registered in spite of it."""
    return tuple(
        Row(name=f"commands {name}", wire=(fault,))
        for name, fault in wire_faults("commands").items()
        if "five" not in name and "time-out" not in name
    )


GROUPS = (
    Group(name="Trouble with rights", rows=_with_healing(_RIGHTS, well_again)),
    Group(name="Trouble with acknowledging", rows=_TOO_LATE),
    Group(name="Trouble with notices", rows=_with_healing(in_time(_notice_rows()), well_again)),
    Group(name="Trouble with the connection", rows=_CONNECTION),
    Group(name="Trouble with the token", rows=_TOKEN),
    Group(name="Trouble with size", rows=_large_rows(), variants={"quick_pictures": False}),
    Group(name="Trouble at the start", rows=_start_rows()),
    Group(name="Trouble at the first start", rows=_command_rows(), fresh=True),
    Group(name="Trouble with notices, time-outs", rows=_with_healing(timing_out(_notice_rows()), well_again)),
    Group(
        name="Time-outs at the start",
        rows=tuple(
            Row(name=f"{route} time-out", wire=(fault,), asleep=True)
            for route in ("login", "application")
            for name, fault in wire_faults(route, effects=False).items()
            if name == "time-out"
        ),
    ),
    Group(
        name="Time-outs at the first start",
        rows=tuple(
            Row(name=f"commands {name}", wire=(fault,))
            for name, fault in wire_faults("commands").items()
            if name.startswith("time-out")
        ),
        fresh=True,
    ),
)
