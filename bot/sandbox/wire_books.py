"""The wire's books: every interaction, message and request, exactly as they happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from bot.clock import Clock


@dataclass(kw_only=True)
class InteractionRecord:
    """One thing that a member did; times are of the wire's clock, in milliseconds.

    ``acknowledged_as`` is Discord's callback type (4 message, 5 thinking, 6 and 7 update, 9 modal). ``message_id`` is
    the original response, ``followup_ids`` what came after it. ``shown_ms``: when one of these first had a picture.
    ``context`` is Discord's (0 a server, 1 direct messages with the bot, 2 a channel between people), ``owners`` its
    ``authorizing_integration_owners``. ``modal`` and ``choices`` are what it was answered with; ``refused`` the code
    with which an acknowledgement was last refused.
    """

    id: int
    token: str
    kind: str
    name: str
    user_id: int
    channel_id: int
    guild_id: int | None
    upload_bytes: int
    sent_ms: int
    deadline_ms: int
    token_expires_ms: int
    acknowledged_ms: int | None = None
    acknowledged_as: int | None = None
    ephemeral: bool = False
    message_id: int | None = None
    followup_ids: list[int] = field(default_factory=list)
    shown_ms: int | None = None
    posts: int = 0
    """Messages of this interaction that had a picture at some time."""
    context: int = 0
    owners: dict[str, str] = field(default_factory=dict)
    only_ephemeral: bool = False
    """Whether Discord makes every answer ephemeral: the person may not use apps of their own in that server."""
    modal: dict[str, Any] | None = None
    choices: list[dict[str, Any]] | None = None
    refused: int | None = None


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """One file of a message."""

    filename: str
    size_bytes: int
    sha256: str
    content_type: str
    description: str | None = None

    @property
    def is_picture(self) -> bool:
        """Whether it is an image, going by its name."""
        return self.content_type.startswith("image/")


@dataclass(frozen=True, kw_only=True)
class Version:
    """What a message looked like from ``at_ms`` on."""

    at_ms: int
    text: str
    files: tuple[FileRecord, ...]


@dataclass(kw_only=True)
class MessageRecord:
    """One message with everything it ever looked like."""

    id: int
    channel_id: int
    author_id: int
    interaction_id: int | None
    ephemeral: bool
    nonce: str | None = None
    reply_to_id: int | None = None
    """The message that it answers."""
    versions: list[Version] = field(default_factory=list)
    shown_ms: int | None = None
    deleted_ms: int | None = None

    @property
    def edits(self) -> int:
        """How often it was edited."""
        return len(self.versions) - 1

    @property
    def text(self) -> str:
        """All words that it shows now, a line per part."""
        return self.versions[-1].text

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """The files that it shows now."""
        return self.versions[-1].files


@dataclass(kw_only=True)
class RequestRecord:
    """One request; ``status`` stays ``None`` while it is not answered, and when it never is."""

    at_ms: int
    method: str
    path: str
    route: str
    status: int | None = None
    code: int | None = None
    fault: str | None = None
    given_up: bool = False
    """Whether the caller hung up on a request that hangs."""


class WireBooks:
    """What happened; ``bot_id`` is the author whose posts count."""

    def __init__(self, clock: Clock) -> None:
        self.interactions: dict[int, InteractionRecord] = {}
        self.messages: dict[int, MessageRecord] = {}
        self.requests: list[RequestRecord] = []
        self.bot_id = 0
        self._by_token: dict[str, InteractionRecord] = {}
        self._clock = clock
        self._changed = asyncio.Event()

    def touch(self) -> None:
        """Wake whoever waits for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, found: Callable[[], Any], timeout_s: float) -> None:
        """Return once ``found`` is true, asked after every change; raises TimeoutError after ``timeout_s`` real s."""
        async with asyncio.timeout(timeout_s):
            while True:
                changed = self._changed
                if found():
                    return
                await changed.wait()

    def by_token(self, token: str) -> InteractionRecord | None:
        """Return the interaction with this token."""
        return self._by_token.get(token)

    def pictures(self, *, containing: str = "") -> list[MessageRecord]:
        """Return the bot's messages that show a picture now and have ``containing`` in their words."""
        return [
            message
            for message in self.messages.values()
            if message.author_id == self.bot_id
            and message.deleted_ms is None
            and any(file.is_picture for file in message.files)
            and containing in message.text
        ]

    def requests_to(self, route: str) -> list[RequestRecord]:
        """Return the requests to a named route."""
        return [request for request in self.requests if request.route == route]

    def open(self, record: InteractionRecord) -> None:
        """Record an interaction that is about to be sent."""
        self.interactions[record.id] = record
        self._by_token[record.token] = record
        self.touch()

    def enter(self, message: MessageRecord, text: str, files: tuple[FileRecord, ...]) -> None:
        """Record how a new or edited message looks."""
        now_ms = self._clock.now_ms()
        self.messages.setdefault(message.id, message)
        message.versions.append(Version(at_ms=now_ms, text=text, files=files))
        if message.shown_ms is None and any(file.is_picture for file in files):
            message.shown_ms = now_ms
            interaction = self.interactions.get(message.interaction_id or 0)
            if interaction is not None and message.author_id == self.bot_id:
                interaction.posts += 1
                interaction.shown_ms = interaction.shown_ms or now_ms
        self.touch()

    def delete(self, message_id: int) -> None:
        """Record that a message was deleted."""
        self.messages[message_id].deleted_ms = self._clock.now_ms()
        self.touch()

    def acknowledge(self, record: InteractionRecord, callback_type: int, *, ephemeral: bool) -> None:
        """Record that an interaction was acknowledged."""
        record.acknowledged_ms = self._clock.now_ms()
        record.acknowledged_as = callback_type
        record.ephemeral = ephemeral
        self.touch()

    def as_json(self) -> dict[str, Any]:
        """Return everything in types that JSON has; ids as strings, as Discord writes them."""
        return {
            "interactions": [_json(record) for record in self.interactions.values()],
            "messages": [_json(record) | {"edits": record.edits} for record in self.messages.values()],
            "requests": [_json(record) for record in self.requests],
        }


def _json(record: InteractionRecord | MessageRecord | RequestRecord) -> dict[str, Any]:
    """Write ids as strings: JavaScript's and jq's numbers are too short for them."""
    shown = asdict(record)
    for name, value in shown.items():
        if name == "id" or name.endswith("_id"):
            shown[name] = None if value is None else str(value)
        elif name.endswith("_ids"):
            shown[name] = [str(item) for item in value]
    return shown
