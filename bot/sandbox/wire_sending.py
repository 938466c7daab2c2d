"""How an interaction goes out: where it happens, by whose installation, and with which rights."""

from __future__ import annotations

from typing import Any, Final

import discord
from simcord import interactions
from simcord.backend import serializers
from simcord.backend.command_access import command_access
from simcord.enums import AppCommandType, InteractionType

from bot.clock import Clock
from bot.sandbox.wire_backend import BETWEEN_PEOPLE, GROUP, IN_SERVER, WITH_BOT, WireBackend
from bot.sandbox.wire_books import InteractionRecord, WireBooks
from bot.sandbox.wire_rules import WireRules

BY_SERVER, BY_PERSON = 0, 1
"""Discord's integration types: whose installation a command is there by."""

_KINDS: Final = {
    InteractionType.APPLICATION_COMMAND: "command",
    InteractionType.APPLICATION_COMMAND_AUTOCOMPLETE: "autocomplete",
    InteractionType.MESSAGE_COMPONENT: "component",
    InteractionType.MODAL_SUBMIT: "modal",
}
# Discord's reference on app_permissions: what an app may do in direct messages of other people, and in its own.
_BETWEEN_PEOPLE: Final = discord.Permissions(attach_files=True, embed_links=True, mention_everyone=True).value
_WITH_BOT: Final = _BETWEEN_PEOPLE | discord.Permissions(external_emojis=True).value


class Sender:
    """Sends INTERACTION_CREATE and opens its record. Raises ValueError for what nobody could do."""

    def __init__(self, *, backend: WireBackend, books: WireBooks, clock: Clock, rules: WireRules) -> None:
        self._backend = backend
        self._books = books
        self._clock = clock
        self._rules = rules

    def command(self, user_id: int, channel_id: int, name: str, kind: AppCommandType) -> dict[str, Any]:
        """Return a registered command that this person finds in this channel."""
        said = f"/{name}" if kind == AppCommandType.CHAT_INPUT else f'"{name}"'
        guild_id, context = self._guild_of(user_id, channel_id), self._backend.context_of(channel_id)
        root = self._backend.find_command(name, guild_id, type=kind)
        if root is None:
            raise ValueError(f"{said} is not registered")
        self.owners(root, user_id, channel_id)
        if context == BETWEEN_PEOPLE:
            contexts = root["contexts"]
            reason = "context" if contexts is not None and BETWEEN_PEOPLE not in contexts else None
            if contexts is None and root.get("dm_permission") is False:
                reason = "context"
        else:
            access = command_access(self._backend, root, user_id=user_id, channel_id=channel_id)
            reason = None if access.allowed else access.reason
        if reason is not None:
            raise ValueError(f"{said} is not there for this person: {reason}")
        return dict(root)

    def owners(self, command: dict[str, Any], user_id: int, channel_id: int) -> dict[str, str]:
        """Return ``authorizing_integration_owners``: by whose installation this person has ``command`` here."""
        context, guild_id = self._backend.context_of(channel_id), self._backend.get_channel(channel_id).guild_id
        owners = {}
        if BY_SERVER in command["integration_types"]:
            if context == IN_SERVER and guild_id is not None and self._backend.bot_in(guild_id):
                owners[str(BY_SERVER)] = str(guild_id)
            elif context == WITH_BOT and self._backend.shares_guild(user_id):
                owners[str(BY_SERVER)] = "0"
        if BY_PERSON in command["integration_types"] and user_id in self._backend.installed:
            owners[str(BY_PERSON)] = str(user_id)
        if not owners:
            place = ("in that server", "in one server with this person", "in that channel")[context]
            raise ValueError(f"the bot is not {place}, and no installation of this person's own has {command['name']}")
        return owners

    def owners_of_message(self, message: Any) -> dict[str, str]:
        """Return by whose installation a message of the bot's is there; its buttons go by the same."""
        guild_id = self._backend.get_channel(message.channel_id).guild_id
        asked = self._books.interactions.get(int((message.interaction_metadata or {}).get("id", 0)))
        owners = dict(asked.owners) if asked is not None else {str(BY_SERVER): str(guild_id or 0)}
        if guild_id is not None and not self._backend.bot_in(guild_id):
            owners.pop(str(BY_SERVER), None)
        if not owners:
            raise ValueError("the bot is not in that server")
        return owners

    def send(
        self,
        kind: InteractionType,
        user_id: int,
        channel_id: int,
        data: dict[str, Any],
        *,
        name: str,
        owners: dict[str, str],
        source_id: int | None = None,
    ) -> InteractionRecord:
        """Send an interaction and return its record; ``source_id`` is the message that it began at."""
        backend, guild_id = self._backend, self._guild_of(user_id, channel_id)
        known, payload = interactions.base_payload(
            backend, type=kind, channel_id=channel_id, guild_id=guild_id, user_id=user_id, data=data
        )
        # The wire keeps these two itself, and answers as Discord does when they are over.
        known.expires_at = known.initial_response_deadline = None
        known.source_message_id = source_id
        limit = self._rules.interaction_upload_bytes
        limit = backend.upload_limit_bytes(channel_id) if limit is None else limit
        told = self._rules.announced_upload_bytes
        context = backend.context_of(channel_id)
        payload["attachment_size_limit"] = limit if told is None else told
        payload["authorizing_integration_owners"] = owners
        payload["context"] = context
        payload["channel"] = self._channel(user_id, channel_id, payload["channel"])
        only_ephemeral = False
        if guild_id is None:
            payload["app_permissions"] = str(_WITH_BOT if context == WITH_BOT else _BETWEEN_PEOPLE)
        else:
            payload["guild"] = {"id": str(guild_id), "locale": "en-US", "features": []}
            if not backend.bot_in(guild_id):
                rights = discord.Permissions(int(payload["member"]["permissions"]))
                payload["app_permissions"] = str(rights.value & _WITH_BOT)
                only_ephemeral = not rights.use_external_apps
        if source_id is not None and (source := backend.messages[channel_id].get(source_id)) is not None:
            payload["message"] = backend.message_payload(source)
        now_ms = self._clock.now_ms()
        record = InteractionRecord(
            id=known.id,
            token=known.token,
            kind=_KINDS[kind],
            name=name,
            user_id=user_id,
            channel_id=channel_id,
            guild_id=guild_id,
            upload_bytes=limit,
            sent_ms=now_ms,
            deadline_ms=now_ms + int(self._rules.acknowledge_within_s * 1000),
            token_expires_ms=now_ms + int(self._rules.token_life_s * 1000),
            context=context,
            owners=owners,
            only_ephemeral=only_ephemeral,
        )
        self._books.open(record)
        backend.emit("INTERACTION_CREATE", payload)
        return record

    def _guild_of(self, user_id: int, channel_id: int) -> int | None:
        if not self._backend.sees(user_id, channel_id):
            raise ValueError("this person does not see that channel")
        return self._backend.get_channel(channel_id).guild_id

    def _channel(self, user_id: int, channel_id: int, payload: dict[str, Any]) -> dict[str, Any]:
        channel = self._backend.get_channel(channel_id)
        if channel.guild_id is not None:
            rights = self._backend.compute_permissions(channel.guild_id, user_id, channel_id)
            return {**payload, "permissions": str(rights)}
        if channel.type != GROUP:
            return payload
        people = [serializers.user_payload(self._backend.get_user(user_id)) for user_id in channel.recipient_ids]
        owner = str(channel.recipient_ids[0])
        return {
            "id": str(channel_id),
            "type": GROUP,
            "name": None,
            "icon": None,
            "owner_id": owner,
            "recipients": people,
        }
