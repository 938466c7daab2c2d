"""A Discord of one's own over real sockets: simcord's backend behind REST, gateway and CDN on loopback.

::

    async with WireServer(clock=SystemClock()) as wire:
        guild = wire.people.add_guild()
        channel, alice = wire.people.add_channel(guild), wire.people.add_member(guild, "alice")
        ...                                              # start the bot with wire.environment
        await wire.until(lambda: wire.ready)
        asked = await wire.slash(alice, channel, "imagine", prompt="a lighthouse", image_1=("a.png", content))
        await wire.until(lambda: asked.shown_ms)
        wire.faults.add(WireFault(kind=WireFaultKind.RESET, route="edit_original", effect=True))
        await wire.gateway.drop()

The bot is an ordinary client in whatever process; nothing of it is patched. Nothing is random that is not drawn from
``seed``; tokens, nonces, addresses and deadlines live by ``clock``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, Final, Self

import structlog
from aiohttp import web

from bot.clock import Clock, SystemClock
from bot.sandbox.wire_admin import add_admin_routes
from bot.sandbox.wire_backend import WireBackend
from bot.sandbox.wire_books import InteractionRecord, MessageRecord, WireBooks
from bot.sandbox.wire_cdn import WireCdn
from bot.sandbox.wire_faults import WireFault, WireFaultKind, WireFaults
from bot.sandbox.wire_gateway import Gateway
from bot.sandbox.wire_people import People
from bot.sandbox.wire_rest import API, Rest
from bot.sandbox.wire_rules import WireRules

__all__ = [
    "InteractionRecord",
    "MessageRecord",
    "WireBooks",
    "WireFault",
    "WireFaultKind",
    "WireRules",
    "WireServer",
    "serve_wire",
]

log = structlog.get_logger()

WIRE_TOKEN: Final = "wire.bot.token"
_MAX_BODY_BYTES: Final = 2 * 1024**3  # the rules judge files; this is only aiohttp's own limit out of the way
PATIENCE_S: Final = 30.0
"""Real seconds that ``until`` waits unless told otherwise."""


class WireServer:
    """The server; an asynchronous context manager, serving between enter and exit.

    ``port`` 0 takes a free one. ``admin`` serves the switches under ``/wire/`` too. ``stop`` and ``start`` in between
    play an outage: everything is remembered, and the port stays.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        token: str = WIRE_TOKEN,
        rules: WireRules | None = None,
        seed: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
        admin: bool = False,
    ) -> None:
        self._rules = rules or WireRules()
        self._faults = WireFaults()
        self._books = WireBooks(clock)
        self._token = token
        self._host = host
        self._port = port
        self._admin = admin
        self._cdn = WireCdn(clock=clock, rules=self.rules, seed=seed)
        self._backend = WireBackend(clock=clock, books=self.books, cdn=self._cdn, rules=self.rules)
        self._people = People(backend=self._backend, books=self.books, clock=clock, rules=self.rules)
        self._gateway = Gateway(
            backend=self._backend, books=self.books, rules=self.rules, token=token, rng=Random(f"sessions {seed}")
        )
        self._rest = Rest(
            backend=self._backend,
            books=self.books,
            cdn=self._cdn,
            clock=clock,
            faults=self.faults,
            rules=self.rules,
            token=token,
        )
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # ------------------------------------------------------------------ where it is

    @property
    def api_url(self) -> str:
        """For ``DISCORD_API_URL``."""
        return f"{self._origin}{API}"

    @property
    def gateway_url(self) -> str:
        """For ``DISCORD_GATEWAY_URL``."""
        return f"ws://{self._host}:{self._port}/gateway"

    @property
    def cdn_url(self) -> str:
        """For ``DISCORD_CDN_URL``."""
        return f"{self._origin}/cdn"

    @property
    def environment(self) -> dict[str, str]:
        """The bot's settings that point it here."""
        return {
            "DISCORD_TOKEN": self._token,
            "DISCORD_API_URL": self.api_url,
            "DISCORD_GATEWAY_URL": self.gateway_url,
            "DISCORD_CDN_URL": self.cdn_url,
        }

    # ------------------------------------------------------------------ what there is to turn and to see

    @property
    def rules(self) -> WireRules:
        """How this Discord behaves; change its fields in place."""
        return self._rules

    @property
    def faults(self) -> WireFaults:
        """The faults that are switched on."""
        return self._faults

    @property
    def books(self) -> WireBooks:
        """What happened."""
        return self._books

    @property
    def gateway(self) -> Gateway:
        """The gateway: drop, ask_to_reconnect, invalidate, forget_sessions, open."""
        return self._gateway

    @property
    def people(self) -> People:
        """Who builds servers, acts, and takes rights away."""
        return self._people

    @property
    def ready(self) -> bool:
        """Whether a bot is connected and has registered commands."""
        return self._gateway.connected and any(self._backend.commands.values())

    @property
    def bot_id(self) -> int:
        """The bot's user id."""
        return self._backend.bot_user.id

    async def until(self, found: Callable[[], Any], timeout_s: float = PATIENCE_S) -> None:
        """Return once ``found`` is true; asked after everything that happens here. Raises TimeoutError."""
        await self._books.until(found, timeout_s)

    def expire_urls(self) -> None:
        """Let every attachment's address given out so far be dead."""
        self._cdn.expire_urls()

    # ------------------------------------------------------------------ what people do most

    async def slash(self, user_id: int, channel_id: int, command: str, /, **options: Any) -> InteractionRecord:
        """Use a slash command; attachments are ``(filename, bytes)``. Raises ValueError or simcord's SetupError."""
        return await self._people.slash(user_id, channel_id, command, **options)

    async def message_menu(self, user_id: int, message_id: int, command: str) -> InteractionRecord:
        """Choose a command under a message's Apps."""
        return await self._people.message_menu(user_id, message_id, command)

    async def say(self, user_id: int, channel_id: int, text: str = "", **more: Any) -> int:
        """Post a message (see People.say) and return its id."""
        return await self._people.say(user_id, channel_id, text, **more)

    async def autocomplete(
        self, user_id: int, channel_id: int, command: str, /, *, focused: str, value: str, **others: Any
    ) -> list[dict[str, Any]]:
        """Type into an option, and return the choices that the bot offers. Raises ValueError when there are none."""
        return await self._people.autocomplete(user_id, channel_id, command, focused=focused, value=value, **others)

    async def click(self, user_id: int, message_id: int, custom_id: str) -> InteractionRecord:
        """Press a button, by its custom id or a pattern of it."""
        return await self._people.click(user_id, message_id, custom_id)

    async def select(self, user_id: int, message_id: int, custom_id: str, values: list[str]) -> InteractionRecord:
        """Choose in a select, by its custom id or a pattern of it."""
        return await self._people.select(user_id, message_id, custom_id, values)

    async def modal_submit(self, user_id: int, interaction_id: int, values: dict[str, Any]) -> InteractionRecord:
        """Send off the modal that an interaction was answered with."""
        return await self._people.modal_submit(user_id, interaction_id, values)

    # ------------------------------------------------------------------ serving

    async def start(self) -> None:
        """Listen."""
        self._rest.closing.clear()
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", f"{API}/{{path:.*}}", self._rest.api)
        app.router.add_get("/cdn/{path:.*}", self._rest.attachment)
        app.router.add_get("/gateway", self._gateway.serve)
        if self._admin:
            add_admin_routes(app, self)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self._cdn.base_url = self.cdn_url
        self._gateway.url = self._rest.gateway_url = self.gateway_url
        log.info("wire.listening", api_url=self.api_url)

    async def stop(self) -> None:
        """Stop listening and hang up on everyone."""
        self._rest.closing.set()
        if self._runner is not None:
            await self._gateway.drop()
            await self._runner.cleanup()
            self._runner = None

    @property
    def _origin(self) -> str:
        return f"http://{self._host}:{self._port}"


async def serve_wire(*, host: str, port: int, token: str, seed: int) -> None:
    """Serve a wire with its switches on ``host``:``port`` until cancelled."""
    async with WireServer(clock=SystemClock(), token=token, seed=seed, host=host, port=port, admin=True) as wire:
        log.info("wire.ready", api_url=wire.api_url, gateway_url=wire.gateway_url, cdn_url=wire.cdn_url)
        await asyncio.Event().wait()
