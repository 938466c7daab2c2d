"""A world in which a bot dies: both services over real sockets, the bot's database, and people who ask for pictures."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.credits.audit import AuditReport, audit
from bot.sandbox.rivya import RivyaSandbox, Variants
from bot.sandbox.wire import InteractionRecord, MessageRecord, WireRules, WireServer
from bot.storage import open_database
from tests.crash.launcher import Launcher, Victim
from tests.crash.victim import SharedClock

SPEED = 20.0
"""The clocks of the bot and of both services go so much faster than the machine's; sockets and disk don't."""
TASK_S = (2.0, 4.0)
AT_REST = frozenset({"shown", "kept", "withdrawn"})
PATIENCE_S = 60.0
"""Real seconds until a request that does not come to its end counts as stuck."""


@dataclass(eq=False)
class Ask:
    """One request of one person, and what the wire knows of it."""

    prompt: str
    count: int
    private: bool
    source: InteractionRecord | MessageRecord
    """The interaction, or the message that mentions the bot."""
    opened_by: InteractionRecord | None = None
    """What was answered with the form that was sent off, where the form is part of the asking."""
    died: bool = False
    """Whether the bot was killed while it was in work."""
    reworded: bool = False
    """Whether what the image service gets has other words before its person's: to have a picture made larger."""
    taken_away: bool = False
    """Whether its person has it deleted: what is not posted by then never is."""
    elsewhere: int | None = None
    """The channel in which it is painted, where that is another one than it was asked for in."""
    point: str = ""
    """Where, if that is known."""
    expected: str = ""
    """What is to come of it (see ``judge.outcome_of``); empty: its pictures, all of them, shown."""

    def is_painted_by(self, prompt: str) -> bool:
        """Whether ``prompt`` is what the image service gets for it."""
        return prompt.endswith(self.prompt) if self.reworded else prompt == self.prompt

    @property
    def interaction(self) -> InteractionRecord:
        """The interaction that it came by; a mention has none."""
        if isinstance(self.source, MessageRecord):
            raise TypeError("a mention is no interaction")
        return self.source


@dataclass(eq=False)
class World:
    """See ``open_world``. ``asks`` are all requests so far; ``starts`` counts processes of the bot."""

    folder: Path
    clock: SharedClock
    wire: WireServer
    rivya: RivyaSandbox
    launcher: Launcher
    settings: dict[str, str]
    guild: int
    channel: int
    members: list[int]
    asks: list[Ask] = field(default_factory=list)
    pace: float = 1.0
    studio: int | None = None
    """The only channel that the server's rules leave, where they leave one."""
    victim: Victim | None = None
    starts: int = 0

    @property
    def alive(self) -> bool:
        """Whether a bot runs."""
        return self.victim is not None and self.victim.code is None

    async def start(self, *, kill_at: str | None = None, kill_after: int | None = None) -> bool:
        """Start the bot and return once it is connected; False when it died before that."""
        if self.alive:
            raise RuntimeError("there is a bot already")
        if self.crashed:
            raise AssertionError(self.crashed)
        identified = self.wire.gateway.identified
        self.starts += 1
        self.victim = self.launcher.start(
            {
                "environment": self.settings,
                "clock": self.clock.order,
                "trace": str(self.trace),
                "log": str(self.log),
                "kill_at": kill_at,
                "kill_after": kill_after,
                "pace": self.pace,
            }
        )
        await self.until(lambda: not self.alive or (self.wire.gateway.identified > identified and self.wire.ready))
        return self.alive

    @property
    def crashed(self) -> str | None:
        """The end of the log of a bot that has ended by itself."""
        if self.victim is None or self.victim.code in {None, -signal.SIGKILL}:
            return None
        return f"exit code {self.victim.code}: {self.log.read_text()[-3000:]}"

    @property
    def log(self) -> Path:
        """Where the running bot writes its log."""
        return self.folder / f"log-{self.starts}.jsonl"

    async def kill(self) -> None:
        """Kill the bot if it runs."""
        if self.victim is not None and self.alive:
            await self.victim.kill()

    @property
    def trace(self) -> Path:
        """Where the running bot writes the points that it passes."""
        return self.folder / f"points-{self.starts}.txt"

    def points(self) -> list[str]:
        """Return the points that the running (or last) bot has passed, in order."""
        return self.trace.read_text().splitlines() if self.trace.exists() else []

    async def ask(self, member: int, prompt: str, **options: Any) -> Ask:
        """Use /imagine."""
        interaction = await self.wire.slash(self.members[member], self.channel, "imagine", prompt=prompt, **options)
        ask = Ask(prompt, options.get("count", 1), options.get("private", False), interaction)
        self.asks.append(ask)
        return ask

    async def cancel(self, ask: Ask) -> None:
        """Press the button under an ask's card, if it is there."""
        if ask.interaction.message_id is not None:
            await self.wire.click(ask.interaction.user_id, ask.interaction.message_id, "nbb:cancel:.*")

    async def until(self, found: Callable[[], Any], timeout_s: float = PATIENCE_S, *, every_s: float = 0.01) -> bool:
        """Return True once ``found`` is true, False after ``timeout_s`` real seconds; asked every ``every_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                while not found():
                    await asyncio.sleep(every_s)
        except TimeoutError:
            return False
        return True

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Read the bot's database."""
        with closing(sqlite3.connect(self.folder / "bot.db", timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(query, values).fetchall()

    def row_of(self, ask: Ask) -> sqlite3.Row | None:
        """Return the request's row with its delivery's state, if it was ever committed."""
        found = self.rows(
            "SELECT r.*, d.state AS delivery, d.first_try_at_ms AS trying,"
            " (SELECT count(*) FROM pictures p WHERE p.request_id = r.id AND p.state NOT IN"
            "  ('fetched', 'failed', 'cancelled', 'lost', 'unknown', 'overdue')) AS in_work"
            " FROM requests r JOIN deliveries d ON d.request_id = r.id WHERE r.source_id = ?",
            str(ask.source.id),
        )
        return found[0] if found else None

    def at_rest(self, ask: Ask) -> bool:
        """Whether nothing more will happen to a request by itself, and its person has been told how it stands."""
        row = self.row_of(ask)
        if row is None:
            return ask.died or self.refused(ask)
        if row["state"] == "void":
            return not self.owes_a_word(ask) or self.void_was_said(ask)
        return bool(row["state"] != "accepted" and not row["in_work"] and row["delivery"] in AT_REST)

    def answer_to(self, ask: Ask) -> MessageRecord | None:
        """Return the bot's first answer: the original response, or the reply to a mention."""
        if ask.elsewhere is not None:
            since = [message for message in self.posted_in(ask.elsewhere) if message.id > ask.source.id]
            return next((message for message in since if not self._is_of_another(message, ask)), None)
        if isinstance(ask.source, InteractionRecord):
            return self.wire.books.messages.get(ask.source.message_id or 0)
        return next(iter(self.replies_to(ask.source)), None)

    def replies_to(self, mention: MessageRecord) -> list[MessageRecord]:
        """Return the bot's replies to a message."""
        return [message for message in self.wire.books.messages.values() if message.reply_to_id == mention.id]

    def posted_in(self, channel_id: int) -> list[MessageRecord]:
        """Return the bot's messages in a channel, oldest first."""
        messages = self.wire.books.messages.values()
        return [m for m in messages if m.channel_id == channel_id and m.author_id == self.wire.bot_id]

    def _is_of_another(self, message: MessageRecord, ask: Ask) -> bool:
        others = [other for other in self.asks if other is not ask and other.elsewhere == ask.elsewhere]
        rows = [row for other in others if (row := self.row_of(other)) is not None]
        return any(row["message_id"] == message.id for row in rows)

    def owes_a_word(self, ask: Ask) -> bool:
        """Whether the person is to hear that a request was not taken.

        Discord itself says so of an interaction that was not acknowledged, but never of a message.
        """
        return isinstance(ask.source, MessageRecord) or ask.source.acknowledged_ms is not None

    def refused(self, ask: Ask) -> bool:
        """Whether the person was told something, and nothing was taken."""
        message = self.answer_to(ask)
        return message is not None and bool(message.text) and self.row_of(ask) is None

    def void_was_said(self, ask: Ask) -> bool:
        """Whether the card says that the request was not taken."""
        message = self.answer_to(ask)
        return message is not None and "Please ask again" in message.text

    async def rest(self, asks: list[Ask]) -> bool:
        """Return once all of ``asks`` rest (True), or the bot has died or patience is over (False)."""
        rested = await self.until(lambda: not self.alive or all(self.at_rest(ask) for ask in asks))
        return rested and self.alive

    async def audit(self) -> AuditReport:
        """Check the books, as ``nano-banana-bot audit`` does."""
        url = f"sqlite+aiosqlite:///{self.folder / 'bot.db'}"
        async with open_database(url, exclusive=False) as database, database.read() as connection:
            return await audit(connection, now_ms=self.clock.now_ms())


@asynccontextmanager
async def open_world(
    launcher: Launcher,
    *,
    variants: dict[str, Any],
    settings: dict[str, str],
    members: int = 1,
    speed: float = SPEED,
    pace: float = 1.0,
    rules: dict[str, Any] | None = None,
) -> AsyncIterator[World]:
    """Give a fresh world without a bot.

    ``speed`` is that of the clocks; ``pace`` is how many times shorter long time-outs are in the bot.
    """
    clock = SharedClock.starting_now(speed=speed)
    given = {"acknowledge_within_s": 3 * speed, **(rules or {})}  # a person's patience is of real seconds
    served = Variants(**{"quick_pictures": True, "task_s": TASK_S, "current_credits": 10_000_000, **variants})
    with tempfile.TemporaryDirectory(prefix="crash-", ignore_cleanup_errors=True) as folder:
        async with (
            WireServer(clock=clock, rules=WireRules(**given)) as wire,
            RivyaSandbox(clock=clock, variants=served) as rivya,
        ):
            guild = wire.people.add_guild()
            world = World(
                folder=Path(folder),
                clock=clock,
                wire=wire,
                rivya=rivya,
                launcher=launcher,
                guild=guild,
                channel=wire.people.add_channel(guild),
                pace=pace,
                members=[wire.people.add_member(guild, f"member{number}") for number in range(members)],
                settings={
                    **wire.environment,
                    "RIVYA_API_KEY": rivya.api_key,
                    "RIVYA_BASE_URL": rivya.url,
                    "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/bot.db",
                    "DATA_DIR": folder,
                    "DISK_RESERVE_BYTES": "0",
                    "MEMBER_CREDITS_PER_MONTH": "",
                    "GUILD_CREDITS_PER_MONTH": "",
                    "ACCOUNT_CREDITS_PER_DAY": "",
                    "MAX_RUNNING_PER_MEMBER": "100",
                    "POLLS_PER_MINUTE": "10000",
                    "IDEMPOTENCY_TRUST_S": "36000",
                    **settings,
                },
            )
            try:
                yield world
            finally:
                await world.kill()
