"""What members, admins, the operator and the engine do: to the bot by its own doors, and to the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.credits.quotas import QuotaExceeded
from bot.generations.operator_desk import Allowance, DeskRefused
from bot.generations.quota_changes import GrantChange, RefundChange, RuleRemoval, ZoneChange
from bot.generations.quota_desk import ChangeRefused
from bot.generations.refusals import OutOfBounds, ServerPaused, TooManyAtOnce, TooManyRunning
from bot.generations.repository import GenerationsRepository
from bot.generations.settling import end_with_picture, end_without_picture
from bot.generations.states import PictureState
from bot.generations.values import GenerationRequest
from bot.storage import Connection
from tests.quotas.model import DAY_MS, SERVER_A_MONTH, Asked, Grant, Model, Person, Picture, Said, Which
from tests.quotas.server import RESULT, Server, values_of

BEYOND = {"models": "you can't use", "size": "your pictures have at most", "count": "you can ask for at most"}
"""What a refusal says of each."""
OPEN = {PictureState.HELD, PictureState.SUBMITTING, PictureState.PAINTING, PictureState.OVERDUE}


def _same(came: Any, expected: Any) -> None:
    """Pytest explains the assertions of tests only."""
    assert came == expected, f"{came} instead of {expected}"


class _Plain:
    def aim(self, model: Model) -> None:
        pass


# --- members ---


@dataclass
class Ask(_Plain):
    """A member asks for pictures."""

    asked: Asked
    thread: bool = False
    taken: str | None = None

    async def do(self, server: Server) -> Any:
        asked = self.asked
        options = {"resolution": f"{asked.size}K"} if asked.size is not None else {}
        request = GenerationRequest(prompt="a red bicycle", model=asked.model, options=options, count=asked.count)
        try:
            accepted = await server.core.generations.accept(request, server.origin(asked, thread=self.thread))
        except ServerPaused:
            return ("paused",)
        except OutOfBounds as error:
            return ("beyond", *(what for what, words in BEYOND.items() if words in error.user_message))
        except TooManyAtOnce:
            return ("at once",)
        except TooManyRunning as error:
            return ("running", error.scope.value, error.running, error.limit)
        except QuotaExceeded as error:
            return ("credits", error.scope.value, error.left_credits)
        self.taken = accepted.request_id
        return accepted.cost_credits

    def check(self, model: Model, came: Any) -> None:
        refusal = model.refusal(self.asked)
        _same(came, model.cost(self.asked) if refusal is None else refusal)
        if self.taken is not None:
            model.take(self.asked, self.taken)


@dataclass
class Unseen(_Plain):
    """Discord has not shown that a request was taken: nothing comes of it."""

    request: str

    async def do(self, server: Server) -> Any:
        return await server.core.generations.not_acknowledged(self.request)

    def check(self, model: Model, came: Any) -> None:
        _same(came, True)
        for picture in model.pictures.values():
            if picture.request == self.request and picture.state == "held":
                model.fail(picture)


# --- admins ---


@dataclass
class SetRule:
    """An admin sets a rule, or removes it (``said`` None); not if somebody has changed it since they looked."""

    which: Which
    said: Said | None
    seen: Said | None = None

    def aim(self, model: Model) -> None:
        self.seen = model.rules.get(self.which)

    async def do(self, server: Server) -> Any:
        before = values_of(self.seen) if self.seen is not None else None
        scope, subject_id = server.subject(self.which)
        change: Any
        if self.said is not None:
            change = server.rule(self.which, self.said, before)
        elif before is not None:
            change = RuleRemoval(scope=scope, subject_id=subject_id, before=before)
        else:
            return True
        try:
            await server.core.quotas.change(server.guild_id, change, by=9, event_id=server.event())
        except ChangeRefused:
            return False
        return True

    def check(self, model: Model, came: Any) -> None:
        if self.seen is None and self.said is None:
            return
        _same(came, model.rules.get(self.which) == self.seen)
        if came and self.said is not None:
            model.rules[self.which] = self.said
        elif came:
            del model.rules[self.which]


@dataclass
class Give(_Plain):
    """An admin grants extra credits."""

    person: Person
    amount: int
    days: int | None

    async def do(self, server: Server) -> Any:
        user_id = server.user_id(self.person.number)
        change = GrantChange(user_id=user_id, credits=self.amount, days=self.days, reason="thanks")
        await server.core.quotas.change(server.guild_id, change, by=9, event_id=server.event())

    def check(self, model: Model, came: Any) -> None:
        expires_at_ms = None if self.days is None else model.now_ms + self.days * DAY_MS
        model.grants.append(Grant(self.person.number, self.amount, expires_at_ms))


@dataclass
class Zone(_Plain):
    """An admin sets the time zone."""

    name: str

    async def do(self, server: Server) -> Any:
        change = ZoneChange(name=self.name)
        await server.core.quotas.change(server.guild_id, change, by=9, event_id=server.event())

    def check(self, model: Model, came: Any) -> None:
        model.zone = self.name


@dataclass
class Refund:
    """An admin gives back a part of what a picture cost: the ``nth`` that was paid for, counted from the newest."""

    nth: int
    amount: int
    picture: Picture | None = None

    def aim(self, model: Model) -> None:
        paid = [picture for picture in model.pictures.values() if picture.charged is not None]
        self.picture = self.picture or _nth_newest(paid, self.nth)

    async def do(self, server: Server) -> Any:
        if self.picture is None:
            return False
        change = RefundChange(picture_id=self.picture.name, credits=self.amount, reason="blurred")
        try:
            await server.core.quotas.change(server.guild_id, change, by=9, event_id=server.event())
        except ChangeRefused:
            return False
        return True

    def check(self, model: Model, came: Any) -> None:
        if self.picture is not None:
            _same(came, model.refund(self.picture, self.amount))


# --- the operator ---


@dataclass
class Pause(_Plain):
    """The operator pauses the server, or takes its requests again."""

    on: bool

    async def do(self, server: Server) -> Any:
        pauses = server.pauses
        change = server.operator.pause if self.on else server.operator.resume
        try:
            changed = await change(server.guild_id, by=8, reason="a look", event_id=server.event())
        except DeskRefused:
            return False
        assert (changed.stands.paused_at_ms is not None) == self.on
        assert not self.on or server.pauses > pauses, "the engine was not told"
        return True

    def check(self, model: Model, came: Any) -> None:
        _same(came, model.paused != self.on)
        model.paused = self.on


@dataclass
class Allow(_Plain):
    """The operator sets what the server may spend a month: so many credits, any number (None), or as all do."""

    own: bool
    credits: int | None

    async def do(self, server: Server) -> Any:
        allowance = Allowance(self.own, self.credits if self.own else None)
        await server.operator.allow(server.guild_id, allowance, by=8, reason="asked", event_id=server.event())

    def check(self, model: Model, came: Any) -> None:
        model.server_a_month = self.credits if self.own else SERVER_A_MONTH


# --- the engine ---


@dataclass
class GiveBackPaused(_Plain):
    """What waits in a server that is paused is given back; what was sent goes on."""

    async def do(self, server: Server) -> Any:
        await server.core.engine.give_back_where_paused()

    def check(self, model: Model, came: Any) -> None:
        for picture in model.pictures.values():
            if model.paused and picture.state == "held":
                model.fail(picture)


@dataclass
class Drive:
    """A picture goes on: it is ``sent``, it is late (``rests``), it is ``made`` or it ``fails``.

    It is the ``nth`` that is open, counted from the newest. ``beyond`` the price that was shown it may cost.
    """

    nth: int
    how: str
    beyond: int = 0
    picture: Picture | None = None
    final: int = 0

    def aim(self, model: Model) -> None:
        is_open = [picture for picture in model.pictures.values() if picture.state != "over"]
        self.picture = self.picture or _nth_newest(is_open, self.nth)
        if self.picture is not None:
            self.final = max(self.picture.price + self.beyond, 0)

    async def do(self, server: Server) -> Any:
        if self.picture is None:
            return None
        name, final, now_ms, how = self.picture.name, self.final, server.bot.clock.ms, self.how

        async def work(tx: Connection) -> Any:
            if how == "fails":
                ended = await end_without_picture(
                    tx, name, OPEN, PictureState.FAILED, now_ms=now_ms, failure_code="internal"
                )
                return ended is not None
            pictures = GenerationsRepository(tx).pictures
            await pictures.move(name, {PictureState.HELD}, PictureState.SUBMITTING)
            sent = await pictures.move(name, {PictureState.SUBMITTING}, PictureState.PAINTING)
            if how == "sent":
                return sent
            if how == "rests":
                return await pictures.move(name, {PictureState.PAINTING}, PictureState.OVERDUE)
            late = {PictureState.PAINTING, PictureState.OVERDUE}
            await pictures.move(name, late, PictureState.FETCHING, final_credits=final)
            captured = await end_with_picture(tx, name, RESULT, now_ms=now_ms)
            return captured.charged_credits if captured is not None else None

        return await server.database.write(work)

    def check(self, model: Model, came: Any) -> None:
        picture = self.picture
        if picture is None:
            return
        before = picture.state
        if self.how == "made":
            _same(came, model.make(picture, self.final) if before != "over" else None)
        elif self.how == "fails":
            _same(came, before != "over")
            if came:
                model.fail(picture)
        elif self.how == "sent":
            _same(came, before == "held")
            picture.state = "sent" if came else before
        else:
            _same(came, before in {"held", "sent"})
            picture.state = "resting" if came else before


def _nth_newest(pictures: list[Picture], nth: int) -> Picture | None:
    return pictures[-1 - nth % len(pictures)] if pictures else None
