"""A few of Discord's REST calls on a real socket, for what simcord does not model: statuses, codes, history, tokens."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

BOT_ID, APPLICATION_ID, DM_CHANNEL_ID = 900, 901, 902


@dataclass
class Sent:
    """One call of the bot's: its body, and the names of the files that came with it."""

    method: str
    path: str
    body: Any
    files: list[str]
    query: dict[str, str]


@dataclass
class DiscordRest:
    """Answers well unless a test says otherwise; ``url`` goes where ``DISCORD_API_URL`` does."""

    url: str = ""
    token: str | None = None
    """Only this token is accepted; None: any."""
    sent: list[Sent] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    """What the channel holds, newest first."""
    answers: list[tuple[str, str, int, Any]] = field(default_factory=list)
    """Method, pattern of the path, status and body: answered instead, until it is taken away."""

    refuse_replies: bool = False
    """Turn down messages that reply to another, as Discord does without Read Message History."""

    def answer(self, method: str, pattern: str, status: int, code: int = 0) -> None:
        """Turn down the calls that match."""
        self.answers = [(method, pattern, status, {"code": code, "message": "as the test wants it"})]

    def calls(self, method: str, part: str = "") -> list[Sent]:
        return [sent for sent in self.sent if sent.method == method and part in sent.path]

    async def handle(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/api/v10")
        body, files = await _read(request)
        self.sent.append(Sent(request.method, path, body, files, dict(request.query)))
        if self.token is not None and path == "/users/@me" and request.headers["Authorization"] != f"Bot {self.token}":
            return _json(401, {"code": 0, "message": "401: Unauthorized"})
        if self.refuse_replies and request.method == "POST" and isinstance(body, dict) and "message_reference" in body:
            return _json(403, {"code": 160002, "message": "Cannot reply without permission to read message history"})
        for method, pattern, status, answer in self.answers:
            if method in {request.method, "*"} and re.search(pattern, path):
                return _json(status, answer)
        return _json(200, self._well(request.method, path, body))

    def _well(self, method: str, path: str, body: Any) -> Any:
        if path == "/users/@me":
            return _user(BOT_ID)
        if path.startswith("/oauth2/applications"):
            return {
                "id": str(APPLICATION_ID), "name": "bot", "description": "", "icon": None, "bot_public": True,
                "bot_require_code_grant": False, "verify_key": "", "flags": 0, "owner": _user(1),
            }  # fmt: skip
        if path == "/users/@me/channels":
            return {"id": str(DM_CHANNEL_ID), "type": 1, "recipients": [_user(int(body["recipient_id"]))]}
        if path.endswith("/messages") and method == "GET":
            return self.history
        if path.endswith("/commands"):
            known = {"description": "", "application_id": str(APPLICATION_ID), "version": "1"}
            return [
                {**known, **command, "id": str(5000 + n), "default_member_permissions": None}
                for n, command in enumerate(body)
            ]
        place = re.search(r"/channels/(\d+)", path)
        found = re.search(r"/messages/(\d+)$", path)
        return message(int(found[1]) if found else 7777, channel_id=int(place[1]) if place else 30)


def message(message_id: int, *, channel_id: int = 30, author_id: int = BOT_ID, **values: Any) -> dict[str, Any]:
    """Return a message as Discord sends it."""
    return {
        "id": str(message_id), "channel_id": str(channel_id), "author": _user(author_id), "content": "",
        "timestamp": "2026-11-22T00:00:00+00:00", "edited_timestamp": None, "tts": False, "mention_everyone": False,
        "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "pinned": False, "type": 0,
        "components": [], "flags": 0,
    } | values  # fmt: skip


def attachment(filename: str) -> dict[str, Any]:
    return {
        "id": "1",
        "filename": filename,
        "size": 10,
        "url": "https://cdn.discordapp.com/x",
        "proxy_url": "https://x",
    }


@asynccontextmanager
async def serve_discord_rest() -> AsyncIterator[DiscordRest]:
    """Serve on loopback until left."""
    rest = DiscordRest()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", rest.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    rest.url = f"http://{host}:{port}/api/v10"
    try:
        yield rest
    finally:
        await runner.cleanup()


async def _read(request: web.Request) -> tuple[Any, list[str]]:
    if not request.content_type.startswith("multipart/"):
        return (await request.json() if request.can_read_body else None), []
    form = await request.post()
    files = [part.filename for part in form.values() if isinstance(part, web.FileField)]
    return json.loads(str(form["payload_json"])), files


def _json(status: int, body: Any) -> web.Response:
    # Exactly this type: discord.py does not read JSON from a type with a charset.
    return web.Response(status=status, body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def _user(user_id: int) -> dict[str, Any]:
    return {"id": str(user_id), "username": f"user {user_id}", "discriminator": "0", "avatar": None, "bot": True}
