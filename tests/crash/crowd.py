"""What people do in a storm: they ask in every way that there is, and press whatever they find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from bot.sandbox.wire import InteractionRecord, MessageRecord
from tests.crash.judge import shows_a_picture_of
from tests.crash.pictures import image
from tests.crash.ways import NOT_POSSIBLE
from tests.crash.world import Ask, World

MEMBERS = 6
ANSWER_S = 3.0
"""Real seconds that somebody waits for a form or an offer before turning to something else."""
_OFFERED = 3
"""Pictures that are asked about first: more than CONFIRM_ABOVE_CREDITS allows."""
_OFFERED_CREDITS = 24
_VARIED = 4
_VARIED_CREDITS = 32


@dataclass(eq=False)
class _Form:
    """A form that was asked for, with the files that are added to it."""

    opened: InteractionRecord
    files: bool
    private: bool


@dataclass(eq=False)
class _Offer:
    """What somebody may still agree to."""

    used: InteractionRecord
    prompt: str
    private: bool
    count: int = _OFFERED
    cost_credits: int = _OFFERED_CREDITS
    reworded: bool = False


class Crowd:
    """The people of one storm. ``done`` counts what they did, by kind; what could not be done is not in it."""

    def __init__(self, world: World, name: str) -> None:
        self.done: Counter[str] = Counter()
        self._world = world
        self._name = name
        self._prompts = 0
        self._forms: list[_Form] = []
        self._offers: list[_Offer] = []
        self._kinds: tuple[tuple[str, int, Callable[[Random], Awaitable[bool]]], ...] = (
            ("command", 5, self._command),
            ("asked first", 3, self._asked_first),
            ("again", 2, self._again),
            ("larger", 1, self._larger),
            ("variations", 1, self._variations),
            ("edit", 2, lambda rng: self._derive(rng, "edit")),
            ("remix", 1, lambda rng: self._derive(rng, "remix")),
            ("menu", 2, self._menu),
            ("tray", 2, self._tray),
            ("mention", 2, self._mention),
            ("mention in reply", 1, self._mention_in_reply),
            ("delete", 1, self._delete),
        )

    async def act(self, rng: Random) -> None:
        """Let somebody do something. What it takes may not be there (yet): then it is a command."""
        kind, _, deed = rng.choices(self._kinds, [weight for _, weight, _ in self._kinds])[0]
        for name, act in ((kind, deed), ("command", self._command)):
            with suppress(*NOT_POSSIBLE):
                if await act(rng):
                    self.done[name] += 1
                    return
            if not self._world.alive:
                return

    async def follow_up(self, rng: Random) -> None:
        """Let somebody take up what was left: an open form, an offer, a card with Cancel."""
        share = rng.random()
        with suppress(*NOT_POSSIBLE):  # it is gone, or was dealt with
            if share < 0.25 and self._world.asks:
                await self._cancel(rng.choice(self._world.asks))
            elif share < 0.45 and self._forms:
                await self._send_off(rng, rng.choice(self._forms))
            elif share < 0.65 and self._offers:
                await self._decide(rng, rng.choice(self._offers))

    # --- by themselves ---

    async def _command(self, rng: Random) -> bool:
        await self._world.ask(rng.randrange(MEMBERS), self._prompt(), count=rng.choice((1, 1, 2)), **_options(rng))
        return True

    async def _mention(self, rng: Random, *, reply_to: int | None = None) -> bool:
        world, prompt = self._world, self._prompt()
        text = f"<@{world.wire.bot_id}> {prompt}"
        member = rng.choice(world.members)
        said = await world.wire.say(member, world.channel, text, files=[image("red")], reply_to=reply_to)
        self._asked(prompt, world.wire.books.messages[said])
        return True

    async def _mention_in_reply(self, rng: Random) -> bool:
        return await self._mention(rng, reply_to=await self._posted_by_somebody(rng))

    async def _menu(self, rng: Random) -> bool:
        world, posted = self._world, await self._posted_by_somebody(rng)
        used = await world.wire.message_menu(rng.choice(world.members), posted, "Use as reference")
        return await self._opened(rng, _Form(used, files=True, private=False))

    async def _tray(self, rng: Random) -> bool:
        world, member = self._world, rng.choice(self._world.members)
        added = await world.wire.message_menu(member, await self._posted_by_somebody(rng), "Add to my tray")
        if not await self._soon(lambda: self._words(added)):
            return False
        shown = await world.wire.slash(member, world.channel, "tray")
        if not await self._soon(lambda: "Your tray" in self._words(shown)):
            return False
        used = await world.wire.click(member, shown.message_id or 0, "nbb:tray:use")
        return await self._opened(rng, _Form(used, files=True, private=False))

    async def _asked_first(self, rng: Random) -> bool:
        world, prompt, options = self._world, self._prompt(), _options(rng)
        used = await world.wire.slash(
            rng.choice(world.members), world.channel, "imagine", prompt=prompt, count=_OFFERED, **options
        )
        return await self._offered(rng, _Offer(used, prompt, private=options.get("private", False)))

    async def _offered(self, rng: Random, offer: _Offer) -> bool:
        self._offers.append(offer)
        offered = await self._soon(lambda: "until you agree" in self._words(offer.used))
        if offered and rng.random() < 0.6:
            await self._decide(rng, offer)
        return True

    # --- under a result ---

    async def _again(self, rng: Random) -> bool:
        source, message = self._result(rng)
        member = _person(source) if source.private or rng.random() < 0.7 else rng.choice(self._world.members)
        pressed = await self._world.wire.click(member, message.id, "nbb:redo:.*")
        self._asked(source.prompt, pressed, private=source.private, reworded=source.reworded)
        return True

    async def _larger(self, rng: Random) -> bool:
        source, message = self._result(rng)
        chosen = await self._world.wire.select(_person(source), message.id, "nbb:more:.*", ["larger.2K.8"])
        self._asked(source.prompt, chosen, private=source.private, reworded=True)
        return True

    async def _variations(self, rng: Random) -> bool:
        source, message = self._result(rng)
        value = f"variations.{_VARIED_CREDITS}"
        chosen = await self._world.wire.select(_person(source), message.id, "nbb:more:.*", [value])
        offer = _Offer(
            chosen,
            source.prompt,
            private=source.private,
            count=_VARIED,
            cost_credits=_VARIED_CREDITS,
            reworded=source.reworded,
        )
        return await self._offered(rng, offer)

    async def _derive(self, rng: Random, kind: str) -> bool:
        source, message = self._result(rng)
        pressed = await self._world.wire.click(_person(source), message.id, f"nbb:{kind}:.*")
        return await self._opened(rng, _Form(pressed, files=kind == "edit", private=source.private))

    async def _delete(self, rng: Random) -> bool:
        source, message = self._result(rng)
        asked = await self._world.wire.select(_person(source), message.id, "nbb:more:.*", ["delete"])
        if not await self._soon(lambda: self._words(asked)):
            return False
        source.taken_away = True
        await self._world.wire.click(_person(source), asked.message_id or 0, "nbb:delete:.*")
        return True

    def _result(self, rng: Random) -> tuple[Ask, MessageRecord]:
        """Choose one of the results that stand, of one picture; raises ValueError where there is none."""
        found = [
            (ask, message)
            for ask in self._world.asks
            if ask.count == 1 and (row := self._world.row_of(ask)) is not None
            for message in self._world.wire.books.pictures(containing=ask.prompt)
            if shows_a_picture_of(message, row["id"])
        ]
        if not found:
            raise ValueError("there is no result yet")
        return rng.choice(found)

    # --- what is left open ---

    async def _opened(self, rng: Random, form: _Form) -> bool:
        self._forms.append(form)
        if await self._soon(lambda: form.opened.modal) and rng.random() < 0.7:
            await self._send_off(rng, form)
        return True

    async def _send_off(self, rng: Random, form: _Form) -> None:
        """Send a form off; one that was not acknowledged stays open, and may be sent off again."""
        prompt = self._prompt()
        filled: dict[str, Any] = {"prompt": prompt}
        if form.files and rng.random() < 0.5:
            filled["files"] = [image("blue", "JPEG")]
        try:
            sent = await self._world.wire.modal_submit(form.opened.user_id, form.opened.id, filled)
        except NOT_POSSIBLE:
            self._forms.remove(form)
            raise
        self._asked(prompt, sent, private=form.private)
        self.done["form sent off"] += 1

    async def _decide(self, rng: Random, offer: _Offer) -> None:
        self._offers.remove(offer)
        member, message = offer.used.user_id, offer.used.message_id
        if message is None:
            raise ValueError("it was never offered")
        if rng.random() < 0.25:
            await self._world.wire.click(member, message, "nbb:notnow:.*")
            self.done["Not now"] += 1
            return
        pressed = await self._world.wire.click(member, message, f"nbb:paint:[^:]*:{offer.cost_credits}")
        self._asked(offer.prompt, pressed, count=offer.count, private=offer.private, reworded=offer.reworded)
        self.done["Paint it"] += 1

    async def _cancel(self, ask: Ask) -> None:
        card = self._world.answer_to(ask)
        if card is not None:
            await self._world.wire.click(_person(ask), card.id, "nbb:cancel:.*")
            self.done["cancel"] += 1

    # --- below ---

    def _prompt(self) -> str:
        self._prompts += 1
        return f"{self._name}, request {self._prompts}."

    def _asked(
        self,
        prompt: str,
        source: InteractionRecord | MessageRecord,
        *,
        count: int = 1,
        private: bool = False,
        reworded: bool = False,
    ) -> None:
        self._world.asks.append(Ask(prompt, count, private, source, reworded=reworded))

    async def _posted_by_somebody(self, rng: Random) -> int:
        world = self._world
        return await world.wire.say(rng.choice(world.members), world.channel, "look", files=[image("green")])

    async def _soon(self, found: Callable[[], Any]) -> bool:
        await self._world.until(lambda: found() or not self._world.alive, ANSWER_S)
        return bool(found())

    def _words(self, used: InteractionRecord) -> str:
        message = self._world.wire.books.messages.get(used.message_id or 0)
        return message.text if message is not None else ""


def _person(ask: Ask) -> int:
    return ask.source.author_id if isinstance(ask.source, MessageRecord) else ask.source.user_id


def _options(rng: Random) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for position, colour in enumerate(rng.sample(("red", "green", "blue"), rng.choice((0, 0, 1, 2))), start=1):
        options[f"image_{position}"] = image(colour, rng.choice(("PNG", "JPEG")))
    for flag, share in (("private", 0.3), ("notify", 0.3)):
        if rng.random() < share:
            options[flag] = True
    return options
