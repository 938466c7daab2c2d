"""The bot's own side: its real doors over a real database, and the order in which it carried things out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Protocol

from bot.app import Core, build_core
from bot.config import load_settings
from bot.credits.quota_rules import Scope, Spender
from bot.credits.quotas import SpendingPolicy
from bot.credits.windows import Period
from bot.generations.operator_desk import OperatorDesk
from bot.generations.quota_changes import RuleChange
from bot.generations.settling import StoredResult
from bot.generations.values import Origin, Standing
from bot.rivya import open_http
from bot.storage import Connection, Database, open_database
from tests.clocks import TestClock
from tests.quotas.model import AT_ONCE, MEMBER_A_MONTH, SERVER_A_MONTH, Asked, Model, Person, Said, Which
from tests.world import Attachments, Recorder

POLICY = SpendingPolicy(MEMBER_A_MONTH, SERVER_A_MONTH, None)
RESULT = StoredResult("none.png", "image/png", 8, 8, 1, "0" * 64)
_NOW_DOING: ContextVar[int] = ContextVar("now_doing")


class StillClock:
    """Stands where the machine puts it."""

    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        return self.ms

    async def sleep(self, _seconds: float) -> None:
        raise AssertionError("nothing here takes time")


class Act(Protocol):
    """Something that somebody does, once here and once in the model."""

    def aim(self, model: Model) -> None:
        """Choose what it is done to, by what can be seen before."""

    async def do(self, server: Server) -> Any:
        """Do it to the bot, in one transaction or in none."""

    def check(self, model: Model, came: Any) -> None:
        """Do it to the model, and compare."""


@dataclass
class Bot:
    """A core whose engine does nothing by itself."""

    core: Core
    database: Database
    clock: StillClock
    carried_out: list[int] = field(default_factory=list)
    servers: Any = field(default_factory=lambda: count(1))


@asynccontextmanager
async def open_bot(folder: Path) -> AsyncIterator[Bot]:
    """Put the bot together over a database of its own. It asks nothing of the network, and Discord shows nothing."""
    settings = load_settings(
        None,
        discord_token="discord-token-of-a-test",
        rivya_api_key="rvya_sk_sandbox",
        rivya_base_url="http://127.0.0.1:9",
        database_url=f"sqlite+aiosqlite:///{folder / 'bot.db'}",
        data_dir=folder,
        disk_reserve_bytes=0,
        member_credits_per_month=MEMBER_A_MONTH,
        guild_credits_per_month=SERVER_A_MONTH,
        account_credits_per_day=None,
        max_running_per_member=AT_ONCE,
        max_waiting=1000,
    )
    ids, clock = count(1), StillClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.database_url))
        core = await build_core(
            settings,
            database=database,
            http=await stack.enter_async_context(open_http(settings.rivya_base_url)),
            delivery=Recorder(TestClock()),
            fetcher=Attachments(),
            clock=clock,
            rng=Random(1),
            ids=lambda: f"{next(ids):016x}",
        )
        await core.engine.abandon()
        core.store.free_bytes = lambda: 2**60  # type: ignore[method-assign] - the machine's disk says nothing here
        bot = Bot(core, database, clock)
        _note_order(bot)
        yield bot


def _note_order(bot: Bot) -> None:
    """Have every transaction say when it is carried out: they are one after another, whoever began them when."""
    write = bot.database.write

    async def noted(work: Any) -> Any:
        which = _NOW_DOING.get(-1)

        async def and_noted(tx: Connection) -> Any:
            bot.carried_out.append(which)
            return await work(tx)

        return await write(and_noted)

    bot.database.write = noted  # type: ignore[method-assign]


class Server:
    """One server of the bot's, with the model of it."""

    def __init__(self, bot: Bot, model: Model) -> None:
        self.bot, self.model = bot, model
        self.core, self.database = bot.core, bot.database
        self.number = next(bot.servers)
        self.guild_id = 10_000 + self.number
        self.pauses = 0
        self.operator = OperatorDesk(bot.database, bot.core.account, POLICY, bot.clock, paused=self._told_of_a_pause)
        self._names = count(1)
        for (name, size), credits_each in model.prices.items():
            bot.core.catalogue.learn_price(name, f"{size}K" if size else None, credits_each)

    def _told_of_a_pause(self) -> None:
        self.pauses += 1

    def event(self) -> str:
        return f"{self.number}-{next(self._names)}"

    def user_id(self, number: int) -> int:
        return self.guild_id * 10 + number

    def channel_id(self, channel: int) -> int:
        return self.guild_id * 100 + channel

    def spender(self, person: Person, channel: int) -> Spender:
        user_id, channel_id = self.user_id(person.number), self.channel_id(channel)
        return Spender(user_id, self.guild_id, person.roles, person.joined_at_ms, channel_id)

    def origin(self, asked: Asked, *, thread: bool) -> Origin:
        channel_id = self.channel_id(asked.channel)
        return Origin(
            source_kind="interaction",
            source_id=self.event(),
            user_id=self.user_id(asked.person.number),
            guild_id=self.guild_id,
            channel_id=channel_id + 50 if thread else channel_id,
            parent_channel_id=channel_id if thread else None,
            application_id=1,
            interaction_token="token",
            token_expires_at_ms=self.bot.clock.ms + 900_000,
            upload_limit_bytes=10 << 20,
            standing=Standing(asked.person.roles, asked.person.joined_at_ms),
        )

    def subject(self, which: Which) -> tuple[Scope, int]:
        scope, number = which
        if scope == "member":
            number = self.user_id(number)
        elif scope == "channel":
            number = self.channel_id(number)
        return Scope(scope), number

    def rule(self, which: Which, said: Said, before: dict[str, Any] | None) -> RuleChange:
        scope, subject_id = self.subject(which)
        return RuleChange(scope=scope, subject_id=subject_id, before=before, **values_of(said))

    async def together(self, acts: Sequence[Act]) -> None:
        """Do everything at the same time; then let the model do it in the order in which the bot has done it."""
        self.bot.clock.ms = self.model.now_ms
        for act in acts:
            act.aim(self.model)

        async def one(number: int, act: Act) -> Any:
            _NOW_DOING.set(number)
            for _ in range(number * 7 % 3):  # not always one after the other as they stand here
                await asyncio.sleep(0)
            return await act.do(self)

        self.bot.carried_out.clear()
        came = await asyncio.gather(*(one(number, act) for number, act in enumerate(acts)))
        last = {number: place for place, number in enumerate(self.bot.carried_out)}
        # What came to no transaction at all had nothing to be done to.
        for number in sorted(range(len(acts)), key=lambda number: last.get(number, -1)):
            acts[number].check(self.model, came[number])


def values_of(said: Said) -> dict[str, Any]:
    """Return a rule as the bot's plain values."""
    return {
        "period": Period(said.period).value if said.period is not None else None,
        "credits": said.credits,
        "running": said.running,
        "resolution": f"{said.size}K" if said.size is not None else None,
        "models": list(said.models) if said.models is not None else None,
        "count": said.count,
    }
