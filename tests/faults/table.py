"""Runs rows of the fault table: one request after the other in one world, and judges them by the books."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from bot.sandbox.wire import WireFaultKind
from tests.crash.judge import Verdict, judge, outcome_of
from tests.crash.launcher import Launcher
from tests.crash.scenarios import DAY_S
from tests.crash.world import Ask, World, open_world
from tests.faults.rows import Group, Row

HEARTBEAT_S = 1.0
"""Real seconds; after three of silence the bot takes its connection for dead."""
STRIKE_S = 5.0
"""Real seconds that a fault may strike later than its request comes to rest: a ping follows its picture."""
GIVE_UP_S = 60.0
"""Real seconds until whoever waits for an answer that never comes must have given it up: discord.py's 300 s take 15."""
WEEK_S = 7 * DAY_S

BUSY = "I am very busy"
"""What the bot says when it can't even read a member's preferences within a second."""
OUR_ERRORS = frozenset(
    {
        "account.unwatched",
        "courier.failed",
        "discord.event_failed",
        "engine.task_died",
        "interaction.failed",
        "picture.internal_error",
        "references.failed",
        "upkeep.failed",
    }
)
"""What the bot logs when an error of its own is caught at the last line."""


async def run_group(launcher: Launcher, group: Group) -> Verdict:
    """Run all rows of a group; ``points`` counts rows, ``kills`` those whose faults struck."""
    if not group.fresh:
        return await _run(launcher, group)
    verdict = Verdict()
    for row in group.rows:
        verdict.add(await _run(launcher, replace(group, rows=(row,))))
    return verdict


async def _run(launcher: Launcher, group: Group) -> Verdict:
    verdict = Verdict()
    async with _world(launcher, group) as world:
        if not group.fresh:
            await world.start()
        for number, row in enumerate(group.rows, start=1):
            await _strike(world, group, row, f"{_words(group.name)}, {_words(row.name)}, row {number:03d}.", verdict)
        await _settle(world)
        await judge(world, verdict, doubt=False, doubles=False)
        _look_for_our_errors(world, verdict)
    return verdict


@asynccontextmanager
async def _world(launcher: Launcher, group: Group) -> AsyncIterator[World]:
    rules = {"heartbeat_interval_s": HEARTBEAT_S, **group.rules}
    async with open_world(
        launcher, variants=group.variants, settings=group.settings, speed=group.speed, pace=group.pace, rules=rules
    ) as world:
        yield world


async def _strike(world: World, group: Group, row: Row, prompt: str, verdict: Verdict) -> None:
    verdict.points += 1
    seen = len(world.rivya.faults.struck), len(world.wire.faults.struck)
    asked = len(world.wire.books.requests)

    def not_struck() -> list[Any]:
        struck = Counter([*world.rivya.faults.struck[seen[0] :], *world.wire.faults.struck[seen[1] :]])
        return [fault for fault in (*row.rivya, *row.wire) if struck[fault] < (fault.times or 1)]

    await _do(row.before, world)
    # Each row has its own person: discord.py remembers a channel for direct messages once it is open.
    member = world.wire.people.add_member(world.guild, f"member{len(world.members)}")
    world.members.append(member)
    begun = None
    if row.way is not None:  # the first of the members is who acts there
        world.members.remove(member)
        world.members.insert(0, member)
        begun = await row.way.begin(world, prompt, row.options)
    if not row.asleep:
        _arm(world, row)
    if group.fresh:
        await world.start()
    ask = await _ask(world, row, prompt, begun)
    verdict.rounds += 1
    if row.asleep:
        await world.until(lambda: _is_painting(world, ask))
        await world.kill()
        _arm(world, row)
        await world.start()
    done = await row.meddle(world, ask) if row.meddle is not None else None
    rested = await world.until(lambda: world.at_rest(ask) or not world.alive, every_s=0.03)
    if not rested:
        verdict.complain("silent", ask, f"stuck: {outcome_of(world, ask)}, {_row(world, ask)}")
    missing = not_struck() if await world.until(lambda: not not_struck(), STRIKE_S) is False else []
    if missing or done is False:
        verdict.complain("otherwise", ask, f"did not strike: {missing or 'the deed'}")
    else:
        verdict.kills += 1
    if row.says and not _was_said(world, ask, row.says):
        verdict.complain("silent", ask, f"{row.says!r} was never said")
    world.rivya.faults.clear()
    world.wire.faults.clear()
    await _do(row.heal, world)
    if not world.alive:
        verdict.complain("unclean", ask, f"the bot has died: {world.crashed}")
        world.victim = None
        await world.start()
    if not await world.until(lambda: account_is_open(world)):
        verdict.complain("otherwise", ask, "the account did not open again")
    if row.after is not None and await row.after(world, ask) is False:
        verdict.complain("silent", ask, "what was to follow did not")
    hung = [request for request in world.wire.books.requests[asked:] if request.fault == WireFaultKind.HANG]
    if row.times_out and not (hung and await world.until(lambda: all(r.given_up for r in hung), GIVE_UP_S)):
        verdict.complain("otherwise", ask, f"was never given up: {hung}")


async def _ask(world: World, row: Row, prompt: str, begun: Any) -> Ask:
    """Ask; where the machine is so slow that the bot takes nothing, ask again, as a person would."""
    if row.way is not None:
        ask = await row.way.ask(world, prompt, row.options, begun)
        ask.expected = row.expected
        await world.until(partial(_is_decided, world, ask))
        return ask
    while True:
        ask = await world.ask(-1, prompt, **row.options)
        ask.expected = row.expected
        await world.until(partial(_is_decided, world, ask))
        if not (world.refused(ask) and BUSY in world.wire.books.messages[ask.interaction.message_id or 0].text):
            return ask
        ask.expected = "refused"
        prompt = prompt.replace(", row", ", again, row")


def _is_decided(world: World, ask: Ask) -> bool:
    return world.row_of(ask) is not None or world.refused(ask) or not world.alive


def _arm(world: World, row: Row) -> None:
    for fault in row.rivya:
        world.rivya.faults.add(fault)
    for wire_fault in row.wire:
        world.wire.faults.add(wire_fault)


async def _do(deed: Any, world: World) -> None:
    if deed is not None and inspect.isawaitable(result := deed(world)):
        await result


async def _settle(world: World) -> None:
    """Let everything come to its end; what never became known, or never came, is given up after a week."""
    await world.rest(world.asks)
    if waits_for_days(world):
        await world.kill()
        world.clock.advance(WEEK_S + 3600)
        await world.start()
        await world.until(lambda: not waits_for_days(world))
        await world.rest(world.asks)


def waits_for_days(world: World) -> bool:
    """Tell whether a picture is late, or it is not known whether it was made."""
    return bool(world.rows("SELECT 1 FROM pictures WHERE state IN ('unknown', 'overdue')"))


def events(world: World) -> list[dict[str, Any]]:
    """Return what the running bot has logged."""
    lines = world.log.read_text().splitlines() if world.log.exists() else []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def account_is_open(world: World) -> bool:
    """Tell whether the bot takes requests: it has not found fault with the operator's account, or it is well again."""
    text = world.log.read_text() if world.log.exists() else ""
    return text.count('"account.closed"') == text.count('"account.opened"')


def _look_for_our_errors(world: World, verdict: Verdict) -> None:
    for path in sorted(world.folder.glob("log-*.jsonl")):
        for line in path.read_text().splitlines():
            if not line.startswith("{"):
                continue
            event = json.loads(line)
            if event.get("event") in OUR_ERRORS:
                verdict.unclean += 1
                verdict.complaints.append(f"unclean: {json.dumps(event)[-1500:]}")


def _is_painting(world: World, ask: Ask) -> bool:
    return any(task.prompt == ask.prompt for task in world.rivya.books.tasks)


def _was_said(world: World, ask: Ask, words: str) -> bool:
    answer = world.answer_to(ask)
    return any(
        words in version.text
        for message in world.wire.books.messages.values()
        if message.author_id == world.wire.bot_id and (ask.prompt in message.versions[-1].text or message is answer)
        for version in message.versions
    )


def _row(world: World, ask: Ask) -> dict[str, Any]:
    row = world.row_of(ask)
    return dict(row) if row is not None else {}


def _words(name: str) -> str:
    """Keep what no card changes."""
    return " ".join("".join(character if character.isalnum() else " " for character in name).split())


def ask_again(world: World, ask: Ask, words: str) -> Awaitable[Ask]:
    """Let the same person ask for another picture."""
    return world.ask(world.members.index(ask.interaction.user_id), ask.prompt.replace("row", f"{words}, row"))


async def pause(real_s: float) -> None:
    """Let real seconds go by while something is broken."""
    await asyncio.sleep(real_s)
