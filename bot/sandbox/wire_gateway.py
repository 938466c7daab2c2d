"""The gateway: sessions with sequence numbers, resume with replay, and every way to lose the connection."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Any, Final

import discord
import structlog
from aiohttp import WSMsgType, web
from simcord.backend import serializers
from simcord.gateway import FakeGateway

from bot.sandbox.wire_backend import WireBackend
from bot.sandbox.wire_books import WireBooks
from bot.sandbox.wire_rules import WireRules

log = structlog.get_logger()

KEPT_FRAMES: Final = 5_000
"""Events that a session can be given again; one that has missed more is invalid."""

_AUTHENTICATION_FAILED: Final = 4004
_DISALLOWED_INTENTS: Final = 4014
_DISPATCH, _HEARTBEAT, _IDENTIFY, _RESUME, _RECONNECT, _INVALID, _HELLO, _ACK = 0, 1, 2, 6, 7, 9, 10, 11
_FOR_GOOD: Final = False
_TOLD_ANYWHERE: Final = frozenset({"GUILD_DELETE", "INTERACTION_CREATE"})
_ABOUT_GUILD: Final = frozenset({"GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"})
_IGNORED: Final = frozenset({3, 4})  # presence and voice


class Gateway:
    """Serves the WebSocket; ``url`` is what READY gives for resuming. While ``open`` is false nobody gets in."""

    def __init__(self, *, backend: WireBackend, books: WireBooks, rules: WireRules, token: str, rng: Random) -> None:
        self.url = ""
        self.open = True
        self.identified = 0
        self.resumed = 0
        self._backend = backend
        self._books = books
        self._rules = rules
        self._token = token
        self._rng = rng
        self._sessions: dict[str, _Session] = {}
        self._connections: set[_Connection] = set()
        backend.subscribers.append(self._tell)

    @property
    def connected(self) -> bool:
        """Whether a bot is there and listens."""
        return any(session.connection is not None for session in self._sessions.values())

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until it ends."""
        if not self.open:
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=0, timeout=1.0)
        await socket.prepare(request)
        connection = _Connection(socket, request)
        self._connections.add(connection)
        writing = asyncio.create_task(connection.write_forever())
        connection.send(_HELLO, {"heartbeat_interval": int(self._rules.heartbeat_interval_s * 1000)})
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._take(connection, json.loads(message.data))
        finally:
            writing.cancel()
            self._connections.discard(connection)
            self._leave(connection, said_goodbye=connection.socket.close_code in {1000, 1001})
        return socket

    async def drop(self, code: int | None = None) -> None:
        """Cut every connection, without a word or with a close code; the sessions can be resumed."""
        for connection in tuple(self._connections):
            if connection.session is not None:
                connection.session.connection = None
                connection.session = None
            if code is not None:
                await connection.socket.close(code=code)
            elif connection.request.transport is not None:
                connection.request.transport.abort()

    def ask_to_reconnect(self) -> None:
        """Send op 7, as before a restart of Discord's own."""
        for connection in self._connections:
            connection.send(_RECONNECT, None)

    def invalidate(self, *, resumable: bool = False) -> None:
        """Send op 9; the sessions are forgotten unless ``resumable``."""
        if not resumable:
            self._sessions.clear()
        for connection in self._connections:
            connection.send(_INVALID, resumable)

    def forget_sessions(self) -> None:
        """Forget every session without a word: the next resume is answered with op 9."""
        self._sessions.clear()

    async def _take(self, connection: _Connection, frame: dict[str, Any]) -> None:
        operation, data = frame.get("op"), frame.get("d")
        if operation == _HEARTBEAT:
            connection.send(_ACK, None)
        elif operation == _IDENTIFY:
            await self._identify(connection, data or {})
        elif operation == _RESUME:
            self._resume(connection, data or {})
        elif operation not in _IGNORED:
            log.warning("wire.gateway.not_modelled", op=operation)

    async def _identify(self, connection: _Connection, data: dict[str, Any]) -> None:
        if data.get("token") != self._token:
            await connection.socket.close(code=_AUTHENTICATION_FAILED, message=b"Authentication failed.")
            return
        if discord.Intents._from_value(data.get("intents", 0)).message_content and not self._rules.message_content:
            await connection.socket.close(code=_DISALLOWED_INTENTS, message=b"Disallowed intent(s).")
            return
        session = _Session(
            f"{self._rng.getrandbits(128):032x}", discord.Intents._from_value(data.get("intents", 0)), self._backend
        )
        self._sessions[session.id] = session
        session.attach(connection)
        guilds = [guild_id for guild_id in self._backend.guilds if self._backend.bot_in(guild_id)]
        session.feed(
            "READY",
            {
                "v": 10,
                "user": dict(serializers.user_payload(self._backend.bot_user)),
                "guilds": [{"id": str(guild_id), "unavailable": True} for guild_id in guilds],
                "session_id": session.id,
                "resume_gateway_url": self.url,
                "application": {"id": str(self._backend.application_id), "flags": self._rules.application_flags},
            },
        )
        for guild_id in guilds:
            session.feed("GUILD_CREATE", self._backend.guild_payload(guild_id))
        self.identified += 1
        self._books.touch()

    def _resume(self, connection: _Connection, data: dict[str, Any]) -> None:
        session = self._sessions.get(str(data.get("session_id")))
        sequence = data.get("seq")
        if session is None or data.get("token") != self._token or not session.can_replay_after(sequence):
            connection.send(_INVALID, _FOR_GOOD)
            return
        session.attach(connection)
        session.replay_after(int(sequence or 0))
        session.feed("RESUMED", {})
        self.resumed += 1
        self._books.touch()

    def _leave(self, connection: _Connection, *, said_goodbye: bool) -> None:
        session, connection.session = connection.session, None
        if session is not None and session.connection is connection:
            session.connection = None
            if said_goodbye:
                self._sessions.pop(session.id, None)
        self._books.touch()

    def _tell(self, event: str, payload: Mapping[str, Any]) -> None:
        guild_id = payload.get("id") if event in _ABOUT_GUILD else payload.get("guild_id")
        if guild_id is not None and event not in _TOLD_ANYWHERE and not self._backend.bot_in(int(guild_id)):
            return
        for session in self._sessions.values():
            session.feed(event, payload)


class _Connection:
    """One WebSocket; what is sent waits in a queue, so that events never wait for a slow reader."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.request = request
        self.session: _Session | None = None
        self._queue: asyncio.Queue[str] = asyncio.Queue()

    def send(self, operation: int, data: Any) -> None:
        self.send_frame(json.dumps({"op": operation, "d": data, "s": None, "t": None}))

    def send_frame(self, frame: str) -> None:
        self._queue.put_nowait(frame)

    async def write_forever(self) -> None:
        while True:
            frame = await self._queue.get()
            try:
                await self.socket.send_str(frame)
            except ConnectionError:
                return


class _Session:
    """A bot's subscription; simcord's gateway shapes each event by its intents and hands it to ``parsers``."""

    def __init__(self, session_id: str, intents: discord.Intents, backend: WireBackend) -> None:
        self.id = session_id
        self.intents = intents
        self.parsers = _EveryEvent(self._push)
        self.connection: _Connection | None = None
        self._frames: deque[tuple[int, str]] = deque(maxlen=KEPT_FRAMES)
        self._sequence = 0
        self.feed = FakeGateway(backend, self).feed

    def attach(self, connection: _Connection) -> None:
        connection.session = self
        self.connection = connection

    def can_replay_after(self, sequence: Any) -> bool:
        if not isinstance(sequence, int) or sequence > self._sequence:
            return False
        return not self._frames or self._frames[0][0] <= sequence + 1

    def replay_after(self, sequence: int) -> None:
        assert self.connection is not None
        for number, frame in self._frames:
            if number > sequence:
                self.connection.send_frame(frame)

    def _push(self, event: str, payload: Any) -> None:
        self._sequence += 1
        frame = json.dumps({"op": _DISPATCH, "t": event, "s": self._sequence, "d": payload})
        self._frames.append((self._sequence, frame))
        if self.connection is not None:
            self.connection.send_frame(frame)


class _EveryEvent:
    """Stands where discord.py has its table of parsers, and takes any event."""

    def __init__(self, push: Callable[[str, Any], None]) -> None:
        self._push = push

    def __getitem__(self, event: str) -> Callable[[Any], None]:
        return partial(self._push, event)
