"""A client that speaks Discord's HTTP and gateway without any library's help, to see what the wire really sends."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import AsyncIterator
from typing import Any, Self

import aiohttp
import discord
from PIL import Image
from yarl import URL

from bot.sandbox.wire import InteractionRecord, WireServer
from tests.openapi import DOCUMENT, discord_schema

GUILDS_INTENT = 1
MESSAGE_INTENTS = discord.Intents(guilds=True, guild_messages=True, dm_messages=True).value
CONTENT_INTENT = discord.Intents(message_content=True).value
PAINT: dict[str, Any] = {
    "name": "paint",
    "description": "Paint.",
    "options": [
        {"type": 3, "name": "prompt", "description": "What.", "required": True, "max_length": 20},
        {"type": 4, "name": "count", "description": "How many.", "min_value": 1, "max_value": 4},
        {"type": 5, "name": "private", "description": "Only you."},
        {"type": 6, "name": "member", "description": "For whom."},
        {"type": 11, "name": "image", "description": "A reference."},
    ],
}
QUOTA: dict[str, Any] = {
    "name": "quota",
    "description": "Quotas.",
    "default_member_permissions": str(discord.Permissions(manage_guild=True).value),
    "options": [{"type": 1, "name": "set", "description": "Set.", "options": [PAINT["options"][1]]}],
}
MENU: dict[str, Any] = {"name": "Use as reference", "type": 3}
PERSON_MENU: dict[str, Any] = {"name": "Portrait", "type": 2}
STYLED: dict[str, Any] = {
    "name": "style",
    "description": "Styles.",
    "options": [
        {"type": 3, "name": "style", "description": "Which.", "required": True, "autocomplete": True},
        {"type": 4, "name": "count", "description": "How many.", "max_value": 4},
    ],
}
ANYWHERE: dict[str, Any] = {"integration_types": [0, 1], "contexts": [0, 1, 2]}
GALLERY = [
    {
        "type": 17,
        "components": [
            {"type": 12, "items": [{"media": {"url": "attachment://a.png"}, "description": "A lake."}]},
            {"type": 10, "content": "a lake"},
            {"type": 1, "components": [{"type": 2, "style": 2, "label": "Again", "custom_id": "again:1"}]},
        ],
    }
]
COMPONENTS_V2 = 1 << 15


def label(text: str, component: dict[str, Any]) -> dict[str, Any]:
    return {"type": 18, "label": text, "component": component}


def options(*values: str) -> list[dict[str, Any]]:
    return [{"label": value, "value": value} for value in values]


PROMPT = label("Prompt", {"type": 4, "custom_id": "prompt", "style": 2, "value": "a lake", "required": True})
MODAL: dict[str, Any] = {
    "custom_id": "edit:7",
    "title": "Edit",
    "components": [
        PROMPT,
        label("Ratio", {"type": 3, "custom_id": "ratio", "options": options("1:1", "16:9")}),
        label("For", {"type": 5, "custom_id": "member", "required": False}),
        label("Where", {"type": 8, "custom_id": "where", "required": False}),
        label("More", {"type": 19, "custom_id": "more", "min_values": 0, "max_values": 8, "required": False}),
    ],
}
TICKS: dict[str, Any] = {
    "custom_id": "ticks",
    "title": "Ticks",
    "components": [
        {"type": 10, "content": "Choose."},
        label("One", {"type": 21, "custom_id": "one", "options": options("a", "b")}),
        label("Some", {"type": 22, "custom_id": "some", "options": options("a", "b", "c"), "max_values": 2}),
        label("Sure", {"type": 23, "custom_id": "sure"}),
        label("Roles", {"type": 6, "custom_id": "roles", "required": False}),
    ],
}


def picture(colour: str = "teal") -> bytes:
    sink = io.BytesIO()
    with Image.new("RGB", (8, 6), colour) as image:
        image.save(sink, "PNG")
    return sink.getvalue()


class Answer:
    """A status with a body."""

    def __init__(self, status: int, headers: Any, content: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content = content

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> tuple[int, int]:
        return self.status, self.body["code"]


class Bare:
    """A client that speaks Discord's HTTP and gateway without any library's help."""

    def __init__(self, wire: WireServer, http: aiohttp.ClientSession) -> None:
        self.wire = wire
        self.http = http
        self.guild = wire.people.add_guild()
        self.channel = wire.people.add_channel(self.guild)
        self.alice = wire.people.add_member(self.guild, "alice")
        self.application = 0

    async def open(self) -> Self:
        self.application = int((await self.call("GET", "/oauth2/applications/@me")).body["id"])
        await self.register(PAINT, QUOTA)
        return self

    async def register(self, *commands: dict[str, Any]) -> list[dict[str, Any]]:
        answer = await self.call("PUT", f"/applications/{self.application}/commands", json=list(commands))
        registered: list[dict[str, Any]] = answer.body
        return registered

    async def call(
        self, method: str, path: str, files: dict[str, bytes] | None = None, token: str | None = None, **kwargs: Any
    ) -> Answer:
        headers = {"Authorization": f"Bot {token or self.wire.environment['DISCORD_TOKEN']}"}
        if files is not None:
            form = aiohttp.FormData(quote_fields=False)
            form.add_field("payload_json", json.dumps(kwargs.pop("json", {})))
            for index, (name, content) in enumerate(files.items()):
                form.add_field(
                    f"files[{index}]", io.BytesIO(content), filename=name, content_type="application/octet-stream"
                )
            kwargs["data"] = form
        async with self.http.request(method, f"{self.wire.api_url}{path}", headers=headers, **kwargs) as response:
            return Answer(response.status, response.headers, await response.read())

    async def send(self, files: dict[str, bytes] | None = None, **body: Any) -> Answer:
        return await self.call("POST", f"/channels/{self.channel}/messages", files, json={"content": "hello", **body})

    async def edit(self, message_id: int | None, content: str = "changed", **kwargs: Any) -> Answer:
        path = f"/channels/{self.channel}/messages/{message_id}"
        return await self.call("PATCH", path, json={"content": content}, **kwargs)

    async def ask(self, **options: Any) -> InteractionRecord:
        return await self.wire.slash(self.alice, self.channel, "paint", **{"prompt": "a lake", **options})

    async def follow_up(self, asked: InteractionRecord, **body: Any) -> Answer:
        return await self.call("POST", f"/webhooks/{self.application}/{asked.token}", json={"content": "more", **body})

    async def respond(self, asked: InteractionRecord, kind: int, data: Any = None, query: str = "") -> Answer:
        body = {"type": kind, "data": data or {}}
        return await self.call("POST", f"/interactions/{asked.id}/{asked.token}/callback{query}", json=body)

    async def acknowledged(self, *, ephemeral: bool = False, **options: Any) -> InteractionRecord:
        asked = await self.ask(**options)
        assert (await self.respond(asked, 5, {"flags": 64 if ephemeral else 0})).status == 204
        return asked

    async def edit_original(
        self, asked: InteractionRecord, content: str = "done", files: dict[str, bytes] | None = None
    ) -> Answer:
        path = f"/webhooks/{self.application}/{asked.token}/messages/@original"
        return await self.call("PATCH", path, files, json={"content": content})


class Ear:
    """A gateway connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def frame(self, *, op: int | None = None, event: str | None = None) -> dict[str, Any]:
        """Return the next frame of that kind."""
        while True:
            frame: dict[str, Any] = json.loads(await self.socket.receive_str(timeout=30))
            if op in {None, frame["op"]} and event in {None, frame["t"]}:
                return frame

    async def say(self, op: int, data: Any) -> None:
        await self.socket.send_str(json.dumps({"op": op, "d": data}))


@contextlib.asynccontextmanager
async def listening(bare: Bare, url: str | None = None) -> AsyncIterator[Ear]:
    async with bare.http.ws_connect(url or bare.wire.gateway_url) as socket:
        ear = Ear(socket)
        assert (await ear.frame())["d"]["heartbeat_interval"] == 41_250
        yield ear


async def identified(bare: Bare, ear: Ear, intents: int = GUILDS_INTENT) -> dict[str, Any]:
    await ear.say(2, {"token": bare.wire.environment["DISCORD_TOKEN"], "intents": intents, "properties": {}})
    ready: dict[str, Any] = (await ear.frame(event="READY"))["d"]
    return ready


async def heard(ear: Ear, kind: str = "INTERACTION_CREATE") -> dict[str, Any]:
    data: dict[str, Any] = (await ear.frame(event=kind))["d"]
    return data


async def chosen(bare: Bare, ear: Ear, message_id: int) -> dict[str, Any]:
    """Use the menu on a message and return it as the bot is given it."""
    await bare.wire.message_menu(bare.alice, message_id, MENU["name"])
    while (event := await heard(ear))["data"].get("target_id") != str(message_id):
        pass
    assert (event["type"], event["data"]["type"], event["data"]["name"]) == (2, 3, MENU["name"])
    message: dict[str, Any] = event["data"]["resolved"]["messages"][str(message_id)]
    return message


async def status_of(bare: Bare, url: str) -> int:
    async with bare.http.get(URL(url, encoded=True)) as response:
        return response.status


def check_shape(message: dict[str, Any]) -> None:
    """Assert that a message is one by Discord's document, where that is at hand."""
    problems = discord_schema().shape_problems("MessageResponse", message) if DOCUMENT.exists() else []
    # The document has replies only; a forward's reference is of type 1 (Discord's message reference).
    assert [problem for problem in problems if not problem.startswith("message_reference/type")] == []


def check_answer(kind: int, data: dict[str, Any]) -> None:
    """Assert that Discord would take an answer to an interaction, by its document, where that is at hand."""
    body = {"type": kind, "data": data}
    assert not DOCUMENT.exists() or discord_schema().problems("POST", "/interactions/1/t/callback", body) == []
