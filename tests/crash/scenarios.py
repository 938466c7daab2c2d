"""What people do while the bot dies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from simcord.backend.errors import BackendError, SetupError

from bot.sandbox.wire import WireFault, WireFaultKind
from tests.crash.pictures import image
from tests.crash.ways import (
    Again,
    Command,
    Confirmation,
    Edit,
    Elsewhere,
    MendedOffer,
    Mention,
    MentionInReply,
    MentionQuestion,
    Menu,
    Rewriting,
    Tray,
    Variations,
    Way,
)
from tests.crash.world import Ask, World

DAY_S = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of request, how the services answer, and how long the bot is away after it was killed (clock seconds).

    ``meddle`` acts while the request is in work. With ``doubt`` a create call may never become known, and the person
    then hears so; with ``doubles`` the provider may make a picture twice, at the operator's expense.
    """

    name: str
    way: Way = field(default_factory=Command)
    options: dict[str, Any] = field(default_factory=dict)
    variants: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[World], None] = lambda _: None
    meddle: Callable[[World, Ask], Awaitable[None]] | None = None
    away_s: float = 0.0
    doubt: bool = False
    doubles: bool = False
    short: tuple[str, ...] = ()
    """What marks the points that are this scenario's own: the short form of the table keeps to them."""

    def is_own(self, point: str) -> bool:
        """Tell whether a point is one of the short form."""
        return any(mark in point for mark in self.short)


async def _cancel_while_it_waits(world: World, ask: Ask) -> None:
    def offered() -> bool:
        message = world.wire.books.messages.get(ask.interaction.message_id or 0)
        return message is not None and "Cancel" in message.text

    await _press(world, ask, offered)


async def _cancel_while_it_is_sent(world: World, ask: Ask) -> None:
    before = len([request for request in world.rivya.books.requests if request.route == "create"])
    await _press(world, ask, lambda: len([r for r in world.rivya.books.requests if r.route == "create"]) > before)


async def _press(world: World, ask: Ask, when: Callable[[], bool]) -> None:
    await world.until(lambda: when() or not world.alive or world.at_rest(ask))
    if when() and world.alive:
        with suppress(SetupError, BackendError, ValueError):  # the button went away meanwhile
            await world.cancel(ask)


def _content_is_granted(world: World) -> None:
    world.wire.rules.message_content = True


def _no_message_can_be_edited(world: World) -> None:
    """Nothing that the bot has posted can be edited by its own token."""
    world.wire.faults.add(WireFault(kind=WireFaultKind.ERROR, route="edit", status=403, code=50001, times=None))


async def _let_the_token_die(world: World, ask: Ask) -> None:
    """And nothing by the interaction's token either, once the request is taken: the result comes as a new message."""

    def taken() -> bool:
        row = world.row_of(ask)
        return row is not None and row["state"] == "running"

    await world.until(lambda: taken() or not world.alive or world.at_rest(ask))
    if taken():
        world.wire.people.expire_token(ask.interaction.id)


PUBLIC = {"image_1": image("red"), "image_2": image("blue", "JPEG")}

SCENARIOS = (
    Scenario(name="public", options=PUBLIC),
    Scenario(
        name="two pictures",
        options={"count": 2, "notify": True, "image_1": image("green")},
        short=("#2", "discord send"),
    ),
    Scenario(
        name="private",
        options={"private": True, "notify": True},
        short=("discord callback", "edit_original", "Courier", "open_dm", "send"),
    ),
    Scenario(
        name="cancel in time",
        options={"image_1": image("red")},
        variants={"min_upload_latency_s": 0.4},
        meddle=_cancel_while_it_waits,
        short=("after event #2", "callback #2", "Generations.cancel", "Submitting"),
    ),
    Scenario(
        name="cancel too late",
        variants={"latency_s": 0.15},
        meddle=_cancel_while_it_is_sent,
        short=("after event #2", "callback #2", "Generations.cancel", "Submitting", "create"),
    ),
    Scenario(
        name="a message of its own",
        prepare=_no_message_can_be_edited,
        meddle=_let_the_token_die,
        short=("discord send", "Courier"),
    ),
    Scenario(
        name="a message of its own, five minutes later",
        prepare=_no_message_can_be_edited,
        meddle=_let_the_token_die,
        away_s=300,
        short=("discord send", "Courier._begin #3", "Courier._shown"),
    ),
    Scenario(
        name="direct message",
        options={"private": True},
        meddle=_let_the_token_die,
        short=("discord send", "open_dm", "Courier"),
    ),
    Scenario(
        name="keys kept 60 s, away 70 s",
        options=PUBLIC,
        variants={"key_life_s": 60.0},
        settings={"IDEMPOTENCY_TRUST_S": "50"},
        away_s=70,
        doubt=True,
        short=("Submitting", "create"),
    ),
    Scenario(
        name="keys ignored",
        variants={"key_life_s": 0.0},
        settings={"IDEMPOTENCY_TRUST_S": "50"},
        doubt=True,
        doubles=True,
        short=("Submitting", "create"),
    ),
    Scenario(
        name="Again, under a result",
        way=Again(),
        options={"image_1": image("red")},
        short=("after commit Acceptance.accept", "landed discord callback", "before commit Generations.acknowledged"),
    ),
    Scenario(
        name="Variations, under More",
        way=Variations(),
        short=("landed discord callback", "after commit Acceptance.accept", "before commit Generations.acknowledged"),
    ),
    Scenario(
        name="the tray, its form sent after a restart",
        way=Tray(),
        short=("landed discord callback", "after commit Acceptance.accept", "landed rivya reference #1"),
    ),
    Scenario(
        name="Edit, its form sent after a restart",
        way=Edit(),
        short=("after commit Acceptance.accept", "landed discord callback", "landed rivya reference #1"),
    ),
    Scenario(
        name="Paint it, on a confirmation",
        way=Confirmation(),
        short=("after commit Acceptance.accept", "landed discord callback", "landed discord delete"),
    ),
    Scenario(
        name="a refusal's mended offer",
        way=MendedOffer(),
        short=("after commit Acceptance.accept", "landed discord callback", "landed discord delete"),
    ),
    Scenario(
        name="in another channel",
        way=Elsewhere(),
        short=(
            "commit Acceptance.accept",
            "landed discord callback",
            "discord send",
            "commit Generations.acknowledged",
        ),
    ),
    Scenario(
        name="Paint it, after a mention without a picture",
        way=MentionQuestion(),
        short=("after commit Acceptance.accept", "landed discord callback", "discord delete"),
    ),
    Scenario(
        name="Use as reference, and its form",
        way=Menu(),
        short=("landed discord callback", "after commit Acceptance.accept"),
    ),
    Scenario(
        name="Change the prompt, and its form",
        way=Rewriting(),
        options={"image_1": image("red")},
        short=("landed discord callback", "after commit Acceptance.accept", "landed discord delete"),
    ),
    Scenario(
        name="a mention",
        way=Mention(),
        short=("after commit Acceptance.accept", "landed discord send", "before commit Generations.acknowledged"),
    ),
    Scenario(
        name="a mention in reply, five minutes later",
        way=MentionInReply(),
        away_s=300,
        prepare=_content_is_granted,
        settings={"MESSAGE_CONTENT_INTENT": "true"},
        short=("after commit Acceptance.accept", "discord send"),
    ),
)


async def run_with_meddling(world: World, scenario: Scenario, ask: Ask) -> None:
    """Return when ``ask`` rests or the bot has died, with the scenario's meddling going on beside."""
    meddling = asyncio.ensure_future(scenario.meddle(world, ask)) if scenario.meddle else None
    try:
        await world.rest([ask])
    finally:
        if meddling is not None:
            if not meddling.done() and not world.alive:
                await asyncio.wait({meddling}, timeout=1)
            meddling.cancel()
            await asyncio.gather(meddling, return_exceptions=True)
