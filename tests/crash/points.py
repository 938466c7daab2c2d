"""The moments of a request at which the bot may die: noticed from outside, at the seams of the libraries it uses.

A point is passed just before and just after every commit, every request to Rivya and to Discord, and every rename of a
file. Its label says which: ``"before commit Painter._submit #1"``, ``"landed rivya create #1"`` (the answer's first
bytes are there, and nothing has been made of it). Nothing in the bot knows of this.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import discord
import httpx
from discord.state import ConnectionState
from yarl import URL

from bot.sandbox.wire_faults import route_name
from bot.storage import Database

_NO_STEP_OF_A_REQUEST = ("ProviderAccount.", "Upkeep.", "_bring_up", "Generations.remember")
_BACKGROUND_CALLS = frozenset({"credits", "models"})
_RIVYA_CALLS = (
    ("POST", "/api/v1/generations", "create"),
    ("GET", "/api/v1/generations/", "poll"),
    ("POST", "/api/v1/files", "upload"),
    ("GET", "/api/v1/credits", "credits"),
    ("GET", "/api/v1/models", "models"),
    ("GET", "/media/results/", "result"),
    ("GET", "/cdn/", "reference"),
)


class Points:
    """Counts the points that are passed, writes each down at once, and dies by SIGKILL at the one it was told.

    ``kill_at`` is a label; ``kill_after`` a number of points, counted from the start. Otherwise counting begins with
    the first interaction, or message that mentions the bot, that arrives.
    """

    def __init__(self, trace: Path, *, kill_at: str | None = None, kill_after: int | None = None) -> None:
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._kill_at = kill_at
        self._kill_after = kill_after
        self._begun = kill_after is not None
        self._passed = 0
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Count from now on."""
        self._begun = True

    def at(self, side: str, name: str) -> None:
        """Pass a point, or die there."""
        if not self._begun:
            return
        with self._lock:
            self._passed += 1
            self._seen[f"{side} {name}"] += 1
            label = f"{side} {name} #{self._seen[f'{side} {name}']}"
            os.write(self._trace, f"{label}\n".encode())
            if label == self._kill_at or self._passed == self._kill_after:
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()


def install(points: Points) -> None:
    """Pass ``points`` at every seam of this process."""
    _commits(points)
    _rivya(points)
    _discord(points)
    _renames(points)


def _commits(points: Points) -> None:
    transact: Any = Database._transact

    async def watched(self: Database, work: Any) -> Any:
        name = _name_of(work)
        if name.startswith(_NO_STEP_OF_A_REQUEST):
            return await transact(self, work)

        async def then_commit(connection: Any) -> Any:
            result = await work(connection)
            points.at("before", f"commit {name}")
            return result

        result = await transact(self, then_commit)
        points.at("after", f"commit {name}")
        return result

    Database._transact = watched  # type: ignore[method-assign]


def _name_of(work: Any) -> str:
    """``Acceptance.accept.<locals>.work`` is called ``Acceptance.accept``."""
    name: str = work.__qualname__
    return name.partition(".<locals>")[0]


def _rivya(points: Points) -> None:
    send: Any = httpx.AsyncHTTPTransport.handle_async_request

    async def watched(self: Any, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        name = next((n for m, p, n in _RIVYA_CALLS if m == request.method and path.startswith(p)), path)
        if name in _BACKGROUND_CALLS:
            return await send(self, request)  # type: ignore[no-any-return]
        points.at("before", f"rivya {name}")
        response = await send(self, request)
        points.at("landed", f"rivya {name}")
        return response  # type: ignore[no-any-return]

    httpx.AsyncHTTPTransport.handle_async_request = watched  # type: ignore[method-assign]


def _discord(points: Points) -> None:
    request: Any = aiohttp.ClientSession._request
    parse: Any = ConnectionState.parse_interaction_create
    hear: Any = ConnectionState.parse_message_create
    base = URL(discord.http.Route.BASE).path

    async def watched(self: Any, method: str, url: Any, **kwargs: Any) -> Any:
        path = URL(str(url)).path
        if not path.startswith(base):  # the gateway
            return await request(self, method, url, **kwargs)
        name = f"discord {route_name(method, path.removeprefix(base))}"
        points.at("before", name)
        answer = await request(self, method, url, **kwargs)
        points.at("landed", name)
        return answer

    def arrived(self: Any, data: Any) -> None:
        points.begin()
        points.at("after", "event")
        parse(self, data)

    def heard(self: Any, data: Any) -> None:
        if f"<@{self.self_id}>" in data["content"]:
            points.begin()
            points.at("after", "event")
        hear(self, data)

    aiohttp.ClientSession._request = watched  # type: ignore[method-assign]
    ConnectionState.parse_interaction_create = arrived  # type: ignore[method-assign]
    ConnectionState.parse_message_create = heard  # type: ignore[method-assign]


def _renames(points: Points) -> None:
    replace: Any = Path.replace

    def watched(self: Path, target: Any) -> Any:
        name = f"rename into {Path(target).parent.name}"
        points.at("before", name)
        result = replace(self, target)
        points.at("after", name)
        return result

    Path.replace = watched  # type: ignore[method-assign]
