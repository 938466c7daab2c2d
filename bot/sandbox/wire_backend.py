"""simcord's backend on its own: our clock, our CDN, and books that see every message."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from simcord.backend import Backend, errors, serializers
from simcord.backend.access import channel_accessible
from simcord.backend.models import Channel, Message
from simcord.components import walk_components
from simcord.enums import ChannelType

from bot.clock import Clock
from bot.sandbox.discord import FollowedClock
from bot.sandbox.wire_books import FileRecord, MessageRecord, WireBooks
from bot.sandbox.wire_cdn import WireCdn
from bot.sandbox.wire_rules import UPLOAD_BYTES_BY_TIER, WireRules

GROUP: Final = 3
"""Discord's type of a group's channel; simcord has none."""
IN_SERVER, WITH_BOT, BETWEEN_PEOPLE = 0, 1, 2
"""Discord's interaction contexts."""


class WireBackend(Backend):
    """The state of this Discord, with what simcord leaves out.

    Boost tiers, closed direct messages, a removed bot, people who installed the app for themselves (``installed``),
    and channels between people, where the bot is not (``private_channels``).
    """

    def __init__(self, *, clock: Clock, books: WireBooks, cdn: WireCdn, rules: WireRules) -> None:
        super().__init__(clock=FollowedClock(clock))
        # simcord keeps every body and event for its own reports; a long run would drown in them.
        self.transcript = deque(maxlen=0)  # type: ignore[assignment]
        self.http_requests = deque(maxlen=0)  # type: ignore[assignment]
        self.cdn: WireCdn = cdn
        self.tiers: dict[int, int] = {}
        self.closed_to_bot: set[int] = set()
        self.installed: set[int] = set()
        self.private_channels: set[int] = set()
        self.nonce: str | None = None
        self._books = books
        self._rules = rules
        self._silent = False
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

    def context_of(self, channel_id: int) -> int:
        """Return Discord's interaction context of a channel."""
        if channel_id in self.private_channels:
            return BETWEEN_PEOPLE
        return WITH_BOT if self.get_channel(channel_id).guild_id is None else IN_SERVER

    def sees(self, user_id: int, channel_id: int) -> bool:
        """Tell whether somebody sees a channel."""
        if channel_id in self.private_channels:
            return user_id in self.get_channel(channel_id).recipient_ids
        return channel_accessible(self, channel_id, user_id)

    def add_private_channel(self, user_ids: list[int]) -> Channel:
        """Make a channel between people: direct messages of two, a group of more."""
        kind = ChannelType.DM if len(user_ids) == 2 else GROUP
        channel = self.create_channel(None, None, type=kind, recipient_ids=user_ids)
        self.private_channels.add(channel.id)
        return channel

    def require_permissions(self, guild_id: int | None, user_id: int, channel_id: int | None, *names: str) -> None:
        """Raise BackendError for what somebody may not do."""
        if channel_id in self.private_channels:
            if not self.sees(user_id, channel_id):
                raise errors.missing_access()
            return
        super().require_permissions(guild_id, user_id, channel_id, *names)

    def register_commands(self, guild_id: int | None, payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Register commands; where a command does not say so, it is for servers, and for every context."""
        registered = super().register_commands(guild_id, payloads)
        for command in registered:
            command["integration_types"] = command.get("integration_types") or [0]
            command.setdefault("contexts", None)
        return registered

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Change something without a word to the bot."""
        self._silent = True
        try:
            yield
        finally:
            self._silent = False

    def emit(self, event: str, payload: Mapping[str, Any]) -> None:
        """Tell the gateway, but for what is none of the bot's business."""
        if self._silent or (
            event.startswith("MESSAGE_") and not self.sees(self.bot_user.id, int(payload["channel_id"]))
        ):
            return
        if event in {"GUILD_CREATE", "GUILD_UPDATE"}:
            payload = {**payload, "premium_tier": self.tiers.get(int(payload["id"]), 0)}
        elif event in {"MESSAGE_CREATE", "MESSAGE_UPDATE"}:
            payload = self.complete_message(payload)
            payload["mentions"] = [self._mentioned(user, payload) for user in payload["mentions"]]
            if not self._rules.resolve_replies:
                payload.pop("referenced_message", None)
        super().emit(event, payload)

    def message_payload(self, message: Message) -> dict[str, Any]:
        """Return a message as Discord shows it now, with addresses that live."""
        return self.complete_message(serializers.message_payload(self, message))

    def complete_message(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return simcord's payload with what it lacks: live addresses, and ``null`` for a reply's lost target."""
        told: dict[str, Any] = self.cdn.refreshed(_as_documented(payload))
        if told.get("message_reference", {}).get("type", 1) == 0:
            answered = told.setdefault("referenced_message", None)
            if answered is not None:
                answered.pop("referenced_message", None)  # Discord goes one step back, not the whole way
        return told

    def _mentioned(self, user: dict[str, Any], payload: Mapping[str, Any]) -> dict[str, Any]:
        guild = self.guilds.get(int(payload.get("guild_id") or 0))
        member = guild.members.get(int(user["id"])) if guild is not None else None
        if guild is None or member is None:
            return user
        return {**user, "member": serializers.member_payload(self, guild, member, with_user=False)}

    def commit_message(self, message: Message, *, broadcast: bool = True) -> Message:
        """Install a new message, and enter it in the books."""
        metadata = message.interaction_metadata
        if metadata is not None and (asked := self._books.interactions.get(int(metadata["id"]))):
            metadata["authorizing_integration_owners"] = dict(asked.owners)
        for snapshot in message.snapshots:
            self.cdn.forward(snapshot["message"]["attachments"])
        committed = super().commit_message(message, broadcast=broadcast)
        self._enter(
            MessageRecord(
                id=committed.id,
                channel_id=committed.channel_id,
                author_id=committed.author_id,
                interaction_id=int(metadata["id"]) if metadata else None,
                ephemeral=committed.is_ephemeral,
                nonce=self.nonce,
                reply_to_id=_answered(committed),
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
        """Delete a message; its files go with it."""
        message = self.get_message(channel_id, message_id)
        super().delete_message(channel_id, message_id)
        self._forget(message)

    def bulk_delete_messages(self, channel_id: int, message_ids: Iterable[int]) -> list[int]:
        """Delete several messages."""
        known = dict(self.messages.get(channel_id, {}))
        deleted = super().bulk_delete_messages(channel_id, message_ids)
        for message_id in deleted:
            self._forget(known[message_id])
        return deleted

    def delete_channel(self, channel_id: int) -> None:
        """Delete a channel with everything in it, its threads included."""
        threads = [known.id for known in self.channels.values() if known.is_thread and known.parent_id == channel_id]
        for gone_id in [*threads, channel_id]:
            lost = self.messages.get(gone_id, {})
            super().delete_channel(gone_id)
            for message in lost.values():
                self._forget(message)

    def _forget(self, message: Message) -> None:
        self.cdn.forget(message.attachments)
        self._books.delete(message.id)

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


def _answered(message: Message) -> int | None:
    reference = message.reference
    return int(reference["message_id"]) if reference is not None and not reference.get("type") else None


def _as_documented(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message as Discord's OpenAPI document has it: some fields are left out where simcord writes null."""
    told = {name: value for name, value in message.items() if not (name == "nonce" and value is None)}
    told["attachments"] = [
        {name: value for name, value in attachment.items() if value is not None}
        for attachment in message.get("attachments") or []
    ]
    if "author" in message:
        told["author"] = {"primary_guild": None, **message["author"]}
    told["mentions"] = [{"primary_guild": None, **user} for user in message.get("mentions") or []]
    if message.get("referenced_message"):
        told["referenced_message"] = _as_documented(message["referenced_message"])
    told_snapshots = [{"message": _as_documented(item["message"])} for item in message.get("message_snapshots") or []]
    return {**told, "message_snapshots": told_snapshots} if told_snapshots else told
