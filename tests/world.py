"""The bot's core over a real database and a sandbox Rivya on a real socket; only Discord is played by a recorder."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from bot.app import Core, open_core
from bot.config import Settings, load_settings
from bot.credits.audit import AuditReport, audit
from bot.generations.protocols import DeliveryError, DeliveryFault, FetchError, Posted, PostFile, Target
from bot.generations.states import Rung
from bot.generations.values import Accepted, Attachment, GenerationRequest, Origin, RequestView
from bot.rivya import open_http
from bot.sandbox.rivya import RivyaSandbox
from bot.sandbox.rivya_variants import Variants
from bot.storage import Database, open_database
from tests.clocks import TestClock

GUILD, CHANNEL, APPLICATION = 1001, 2001, 3001
ALICE, BOB = 4001, 4002
MIB = 1024 * 1024


@dataclass
class Post:
    """One thing that was shown."""

    rung: Rung
    view: RequestView
    target: Target
    files: list[PostFile]


@dataclass
class Recorder:
    """Plays Discord: records what is shown, and refuses what a test tells it to."""

    posts: list[Post] = field(default_factory=list)
    progress: list[Post] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)
    pings: list[RequestView] = field(default_factory=list)
    tries: list[Rung] = field(default_factory=list)
    refuse: Callable[[Rung, int], DeliveryFault | None] = lambda _rung, _try: None
    limit_bytes: int = 10 * MIB

    def upload_limit_bytes(self, rung: Rung, view: RequestView, stored_limit_bytes: int) -> int:
        return stored_limit_bytes if rung is Rung.EDIT_ORIGINAL else self.limit_bytes

    async def show_progress(self, rung: Rung, view: RequestView, target: Target) -> None:
        self.progress.append(Post(rung, view, target, []))

    async def post(self, rung: Rung, view: RequestView, target: Target, files: Sequence[PostFile]) -> Posted:
        self.tries.append(rung)
        fault = self.refuse(rung, len(self.tries))
        if fault is not None:
            raise DeliveryError(fault, "as the test wants it")
        for file in files:
            assert file.path.exists()
        self.posts.append(Post(rung, view, target, list(files)))
        own = rung in {Rung.CHANNEL, Rung.DIRECT}
        return Posted(view.channel_id, 9000 + len(self.posts) if own else target.message_id or 1)

    async def say_void(self, application_id: int, interaction_token: str) -> None:
        self.voids.append(interaction_token)

    async def ping(self, view: RequestView) -> None:
        self.pings.append(view)


@dataclass
class Attachments:
    """Plays Discord's CDN: attachments by URL, and faults by URL."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[FetchError]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def add(self, filename: str, content: bytes | None = None, *, declared_bytes: int | None = None) -> Attachment:
        url = f"https://cdn.discordapp.com/attachments/{len(self.files)}/{filename}"
        content = png() if content is None else content
        self.files[url] = content
        size = len(content) if declared_bytes is None else declared_bytes
        return Attachment(url=url, filename=filename, size_bytes=size)

    async def fetch(self, url: str, destination: Path, *, max_bytes: int) -> int:
        self.fetched.append(url)
        if self.faults.get(url):
            raise self.faults[url].pop(0)
        content = self.files[url][: max_bytes + 1]
        destination.write_bytes(content)
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

    async def view(self, request_id: str) -> RequestView:
        view = await self.core.generations.view(request_id)
        assert view is not None
        return view

    async def until_idle(self) -> None:
        await self.core.engine.until_idle()

    async def audit(self) -> AuditReport:
        async with self.database.read() as tx:
            return await audit(tx, now_ms=self.clock.now_ms())

    async def left(self, user_id: int = ALICE) -> int | None:
        return (await self.core.generations.balance(user_id=user_id, guild_id=GUILD)).left_credits


class Worlds:
    """Opens worlds over one folder, one after another: what a restart finds is what the one before left."""

    def __init__(self, folder: Path, clock: TestClock, **variants: Any) -> None:
        self.folder = folder
        self.clock = clock
        self.rivya = RivyaSandbox(
            clock=clock, variants=Variants(**{"quick_pictures": True, "task_s": (6.0, 12.0), **variants}), seed=7
        )
        self.discord = Recorder()
        self.cdn = Attachments()
        self._ids = count(1)

    @asynccontextmanager
    async def open(self, **settings: Any) -> AsyncIterator[World]:
        values: dict[str, Any] = {
            "discord_token": "discord-token-of-a-test",
            "rivya_api_key": "rvya_sk_sandbox",
            "rivya_base_url": self.rivya.url,
            "database_url": f"sqlite+aiosqlite:///{self.folder / 'bot.db'}",
            "data_dir": self.folder,
            "disk_reserve_bytes": 0,
            "polls_per_minute": 100_000,
            "shutdown_grace_s": 5,
        }
        config = load_settings(None, **{**values, **settings})
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(open_database(config.database_url))
            http = await stack.enter_async_context(open_http(config.rivya_base_url))
            core = await stack.enter_async_context(
                open_core(
                    config,
                    database=database,
                    http=http,
                    delivery=self.discord,
                    fetcher=self.cdn,
                    clock=self.clock,
                    rng=Random(1),
                    ids=lambda: f"{next(self._ids):016x}",
                )
            )
            yield World(core, database, self.rivya, self.discord, self.cdn, self.clock, config)
