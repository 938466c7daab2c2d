"""The bot's core over a real database and a sandbox Rivya on a real socket; only Discord is played by a recorder."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from discord import ui
from PIL import Image
from sqlalchemy import text

from bot.app import Core, build_core
from bot.config import Settings, load_settings
from bot.credits.audit import AuditReport, audit
from bot.credits.quota_rules import Spender
from bot.generations.protocols import (
    DeliveryError,
    DeliveryFault,
    FetchError,
    LogLine,
    Notice,
    Posted,
    PostFile,
    Target,
    Voided,
)
from bot.generations.states import DeliveryState, PictureState, RequestState, Rung
from bot.generations.values import Accepted, Attachment, GenerationRequest, Origin, RequestView
from bot.keys import RivyaKey
from bot.rivya import Timeouts, open_http
from bot.sandbox.rivya import RivyaSandbox
from bot.sandbox.rivya_variants import Variants
from bot.storage import Database, open_database
from bot.ui.failure import failure_card
from bot.ui.progress import progress_card
from bot.ui.result import result_card
from tests.clocks import TestClock

GUILD, CHANNEL, APPLICATION = 1001, 2001, 3001
ALICE, BOB = 4001, 4002
MIB = 1024 * 1024
PATIENCE_S = 30.0
"""Real seconds after which a test that waits has failed."""


@dataclass
class Post:
    """One thing that was shown; ``at_ms`` of the test's clock, ``sizes`` of the files at that time."""

    rung: Rung
    view: RequestView
    target: Target
    files: list[PostFile]
    at_ms: int = 0
    sizes: tuple[int, ...] = ()
    message_id: int | None = None

    @property
    def words(self) -> str:
        """What the person reads: chosen as ``bot.posting`` does."""
        return words_of(result_card(self.view, self.files) if self.files else failure_card(self.view))

    @property
    def progress_words(self) -> str:
        return words_of(progress_card(self.view))


def words_of(card: ui.LayoutView) -> str:
    return "\n".join(item.content for item in card.walk_children() if isinstance(item, ui.TextDisplay))


@dataclass
class Recorder:
    """Plays Discord: records what is shown, and refuses what a test tells it to."""

    clock: TestClock
    posts: list[Post] = field(default_factory=list)
    attempts: list[Post] = field(default_factory=list)
    progress: list[Post] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)
    deaf_to_voids: int = 0
    pings: list[RequestView] = field(default_factory=list)
    tries: list[Rung] = field(default_factory=list)
    logged: list[tuple[int, LogLine]] = field(default_factory=list)
    log_tries: list[tuple[int, str]] = field(default_factory=list)
    told_log_off: list[tuple[int, int, int]] = field(default_factory=list)
    told_operators: list[tuple[int, Notice]] = field(default_factory=list)
    operator_tries: list[tuple[int, str]] = field(default_factory=list)
    refuse_operator: Callable[[int], DeliveryFault | None] = lambda _user: None
    break_operator: Callable[[int, Notice], Exception | None] = lambda _user, _notice: None
    """What is raised that is no fault of Discord's."""
    refuse_log: Callable[[int], DeliveryFault | None] = lambda _channel: None
    refuse: Callable[[Rung, int], DeliveryFault | None] = lambda _rung, _try: None
    refuse_progress: Callable[[Rung], DeliveryFault | None] = lambda _rung: None
    refuse_removal: Callable[[int], DeliveryFault | None] = lambda _message_id: None
    removed: list[tuple[int | None, int, int]] = field(default_factory=list)
    most_bytes: int | None = None
    limit_bytes: int = 10 * MIB
    doors: asyncio.Event = field(default_factory=asyncio.Event)
    """While cleared, a post is taken but not answered."""

    def __post_init__(self) -> None:
        self.doors.set()

    def upload_limit_bytes(self, rung: Rung, view: RequestView, stored_limit_bytes: int) -> int:
        return stored_limit_bytes if rung is Rung.EDIT_ORIGINAL else self.limit_bytes

    async def show_progress(self, rung: Rung, view: RequestView, target: Target) -> None:
        fault = self.refuse_progress(rung)
        if fault is not None:
            raise DeliveryError(fault, "as the test wants it")
        self.progress.append(Post(rung, view, target, [], self.clock.now_ms()))

    async def post(self, rung: Rung, view: RequestView, target: Target, files: Sequence[PostFile]) -> Posted:
        self.tries.append(rung)
        sizes = tuple(file.path.stat().st_size for file in files)
        post = Post(rung, view, target, list(files), self.clock.now_ms(), sizes)
        self.attempts.append(post)
        fault = self.refuse(rung, len(self.tries))
        if fault is not None:
            raise DeliveryError(fault, "as the test wants it")
        if self.most_bytes is not None and sum(sizes) > self.most_bytes:
            raise DeliveryError(DeliveryFault.TOO_LARGE, "as the test wants it")
        own = rung in {Rung.CHANNEL, Rung.DIRECT}
        post.message_id = 9000 + len(self.posts) if own else target.message_id or 1
        self.posts.append(post)
        await self.doors.wait()
        stands_in = view.delivered_channel_id if rung is Rung.EDIT_MESSAGE else None
        return Posted(7001 if rung is Rung.DIRECT else stands_in or view.channel_id, post.message_id)

    async def say_void(self, voided: Voided) -> None:
        if self.deaf_to_voids:
            self.deaf_to_voids -= 1
            raise DeliveryError(DeliveryFault.TRANSIENT, "not connected yet")
        self.voids.append(voided.interaction_token or f"message {voided.source_message_id}")

    async def ping(self, view: RequestView) -> None:
        self.pings.append(view)

    async def post_lines(self, guild_id: int, channel_id: int, lines: Sequence[LogLine], *, nonce: str) -> None:
        self.log_tries.append((channel_id, nonce))
        fault = self.refuse_log(channel_id)
        if fault is not None:
            raise DeliveryError(fault, "as the test wants it")
        self.logged += [(channel_id, line) for line in lines]

    async def tell_log_off(self, user_id: int, guild_id: int, dropped: int) -> None:
        self.told_log_off.append((user_id, guild_id, dropped))

    async def tell_operator(self, user_id: int, notice: Notice, *, nonce: str) -> None:
        self.operator_tries.append((user_id, nonce))
        fault = self.refuse_operator(user_id)
        if fault is not None:
            raise DeliveryError(fault, "as the test wants it")
        error = self.break_operator(user_id, notice)
        if error is not None:
            raise error
        self.told_operators.append((user_id, notice))

    async def remove(self, *, guild_id: int | None, channel_id: int, message_id: int) -> None:
        fault = self.refuse_removal(message_id)
        if fault is not None:
            raise DeliveryError(fault, "as the test wants it")
        self.removed.append((guild_id, channel_id, message_id))


@dataclass
class Attachments:
    """Plays Discord's CDN: attachments by URL, and faults by URL."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[FetchError]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    doors: asyncio.Event = field(default_factory=asyncio.Event)
    """While cleared, nothing arrives."""
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    """What arrives only once its event is set."""

    def __post_init__(self) -> None:
        self.doors.set()

    def add(self, filename: str, content: bytes | None = None, *, declared_bytes: int | None = None) -> Attachment:
        url = f"https://cdn.discordapp.com/attachments/{len(self.files)}/{filename}"
        content = png() if content is None else content
        self.files[url] = content
        size = len(content) if declared_bytes is None else declared_bytes
        return Attachment(url=url, filename=filename, size_bytes=size)

    async def fetch(self, url: str, destination: Path, *, max_bytes: int) -> int:
        self.fetched.append(url)
        await self.doors.wait()
        if url in self.held:
            await self.held[url].wait()
        if self.faults.get(url):
            raise self.faults[url].pop(0)
        content = self.files[url][: max_bytes + 1]
        destination.write_bytes(content)  # noqa: ASYNC240 - a test's few bytes
        return len(content)


def png(width: int = 32, height: int = 24, colour: tuple[int, int, int] = (200, 60, 40)) -> bytes:
    buffer = io.BytesIO()
    with Image.new("RGB", (width, height), colour) as image:
        image.save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class World:
    """A running core and everything a test looks at."""

    core: Core
    database: Database
    rivya: RivyaSandbox
    discord: Recorder
    cdn: Attachments
    clock: TestClock
    settings: Settings
    _events: Any = field(default_factory=lambda: count(1))

    def origin(self, *, user_id: int = ALICE, guild_id: int | None = GUILD, **changes: Any) -> Origin:
        number = next(self._events)
        values: dict[str, Any] = {
            "source_kind": "interaction",
            "source_id": str(number),
            "user_id": user_id,
            "guild_id": guild_id,
            "channel_id": CHANNEL,
            "application_id": APPLICATION,
            "interaction_token": f"token-{number}",
            "token_expires_at_ms": self.clock.now_ms() + 15 * 60_000,
            "upload_limit_bytes": 10 * MIB,
        }
        return Origin(**{**values, **changes})

    async def accept(self, prompt: str = "a red panda", *, origin: Origin | None = None, **values: Any) -> Accepted:
        request = GenerationRequest(prompt=prompt, **values)
        return await self.core.generations.accept(request, origin or self.origin())

    async def imagine(self, prompt: str = "a red panda", *, origin: Origin | None = None, **values: Any) -> str:
        """Accept and acknowledge, as a command does; returns the request's id."""
        accepted = await self.accept(prompt, origin=origin, **values)
        await self.core.generations.acknowledged(accepted.request_id, message_id=5000 + next(self._events))
        return accepted.request_id

    async def told(self, guild_id: int | None = GUILD) -> int:
        """Tell Alice what waits for her; returns how many requests have pictures that do."""
        notices = await self.core.generations.notices(user_id=ALICE, guild_id=guild_id)
        await self.core.generations.noticed(notices)
        return notices.waiting

    async def view(self, request_id: str) -> RequestView:
        view = await self.core.generations.view(request_id)
        assert view is not None
        return view

    async def until_idle(self, *, step_s: float = 0) -> None:
        """Wait until nothing is being worked on, skipping ``step_s`` at a time."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.core.engine.idle:
                self.clock.advance(step_s)
                await asyncio.sleep(0.01)

    async def until(self, found: Callable[[], Any]) -> None:
        """Wait until ``found`` (plain or a coroutine function) returns something true."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                result = found()
                if result if not asyncio.iscoroutine(result) else await result:
                    return
                await asyncio.sleep(0.005)

    async def until_state(self, request_id: str, *states: PictureState) -> RequestView:
        """Wait until every picture of a request is in one of ``states``."""

        async def there() -> bool:
            return {picture.state for picture in (await self.view(request_id)).pictures} <= set(states)

        await self.until(there)
        return await self.view(request_id)

    async def until_delivery(self, request_id: str, state: DeliveryState) -> None:
        async def there() -> bool:
            return (await self.view(request_id)).delivery is state

        await self.until(there)

    async def pass_time(self, seconds: float, *, step_s: float = 60.0) -> None:
        """Let time go by in steps, so that whoever sleeps wakes as often as he would have."""
        end_ms = self.clock.now_ms() + seconds * 1000
        while self.clock.now_ms() < end_ms:
            self.clock.advance(step_s)
            await asyncio.sleep(0.01)

    async def crash(self) -> None:
        """End everything without grace; the world must be left next."""
        await self.core.engine.abandon()

    async def operator(self, kind: str) -> int:
        """What the operator bears: ``loss`` or ``variance`` credits."""
        query = "SELECT coalesce(sum(e.amount_credits), 0) FROM entries e JOIN accounts a ON a.id = e.account_id"
        async with self.database.read() as tx:
            return int(await tx.scalar(text(f"{query} WHERE a.kind = :kind"), {"kind": kind}) or 0)

    async def count(self, table: str) -> int:
        async with self.database.read() as tx:
            return int(await tx.scalar(text(f"SELECT count(*) FROM {table}")) or 0)

    async def check_books(self, *, charged: int, held: int = 0, loss: int = 0, variance: int = 0) -> None:
        """Assert that the books are clean, and what they say."""
        report = await self.audit()
        assert report.findings == ()
        assert (report.captured_credits, report.on_hold_credits) == (charged, held)
        assert (await self.operator("loss"), await self.operator("variance")) == (loss, variance)

    async def check_one_picture(self, request_id: str) -> None:
        """Assert that one picture was painted, paid for and shown, once."""
        view = await self.view(request_id)
        assert view.state is RequestState.SETTLED
        assert [picture.state for picture in view.pictures] == [PictureState.FETCHED]
        assert view.delivery is DeliveryState.SHOWN
        assert len(self.rivya.books.tasks) == 1
        assert self.rivya.books.total_charged == view.charged_credits == 8
        await self.check_books(charged=8)
        shown = [post for post in self.discord.posts if post.files]
        assert len({post.message_id for post in shown}) == 1
        assert "8 credits" in shown[-1].words

    async def audit(self) -> AuditReport:
        async with self.database.read() as tx:
            return await audit(tx, now_ms=self.clock.now_ms())

    async def left(self, user_id: int = ALICE) -> int | None:
        return (await self.core.generations.balance(Spender(user_id, GUILD))).left_credits


class Worlds:
    """Opens worlds over one folder, one after another: what a restart finds is what the one before left."""

    def __init__(self, folder: Path, clock: TestClock, **variants: Any) -> None:
        self.folder = folder
        self.clock = clock
        self.rivya = RivyaSandbox(
            clock=clock, variants=Variants(**{"quick_pictures": True, "task_s": (6.0, 12.0), **variants}), seed=7
        )
        self.discord = Recorder(clock)
        self.cdn = Attachments()
        self._ids = count(1)
        self._events = count(1)

    @asynccontextmanager
    async def open(
        self, *, timeouts: Timeouts | None = None, key: RivyaKey | None = None, **settings: Any
    ) -> AsyncIterator[World]:
        """Open a world. Keys are trusted for long, since a test's clock runs fast and a loaded machine slowly."""
        values: dict[str, Any] = {
            "discord_token": "discord-token-of-a-test",
            "rivya_api_key": "rvya_sk_sandbox",
            "rivya_base_url": self.rivya.url,
            "database_url": f"sqlite+aiosqlite:///{self.folder / 'bot.db'}",
            "data_dir": self.folder,
            "disk_reserve_bytes": 0,
            "polls_per_minute": 100_000,
            "shutdown_grace_s": 5,
            "idempotency_trust_s": 3600,
        }
        config = load_settings(None, **{**values, **settings})
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(open_database(config.database_url))
            http = await stack.enter_async_context(open_http(config.rivya_base_url))
            core = await build_core(
                config,
                database=database,
                http=http,
                delivery=self.discord,
                fetcher=self.cdn,
                clock=self.clock,
                rng=Random(1),
                ids=lambda: f"{next(self._ids):016x}",
                timeouts=timeouts or Timeouts(),
                key=key,
            )
            await stack.enter_async_context(core.engine)
            yield World(core, database, self.rivya, self.discord, self.cdn, self.clock, config, self._events)
