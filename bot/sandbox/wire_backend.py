"""simcord's backend on its own: our clock, our CDN, and books that see every message."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from simcord.backend import Backend, serializers
from simcord.backend.models import Message
from simcord.components import walk_components

from bot.clock import Clock
from bot.sandbox.discord import FollowedClock
from bot.sandbox.wire_books import FileRecord, MessageRecord, WireBooks
from bot.sandbox.wire_cdn import WireCdn
from bot.sandbox.wire_rules import UPLOAD_BYTES_BY_TIER, WireRules


class WireBackend(Backend):
    """The state of this Discord, with what simcord leaves out: boost tiers, closed direct messages, a removed bot."""

    def __init__(self, *, clock: Clock, books: WireBooks, cdn: WireCdn, rules: WireRules) -> None:
        super().__init__(clock=FollowedClock(clock))
        # simcord keeps every body and event for its own reports; a long run would drown in them.
        self.transcript = deque(maxlen=0)  # type: ignore[assignment]
        self.http_requests = deque(maxlen=0)  # type: ignore[assignment]
        self.cdn: WireCdn = cdn
        self.tiers: dict[int, int] = {}
        self.closed_to_bot: set[int] = set()
        self.nonce: str | None = None
        self._books = books
        self._rules = rules
        books.bot_id = self.bot_user.id

    def guild_payload(self, guild_id: int) -> dict[str, Any]:
        """Return GUILD_CREATE's payload."""
        payload = dict(serializers.guild_create_payload(self, self.get_guild(guild_id)))
        return payload | {"premium_tier": self.tiers.get(guild_id, 0)}

    def upload_limit_bytes(self, channel_id: int) -> int:
        """Return what a file may weigh in a channel."""
        channel = self.channels.get(channel_id)
        if channel is None or channel.guild_id is None:
            return self._rules.direct_upload_bytes
        tier = self.tiers.get(channel.guild_id, 0)
        return self._rules.upload_bytes.get(channel.guild_id, UPLOAD_BYTES_BY_TIER[tier])

    def bot_in(self, guild_id: int) -> bool:
        """Tell whether the bot is a member of a server."""
        return guild_id in self.guilds and self.bot_user.id in self.guilds[guild_id].members

    def shares_guild(self, user_id: int) -> bool:
        """Tell whether the bot and a person are in one server."""
        return any(user_id in guild.members and self.bot_in(guild.id) for guild in self.guilds.values())

    def emit(self, event: str, payload: Mapping[str, Any]) -> None:
        """Tell the gateway; servers the bot is not in are not its business."""
        if event in {"GUILD_CREATE", "GUILD_UPDATE"}:
            payload = {**payload, "premium_tier": self.tiers.get(int(payload["id"]), 0)}
        super().emit(event, payload)

    def commit_message(self, message: Message, *, broadcast: bool = True) -> Message:
        """Install a new message, and enter it in the books."""
        committed = super().commit_message(message, broadcast=broadcast)
        metadata = committed.interaction_metadata
        self._enter(
            MessageRecord(
                id=committed.id,
                channel_id=committed.channel_id,
                author_id=committed.author_id,
                interaction_id=int(metadata["id"]) if metadata else None,
                ephemeral=committed.is_ephemeral,
                nonce=self.nonce,
            ),
            committed,
        )
        return committed

    def edit_message(self, channel_id: int, message_id: int, fields: dict[str, Any]) -> Message:
        """Edit a message, and enter how it looks now."""
        edited = super().edit_message(channel_id, message_id, fields)
        self._enter(self._books.messages[message_id], edited)
        return edited

    def delete_message(self, channel_id: int, message_id: int) -> None:
        """Delete a message."""
        super().delete_message(channel_id, message_id)
        self._books.delete(message_id)

    def bulk_delete_messages(self, channel_id: int, message_ids: Iterable[int]) -> list[int]:
        """Delete several messages."""
        deleted = super().bulk_delete_messages(channel_id, message_ids)
        for message_id in deleted:
            self._books.delete(message_id)
        return deleted

    def _enter(self, record: MessageRecord, message: Message) -> None:
        files = tuple(
            FileRecord(
                filename=attachment["filename"],
                size_bytes=attachment["size"],
                sha256=self.cdn.sha256[attachment["id"]],
                content_type=attachment["content_type"],
                description=attachment.get("description"),
            )
            for attachment in message.attachments
        )
        parts = [message.content]
        for component in walk_components(message.components):
            parts += [str(component[name]) for name in ("content", "label") if component.get(name)]
        self._books.enter(record, "\n".join(part for part in parts if part), files)
