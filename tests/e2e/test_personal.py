"""Personal use, over the wire: in direct messages, in a server without the bot, between people; and where it is off."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.sandbox.wire import InteractionRecord, MessageRecord, WireServer
from tests.e2e.program import PATIENCE_S, audited, both, running, until_said

ALLOWANCE = "40"
PICTURE_CREDITS = 8
BY_SERVER, BY_PERSON = 0, 1
IN_SERVER, IN_DIRECT = 0, 1
FOR_SERVERS = {"setup", "settings", "ban", "unban", "bans", "quota", "usage", "operator"}
DIRECT_TOO = {"privacy", "operator"}
"""Also where personal use is off: what is held on somebody can be asked for after having left the server."""


@dataclass
class Places:
    """Alice has installed the bot for herself; bob is with her in a server without it, and between the two of them."""

    wire: WireServer

    def __post_init__(self) -> None:
        people = self.wire.people
        self.studio = people.add_guild("Studio")
        self.shared = people.add_channel(self.studio)
        self.alice = people.add_member(self.studio, "alice")
        self.bob = people.add_person("bob")
        self.elsewhere = people.add_guild("Elsewhere", bot=False)
        self.foreign = people.add_channel(self.elsewhere)
        for person, name in ((self.alice, "alice"), (self.bob, "bob")):
            people.add_member(self.elsewhere, name, user_id=person)
        self.between = people.private_channel([self.alice, self.bob])
        self.direct = people.direct_channel(self.alice)
        people.install_for(self.alice)

    def posted_in(self, channel: int) -> list[str]:
        """Return the routes by which the bot's own token was used in a channel."""
        return [
            request.route for request in self.wire.books.requests if request.path.startswith(f"/channels/{channel}/")
        ]

    async def painted(self, user: int, channel: int, prompt: str, **options: Any) -> InteractionRecord:
        """Ask, and wait for the result."""
        asked = await self.wire.slash(user, channel, "imagine", prompt=prompt, **options)
        await self.wire.until(lambda: asked.shown_ms, PATIENCE_S)
        return asked


async def test_results_come_by_the_token_and_are_paid_by_an_allowance_of_ones_own(tmp_path: Path) -> None:
    async with both() as (wire, rivya):
        places = Places(wire)
        async with running(tmp_path, wire, rivya, PERSONAL_CREDITS_PER_MONTH=ALLOWANCE, MEMBER_CREDITS_PER_MONTH="16"):
            here = await places.painted(places.alice, places.shared, "in the studio")
            direct = await places.painted(places.alice, places.direct, "in direct messages")
            foreign = await places.painted(places.alice, places.foreign, "in a server without the bot")
            between = await places.painted(places.alice, places.between, "between two people")
            assert [asked.posts for asked in (here, direct, foreign, between)] == [1] * 4
            assert [asked.ephemeral for asked in (here, direct, foreign, between)] == [False] * 4
            # The server's allowance and one's own know nothing of each other.
            standing = {places.shared: "8 credits left", places.direct: "16 credits left", places.foreign: "16 credits"}
            for channel, words in standing.items():
                await until_said(wire, await wire.slash(places.alice, channel, "credits"), words)
            # Whoever else is there may go on from it, by an allowance of their own; a stranger's is not touched.
            again = await wire.click(places.bob, between.message_id or 0, "nbb:redo:.*")
            await wire.until(lambda: again.shown_ms, PATIENCE_S)
            # But may not take it away.
            refused = await wire.select(places.bob, foreign.message_id or 0, "nbb:more:.*", ["delete"])
            await until_said(wire, refused, "Only")
            two = await places.painted(places.alice, places.between, "two more", count=2)
            assert len(wire.books.messages[two.message_id or 0].files) == 2
            over = await wire.slash(places.alice, places.foreign, "imagine", prompt="too much")
            await until_said(wire, over, "Nothing was charged.")
        assert places.posted_in(places.foreign) == places.posted_in(places.between) == []
        assert rivya.books.total_charged == 7 * PICTURE_CREDITS
        assert all(task.prompt != "too much" for task in rivya.books.tasks)
        report = await audited(tmp_path)
        assert (report.findings, report.open_holds) == ((), 0)


async def test_where_the_token_is_dead_it_comes_by_direct_message_and_by_no_channel(tmp_path: Path) -> None:
    async with both(task_s=(3.0, 3.5)) as (wire, rivya):
        places = Places(wire)
        async with running(tmp_path, wire, rivya, PERSONAL_CREDITS_PER_MONTH=ALLOWANCE):
            for prompt, channel in (("out there", places.foreign), ("between us", places.between)):
                asked = await wire.slash(places.alice, channel, "imagine", prompt=prompt)
                await wire.until(
                    lambda prompt=prompt: prompt in {task.prompt for task in rivya.books.tasks}, PATIENCE_S
                )
                wire.people.expire_token(asked.id)
                await wire.until(lambda prompt=prompt: wire.books.pictures(containing=prompt), PATIENCE_S)
                (result,) = wire.books.pictures(containing=prompt)
                assert (result.channel_id, asked.posts) == (places.direct, 0)
            # It is a result like any other there.
            again = await wire.click(places.alice, result.id, "nbb:redo:.*")
            await wire.until(lambda: again.shown_ms, PATIENCE_S)
        assert places.posted_in(places.foreign) == places.posted_in(places.between) == []
        assert rivya.books.total_charged == 3 * PICTURE_CREDITS
        report = await audited(tmp_path)
        assert (report.findings, report.open_holds) == ((), 0)


async def test_delete_takes_it_away_wherever_it_stands(tmp_path: Path) -> None:
    async with both(task_s=(1.0, 1.5)) as (wire, rivya):
        places = Places(wire)
        async with running(tmp_path, wire, rivya, PERSONAL_CREDITS_PER_MONTH="60"):
            spots = {"directly": places.direct, "between us": places.between, "for me alone": places.foreign}
            *found, late = await asyncio.gather(
                *(places.painted(places.alice, spots[words], words, private="alone" in words) for words in spots),
                places.painted(places.alice, places.foreign, "until a restart"),
            )
            made = dict(zip(spots, found, strict=True))
            for words, asked in made.items():
                if asked.channel_id != places.direct and not asked.ephemeral:
                    refused = await _delete(wire, places.bob, asked.message_id or 0)
                    assert "Only whoever made this" in refused.text
                question = await _delete(wire, places.alice, asked.message_id or 0)
                assert question.ephemeral
                assert wire.books.pictures(containing=words), "it is asked first"
                await wire.click(places.alice, question.id, "nbb:delete:.*")
                await wire.until(lambda question=question: "Deleted." in question.text, PATIENCE_S)
                assert wire.books.pictures(containing=words) == []
            before = await _delete(wire, places.alice, late.message_id or 0)
        async with running(tmp_path, wire, rivya, PERSONAL_CREDITS_PER_MONTH="60"):
            # The press that could have deleted it is forgotten; the next one can.
            await wire.click(places.alice, before.id, "nbb:delete:.*")
            await wire.until(lambda: "Choose Delete under the picture once more" in before.text, PATIENCE_S)
            question = await _delete(wire, places.alice, late.message_id or 0)
            await wire.click(places.alice, question.id, "nbb:delete:.*")
            await wire.until(lambda: "Deleted." in question.text, PATIENCE_S)
            assert wire.books.pictures(containing="until a restart") == []
            history = await wire.slash(places.alice, places.direct, "history")
            for words in (*made, "until a restart"):
                await until_said(wire, history, words)
        assert places.posted_in(places.foreign) == places.posted_in(places.between) == []
        assert rivya.books.total_charged == 4 * PICTURE_CREDITS
        report = await audited(tmp_path)
        assert (report.findings, report.open_holds) == ((), 0)


async def _delete(wire: WireServer, user: int, message_id: int) -> MessageRecord:
    """Choose Delete, and return what it is answered with: by itself, or beside the message that stays."""
    chosen = await wire.select(user, message_id, "nbb:more:.*", ["delete"])

    def answer() -> MessageRecord | None:
        ids = [*chosen.followup_ids, *([chosen.message_id] if chosen.message_id != message_id else [])]
        return next(
            (wire.books.messages[one] for one in ids if one is not None and wire.books.messages[one].text), None
        )

    await wire.until(answer, PATIENCE_S)
    found = answer()
    assert found is not None
    return found


async def test_where_it_is_off_commands_are_for_servers_and_what_is_forged_is_refused(tmp_path: Path) -> None:
    async with both() as (wire, rivya):
        places = Places(wire)
        async with running(tmp_path, wire, rivya, PERSONAL_CREDITS_PER_MONTH=ALLOWANCE):
            everywhere = await registered(wire)
            assert {command["name"]: command["integration_types"] for command in everywhere} == {
                command["name"]: [BY_SERVER] if command["name"] in FOR_SERVERS else [BY_SERVER, BY_PERSON]
                for command in everywhere
            }
            before = await places.painted(places.alice, places.foreign, "while it was on")
        async with running(tmp_path, wire, rivya, PERSONAL_CREDITS_PER_MONTH="0"):
            now = await registered(wire)
            assert {command["name"] for command in now} == {command["name"] for command in everywhere}
            assert all(command["integration_types"] == [BY_SERVER] for command in now)
            assert {command["name"]: command["contexts"] for command in now} == {
                command["name"]: [IN_SERVER, IN_DIRECT] if command["name"] in DIRECT_TOO else [IN_SERVER]
                for command in now
            }
            # A message that still stands there, and commands as an older registration had them.
            pressed = await wire.click(places.alice, before.message_id or 0, "nbb:redo:.*")
            await until_said(wire, pressed, "I paint in servers only.")
            await registered(wire, [_for_everywhere(command) for command in now])
            for channel in (places.direct, places.foreign, places.between):
                forged = await wire.slash(places.alice, channel, "imagine", prompt="forged")
                message = await until_said(wire, forged, "I paint in servers only.")
                assert "Nothing was charged." in message.text.replace("*", "")
        assert [task.prompt for task in rivya.books.tasks] == ["while it was on"]
        assert rivya.books.total_charged == PICTURE_CREDITS
        report = await audited(tmp_path)
        assert (report.findings, report.open_holds) == ((), 0)


async def registered(wire: WireServer, commands: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Read the application's commands, or put others in their place, by the bot's token."""
    headers = {"Authorization": f"Bot {wire.environment['DISCORD_TOKEN']}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        async with http.get(f"{wire.api_url}/oauth2/applications/@me") as answer:
            application_id = (await answer.json())["id"]
        url = f"{wire.api_url}/applications/{application_id}/commands"
        async with http.request("GET" if commands is None else "PUT", url, json=commands) as answer:
            assert answer.status == 200
            found: list[dict[str, Any]] = await answer.json()
            return found


def _for_everywhere(command: dict[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in command.items() if name not in {"id", "application_id"}}
    return {**said, "integration_types": [BY_SERVER, BY_PERSON], "contexts": [0, 1, 2]}
