"""The ways by which people ask for a picture, and what each of them begins from."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, ClassVar

from simcord.backend.errors import BackendError, SetupError

from bot.generations.house import House
from bot.sandbox.wire import InteractionRecord, MessageRecord
from bot.storage import open_database
from tests.crash.pictures import image
from tests.crash.world import Ask, World

BLOCKED = "harbour"
"""What an admin of the server allows no prompt to have."""
FORM_S = 4.0
"""Real seconds until somebody whose form does not open presses again."""
LAST_WORDS_S = 0.3
"""Real seconds in which a bot that was to die when its form opened has died."""
NOT_POSSIBLE = (SetupError, BackendError, ValueError)
"""What the wire says when a person does what can't be done (any more)."""


class Way:
    """One way of asking.

    ``batch``: what it begins from was posted by an earlier life of the bot, for so many rounds at once; None: by
    people, just before. What is posted by the bot may be out of date after some minutes, so a batch is small.
    """

    batch: ClassVar[int | None] = None
    asks_again: ClassVar[bool] = False

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> Any:
        """Make what is pressed, sent off or answered later, and return it."""

    async def ask(self, world: World, prompt: str, options: dict[str, Any], begun: Any) -> Ask:
        """Ask."""
        raise NotImplementedError

    async def ask_again(self, world: World, ask: Ask, begun: Any) -> Ask | None:
        """Do what somebody does who sees that nothing comes; None when there is nothing to do."""
        return None


class Command(Way):
    """/imagine."""

    async def ask(self, world: World, prompt: str, options: dict[str, Any], begun: Any) -> Ask:
        """Use it."""
        return await world.ask(0, prompt, **options)


class Again(Way):
    """The button under a result."""

    batch = 20

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> Ask:
        """Have a result posted; what comes of the button has the same prompt."""
        return await _result(world, prompt, options)

    async def ask(self, world: World, prompt: str, options: dict[str, Any], begun: Ask) -> Ask:
        """Press it."""
        return _asked(world, prompt, await press(world, begun.interaction, "nbb:redo:.*"))


class Variations(Again):
    """The choice under More: four at once, of a model of which so many are not asked about."""

    count = 4

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> Ask:
        """Have a result of that model posted."""
        return await _result(world, prompt, {**options, "model": "nano-banana"})

    async def ask(self, world: World, prompt: str, options: dict[str, Any], begun: Ask) -> Ask:
        """Choose it."""
        message_id = begun.interaction.message_id or 0
        chosen = await world.wire.select(world.members[0], message_id, "nbb:more:.*", ["variations.12"])
        return _asked(world, prompt, chosen, count=self.count)


class Form(Way):
    """A form, sent off: an interaction was answered with it."""

    asks_again = True

    async def send(self, world: World, prompt: str, begun: InteractionRecord) -> Ask:
        """Send it off, with one more reference."""
        filled = {"prompt": prompt, "files": [image("blue", "JPEG")]}
        return _asked(world, prompt, await world.wire.modal_submit(begun.user_id, begun.id, filled))

    async def again(self, world: World, ask: Ask, begun: InteractionRecord) -> Ask | None:
        """A form whose sending was not acknowledged stays open, with everything in it."""
        try:
            again = await self.send(world, ask.prompt, begun)
        except NOT_POSSIBLE:
            return None
        again.expected = "1 fetched"
        return again


class Edit(Form):
    """The form that a result's button opens."""

    batch = 20

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> InteractionRecord:
        """Have a result posted, and its form opened."""
        source = await _result(world, prompt.replace(",", " (its source),", 1), options)
        opened = await press(world, source.interaction, "nbb:edit:.*")
        assert await world.until(lambda: opened.modal)
        return opened

    async def ask(self, world: World, prompt: str, options: dict[str, Any], begun: InteractionRecord) -> Ask:
        """Send it off to another life of the bot."""
        return await self.send(world, prompt, begun)

    async def ask_again(self, world: World, ask: Ask, begun: InteractionRecord) -> Ask | None:
        """Send it off again, if it is still open."""
        return await self.again(world, ask, begun)


class OpenedForm(Form):
    """A form that is opened as a part of the asking."""

    async def open(self, world: World, begun: Any) -> InteractionRecord:
        """Have it opened."""
        raise NotImplementedError

    async def ask(self, world: World, prompt: str, options: dict[str, Any], begun: Any) -> Ask:
        """Open it, and send it off when it stands there, unless the bot has died by then."""
        used = await self.open(world, begun)
        await world.until(lambda: used.modal or not world.alive)
        if used.modal is None or await world.until(lambda: not world.alive, LAST_WORDS_S):
            return _asked(world, prompt, used)
        ask = await self.send(world, prompt, used)
        ask.opened_by = used
        return ask

    async def ask_again(self, world: World, ask: Ask, begun: Any) -> Ask | None:
        """Send off the form, if it is open; else have it opened again."""
        opened = ask.opened_by or ask.interaction
        if opened.modal is not None:
            return await self.again(world, ask, opened)
        again = await self.ask(world, ask.prompt, {}, begun)
        again.expected = "1 fetched"
        return again


class Menu(OpenedForm):
    """The menu of somebody's message, and the form that it opens."""

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> int:
        """Have somebody post images."""
        return await _posted_by_somebody(world)

    async def open(self, world: World, begun: int) -> InteractionRecord:
        """Choose it."""
        return await world.wire.message_menu(world.members[0], begun, "Use as reference")


class Rewriting(OpenedForm):
    """The button of a refusal for a blocked word, and the form that it opens over what was refused."""

    batch = 20

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> InteractionRecord:
        """Have it refused."""
        async with self._one_at_a_time:
            await self._block(world)
        refused = f"{BLOCKED}, then {prompt}"
        used = await world.wire.slash(world.members[0], world.channel, "imagine", prompt=refused, **options)
        assert await world.until(lambda: "Change the prompt" in _words(world, used))
        return used

    async def open(self, world: World, begun: InteractionRecord) -> InteractionRecord:
        """Press the button."""
        return await press(world, begun, "nbb:rewrite:.*")

    async def send(self, world: World, prompt: str, begun: InteractionRecord) -> Ask:
        """Send the form off with another prompt; all else is in it."""
        return _asked(world, prompt, await world.wire.modal_submit(begun.user_id, begun.id, {"prompt": prompt}))

    async def _block(self, world: World) -> None:
        """Let an admin block the word, once."""
        if world.rows("SELECT 1 FROM house_rules WHERE terms LIKE ?", f"%{BLOCKED}%"):
            return
        admin = world.wire.people.add_member(world.guild, "admin", administrator=True)
        shown = await world.wire.slash(admin, world.channel, "settings")
        assert await world.until(lambda: _words(world, shown))
        await world.wire.select(admin, shown.message_id or 0, "nbb:set:go", ["words"])
        message = world.wire.books.messages[shown.message_id or 0]
        assert await world.until(lambda: "Blocked words" in message.text and len(message.versions) > 1)
        opened = await world.wire.click(admin, message.id, "nbb:set:words")
        assert await world.until(lambda: opened.modal)
        await world.wire.modal_submit(admin, opened.id, {"words": BLOCKED})
        assert await world.until(lambda: "1 blocked words now." in message.text)


class Insisting(Form):
    """A form whose button is pressed again, where it does not open."""

    def __init__(self, way: OpenedForm) -> None:
        self._way = way

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> Any:
        """As that way begins."""
        return await self._way.begin(world, prompt, options)

    async def ask(self, world: World, prompt: str, options: dict[str, Any], begun: Any) -> Ask:
        """Press, once more if need be, and send the form off."""
        used = await self._way.open(world, begun)
        if not await world.until(lambda: used.modal or _words(world, used), FORM_S) or used.modal is None:
            used = await self._way.open(world, begun)
            await world.until(lambda: used.modal, FORM_S)
        return await self._way.send(world, prompt, used) if used.modal else _asked(world, prompt, used)


class Tray(Form):
    """The form over what lies in one's tray."""

    batch = 20

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> InteractionRecord:
        """Collect somebody's images, and have the form opened."""
        async with self._one_at_a_time:
            posted = await _posted_by_somebody(world)
            collected = await world.wire.message_menu(world.members[0], posted, "Add to my tray")
            assert await world.until(lambda: _words(world, collected))
            shown = await world.wire.slash(world.members[0], world.channel, "tray")
            assert await world.until(lambda: "Your tray" in _words(world, shown))
            opened = await press(world, shown, "nbb:tray:use")
            assert await world.until(lambda: opened.modal)
        return opened

    async def ask(self, world: World, prompt: str, options: dict[str, Any], begun: InteractionRecord) -> Ask:
        """Send it off."""
        return await self.send(world, prompt, begun)

    async def ask_again(self, world: World, ask: Ask, begun: InteractionRecord) -> Ask | None:
        """Send it off again, if it is still open."""
        return await self.again(world, ask, begun)


class Confirmation(Way):
    """The button of what costs so much that it is asked about first."""

    batch = 5
    asks_again = True
    count = 3
    button = "nbb:paint:[^:]*:24"

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> InteractionRecord | MessageRecord:
        """Have it asked."""
        used = await world.wire.slash(
            world.members[0], world.channel, "imagine", prompt=prompt, count=self.count, **options
        )
        assert await world.until(lambda: "until you agree" in _words(world, used))
        return used

    async def ask(
        self, world: World, prompt: str, options: dict[str, Any], begun: InteractionRecord | MessageRecord
    ) -> Ask:
        """Agree."""
        return _asked(world, prompt, await press(world, begun, self.button), count=self.count)

    async def ask_again(self, world: World, ask: Ask, begun: InteractionRecord | MessageRecord) -> Ask | None:
        """Press the button again, if it is still there: an offer is taken once, unless nothing came of it."""
        row = world.row_of(ask)
        with suppress(*NOT_POSSIBLE):
            pressed = await press(world, begun, self.button)
            if row is not None and row["state"] != "void":
                await world.until(lambda: pressed.acknowledged_ms is not None)
                return None
            again = _asked(world, ask.prompt, pressed, count=self.count)
            again.expected = f"{self.count} fetched"
            return again
        return None


class MendedOffer(Confirmation):
    """The button of a refusal: the same request, mended."""

    count = 1
    button = "nbb:paint:[^:]*:8"

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> InteractionRecord | MessageRecord:
        """Have what no model takes refused."""
        asked = {**options, "resolution": "8K"}
        used = await world.wire.slash(world.members[0], world.channel, "imagine", prompt=prompt, **asked)
        assert await world.until(lambda: "Use the usual resolution" in _words(world, used))
        return used


class Elsewhere(Confirmation):
    """The button of a refusal in the wrong channel: the same request, in the right one."""

    count = 1
    button = "nbb:there:[^:]*:[^:]*:8"

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> InteractionRecord | MessageRecord:
        """Have it refused, since the server's rules name another channel."""
        if world.studio is None:
            world.studio = world.wire.people.add_channel(world.guild, "studio")
            async with open_database(f"sqlite+aiosqlite:///{world.folder / 'bot.db'}", exclusive=False) as database:
                await House(database, world.clock).change(world.guild, by=1, channels=(world.studio,))
        used = await world.wire.slash(world.members[0], world.channel, "imagine", prompt=prompt, **options)
        assert await world.until(lambda: "Make 1 picture in #studio" in _words(world, used))
        return used

    async def ask(
        self, world: World, prompt: str, options: dict[str, Any], begun: InteractionRecord | MessageRecord
    ) -> Ask:
        """Have it painted there."""
        ask = await super().ask(world, prompt, options, begun)
        ask.elsewhere = world.studio
        return ask

    async def ask_again(self, world: World, ask: Ask, begun: InteractionRecord | MessageRecord) -> Ask | None:
        """Press the button again, if it is still there."""
        again = await super().ask_again(world, ask, begun)
        if again is not None:
            again.elsewhere = world.studio
        return again


class MentionQuestion(Confirmation):
    """The button of the question that a mention without a picture is answered with, where all can see it."""

    count = 1
    button = "nbb:paint:[^:]*:8"

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> InteractionRecord | MessageRecord:
        """Mention the bot, and nothing else."""
        said = await world.wire.say(world.members[0], world.channel, f"<@{world.wire.bot_id}> {prompt}")
        mention = world.wire.books.messages[said]
        assert await world.until(lambda: world.replies_to(mention))
        return world.replies_to(mention)[0]


class Mention(Way):
    """A message that names the bot, with an image attached."""

    async def ask(self, world: World, prompt: str, options: dict[str, Any], begun: int | None) -> Ask:
        """Post it."""
        text = f"<@{world.wire.bot_id}> {prompt}"
        said = await world.wire.say(world.members[0], world.channel, text, files=[image("red")], reply_to=begun)
        return _asked(world, prompt, world.wire.books.messages[said])


class MentionInReply(Mention):
    """The same, in reply to somebody's message with images: needs the message-content intent."""

    async def begin(self, world: World, prompt: str, options: dict[str, Any]) -> int:
        """Have somebody post images."""
        return await _posted_by_somebody(world)


def _asked(world: World, prompt: str, source: InteractionRecord | MessageRecord, *, count: int = 1) -> Ask:
    ask = Ask(prompt, count, False, source)
    world.asks.append(ask)
    return ask


async def _result(world: World, prompt: str, options: dict[str, Any]) -> Ask:
    source = await world.ask(0, prompt, **options)
    assert await world.rest([source])
    return source


async def press(world: World, posted: InteractionRecord | MessageRecord, custom_id: str) -> InteractionRecord:
    """Press a button of what the bot has posted."""
    message_id = posted.id if isinstance(posted, MessageRecord) else posted.message_id or 0
    return await world.wire.click(world.members[0], message_id, custom_id)


async def _posted_by_somebody(world: World) -> int:
    somebody = world.wire.people.add_member(world.guild, "somebody")
    return await world.wire.say(somebody, world.channel, "look", files=[image("green"), image("red")])


def _words(world: World, used: InteractionRecord) -> str:
    message = world.wire.books.messages.get(used.message_id or 0)
    return message.text if message is not None else ""
