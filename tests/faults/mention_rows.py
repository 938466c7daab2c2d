"""What a mention asks Discord before it is taken: who may paint there, and what a reply answers.

Both have ten seconds, which are not shortened here: discord.py's own waits between its tries are real.
"""

from __future__ import annotations

from dataclasses import replace

from bot.command_rights import RETRY_S
from bot.sandbox.wire import WireFault, WireFaultKind
from tests.crash.ways import Mention, MentionInReply, press
from tests.crash.world import Ask, World
from tests.faults.rows import PICTURE, Group, Row, in_time, timing_out, wire_faults

REFUSED = "refused"
MENTION = Mention()
IN_REPLY = MentionInReply()


async def _started_again(world: World) -> None:
    """A bot that has just started knows of no server's settings."""
    await world.kill()
    await world.start()


def _rights_rows() -> tuple[Row, ...]:
    """Without an answer nothing is taken, and the person is told of the way that Discord checks by itself."""
    return tuple(
        Row(
            name=f"{route} {name}",
            wire=(fault,),
            way=MENTION,
            before=_started_again,
            expected=REFUSED if _in_vain(name) else PICTURE,
            says="Use /imagine: that Discord itself checks." if _in_vain(name) else "",
            after=_is_taken_a_minute_later if _in_vain(name) else None,
        )
        for route in ("get_commands", "get_permissions")
        for name, fault in _faults(route).items()
    )


async def _is_taken_a_minute_later(world: World, ask: Ask) -> bool:
    asked_ms = world.clock.now_ms()
    await world.until(lambda: world.clock.now_ms() - asked_ms > RETRY_S * 1000)
    another = await MENTION.ask(world, ask.prompt.replace("row", "a minute later, row"), {}, None)
    another.expected = PICTURE
    return await world.until(lambda: world.at_rest(another)) and not world.refused(another)


def _reply_rows() -> tuple[Row, ...]:
    """Discord has not brought what the reply answers, and does not say it when asked: the person is asked first."""
    faults = {
        **_faults("get_message"),
        "403/50001": WireFault(kind=WireFaultKind.ERROR, route="get_message", status=403, code=50001),
        "404/10008": WireFault(kind=WireFaultKind.ERROR, route="get_message", status=404, code=10008),
    }
    return tuple(
        Row(
            name=f"get_message {name}",
            wire=(fault,),
            way=IN_REPLY,
            expected=REFUSED if _in_vain(name) else PICTURE,
            says="I can't see the message that you reply to." if _in_vain(name) else "",
            after=_is_painted_when_agreed_to if _in_vain(name) else None,
        )
        for name, fault in faults.items()
    )


async def _is_painted_when_agreed_to(world: World, ask: Ask) -> bool:
    """The question has a button, which paints with what the mention itself brought."""
    question = world.answer_to(ask)
    if question is None:
        return False
    if not await world.until(lambda: "Paint it" in question.text):
        return False
    agreed = Ask(ask.prompt, 1, False, await press(world, question, "nbb:paint:[^:]*:8"), expected=PICTURE)
    world.asks.append(agreed)
    return await world.until(lambda: world.at_rest(agreed)) and not world.refused(agreed)


def _faults(route: str) -> dict[str, WireFault]:
    """Return what may go wrong with a call that reads: discord.py repeats it at a 5xx, aiohttp once at a reset.

    Within ten seconds there is no time for all of discord.py's five tries.
    """
    found = wire_faults(route, effects=False)
    found["500 for ever"] = replace(found.pop("500 five times"), times=None)
    found["reset twice"] = replace(found["reset"], times=2)
    return found


def _in_vain(name: str) -> bool:
    """Tell whether the call fails for good."""
    return name in {"500 for ever", "reset twice", "time-out", "403/50001"}


_ROWS = (*_rights_rows(), *_reply_rows())
_AS_IT_IS = {
    "pace": 1.0,
    "settings": {"MESSAGE_CONTENT_INTENT": "true"},
    "rules": {"message_content": True, "resolve_replies": False},
}

GROUPS = (
    Group(name="Discord mentions", rows=in_time(_ROWS), **_AS_IT_IS),
    Group(name="Discord time-outs, mentions", rows=timing_out(_ROWS), **_AS_IT_IS),
)
