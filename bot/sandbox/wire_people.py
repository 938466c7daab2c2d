"""What people do: build servers, use commands, press buttons, take the bot's rights away.

Each call sends its event and returns at once; what the bot makes of it is in the books.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

import discord
from simcord import _modal, actors, interactions
from simcord.backend import serializers
from simcord.backend.access import channel_accessible
from simcord.backend.command_access import command_access
from simcord.backend.models import Overwrite
from simcord.components import walk_components
from simcord.enums import SELECT_TYPES, AppCommandType, ComponentType, InteractionType, OptionType, OverwriteType

from bot.clock import Clock
from bot.sandbox.wire_backend import WireBackend
from bot.sandbox.wire_books import InteractionRecord, WireBooks
from bot.sandbox.wire_rules import WireRules

_ENTITIES: Final = {OptionType.USER, OptionType.CHANNEL, OptionType.ROLE, OptionType.MENTIONABLE}
_KINDS: Final = {
    InteractionType.APPLICATION_COMMAND: "command",
    InteractionType.MESSAGE_COMPONENT: "component",
    InteractionType.MODAL_SUBMIT: "modal",
}


@dataclass(frozen=True)
class _Person:
    """As much of simcord's actor as its builders ask for."""

    id: int
    _env: Any


class People:
    """Acts for people; ids are Discord's. Raises simcord's SetupError for what nobody could do in the real client."""

    def __init__(self, *, backend: WireBackend, books: WireBooks, clock: Clock, rules: WireRules) -> None:
        self._backend = backend
        self._books = books
        self._clock = clock
        self._rules = rules

    # ------------------------------------------------------------------ the world

    def add_guild(self, name: str = "Studio", *, premium_tier: int = 0) -> int:
        """Make a server with the bot in it, and return its id; ``premium_tier`` 0 to 3 sets what a file may weigh."""
        guild_id = self._backend.create_guild(name).id
        if premium_tier:
            self.set_premium_tier(guild_id, premium_tier)
        return guild_id

    def set_premium_tier(self, guild_id: int, premium_tier: int) -> None:
        """Boost a server, or let its boosts end."""
        self._backend.tiers[guild_id] = premium_tier
        self._backend.edit_guild(guild_id, {})

    def add_channel(self, guild_id: int, name: str = "pictures") -> int:
        """Make a text channel and return its id."""
        return self._backend.create_channel(guild_id, name).id

    def add_member(self, guild_id: int, name: str, *, administrator: bool = False) -> int:
        """Let a new person join and return the id."""
        user_id = self._backend.make_user(name).id
        roles = []
        if administrator:
            everything = discord.Permissions(administrator=True).value
            roles = [self._backend.create_role(guild_id, f"{name}'s", permissions=everything).id]
        self._backend.add_member(guild_id, user_id, roles=roles, announce=True)
        return user_id

    def direct_channel(self, user_id: int) -> int:
        """Return the channel of a person's direct messages with the bot."""
        return self._backend.get_dm_channel(user_id).id

    # ------------------------------------------------------------------ interactions

    async def slash(self, user_id: int, channel_id: int, command: str, /, **options: Any) -> InteractionRecord:
        """Use a registered slash command (``"quota set"`` for a subcommand).

        Attachments are ``(filename, bytes)``; people, channels and roles are ids.
        """
        guild_id = self._guild_of(user_id, channel_id)
        first, *path = command.split()
        root = self._backend.find_command(first, guild_id, type=AppCommandType.CHAT_INPUT)
        if root is None:
            raise ValueError(f"/{first} is not registered")
        access = command_access(self._backend, root, user_id=user_id, channel_id=channel_id)
        if not access.allowed:
            raise ValueError(f"/{first} is not there for this person: {access.reason}")
        leaf, nesting = interactions.walk_to_subcommand(root, path)
        resolved: dict[str, Any] = {}
        filled = self._options(command, leaf, options, resolved, user_id, channel_id)
        data = {
            "id": root["id"],
            "name": root["name"],
            "type": root["type"],
            "options": interactions.nest_options(root, nesting, filled),
        }
        if resolved:
            data["resolved"] = resolved
        return self._send(InteractionType.APPLICATION_COMMAND, user_id, channel_id, data, name=command)

    async def click(self, user_id: int, message_id: int, custom_id: str) -> InteractionRecord:
        """Press the button whose custom id is, or matches the pattern, ``custom_id``."""
        message = self._visible(user_id, message_id)
        button = self._component(message, (ComponentType.BUTTON,), custom_id)
        data = {"custom_id": button["custom_id"], "component_type": ComponentType.BUTTON, "id": button.get("id")}
        return self._on_message(user_id, message, data)

    async def select(self, user_id: int, message_id: int, custom_id: str, values: list[str]) -> InteractionRecord:
        """Choose ``values`` in the select whose custom id is, or matches the pattern, ``custom_id``."""
        message = self._visible(user_id, message_id)
        menu = self._component(message, SELECT_TYPES, custom_id)
        if not menu.get("min_values", 1) <= len(values) <= menu.get("max_values", 1):
            raise ValueError(f"this select does not take {len(values)} values")
        offered = {option["value"] for option in menu.get("options", [])}
        if menu["type"] == ComponentType.STRING_SELECT and not offered.issuperset(values):
            raise ValueError(f"on offer are {', '.join(sorted(offered))}")
        data = {"custom_id": menu["custom_id"], "component_type": menu["type"], "values": values, "id": menu.get("id")}
        if menu["type"] != ComponentType.STRING_SELECT:
            resolved: dict[str, Any] = {}
            for value in values:
                self._resolve(int(value), resolved, user_id, message.channel_id)
            data["resolved"] = resolved
        return self._on_message(user_id, message, data)

    async def modal_submit(self, user_id: int, interaction_id: int, values: dict[str, Any]) -> InteractionRecord:
        """Send off the modal that ``interaction_id`` was answered with; ``values`` by custom id."""
        shown = self._backend.interactions[interaction_id]
        if shown.modal is None or shown.modal_consumed or shown.user_id != user_id:
            raise ValueError("this person has no modal open from that interaction")
        unknown = values.keys() - _modal._modal_control_map(shown.modal).keys()
        if unknown:
            raise ValueError(f"the modal has no {', '.join(sorted(unknown))}")
        person = self._person(user_id)
        resolved: dict[str, Any] = {}
        uploads: list[Any] = []
        components = _modal._modal_submit_nodes(
            shown.modal["components"], person, values, resolved, shown.channel_id, uploads
        )
        _modal._commit_modal_uploads(person, shown.channel_id, uploads, resolved)
        data = {"custom_id": shown.modal["custom_id"], "components": components, "resolved": resolved}
        shown.modal_consumed = True
        return self._send(
            InteractionType.MODAL_SUBMIT,
            user_id,
            shown.channel_id,
            data,
            name=shown.modal["custom_id"],
            source_id=shown.source_message_id,
        )

    # ------------------------------------------------------------------ trouble

    def expire_token(self, interaction_id: int) -> None:
        """Let an interaction's token be dead from now on, as is seen at times."""
        self._books.interactions[interaction_id].token_expires_ms = 0

    def delete_message(self, message_id: int) -> None:
        """Delete a message, as a moderator does."""
        self._backend.delete_message(self._books.messages[message_id].channel_id, message_id)

    def delete_channel(self, channel_id: int) -> None:
        """Delete a channel with everything in it."""
        self._backend.delete_channel(channel_id)

    def remove_bot(self, guild_id: int) -> None:
        """Throw the bot out of a server."""
        guild = self._backend.get_guild(guild_id)
        guild.members.pop(self._backend.bot_user.id)
        self._backend.emit("GUILD_DELETE", {"id": str(guild_id)})

    def add_bot(self, guild_id: int) -> None:
        """Let the bot into a server again."""
        roles = [role.id for role in self._backend.get_guild(guild_id).roles.values() if role.managed]
        self._backend.add_member(guild_id, self._backend.bot_user.id, roles=roles)
        self._backend.emit("GUILD_CREATE", self._backend.guild_payload(guild_id))

    def set_permissions(
        self,
        channel_id: int,
        *,
        allow: list[str] | None = None,
        deny: list[str] | None = None,
        user_id: int | None = None,
    ) -> None:
        """Set what the bot, or ``user_id``, is allowed and denied in a channel, by discord.py's names."""
        allowed = discord.Permissions(**dict.fromkeys(allow or [], True)).value
        denied = discord.Permissions(**dict.fromkeys(deny or [], True)).value
        target = self._backend.bot_user.id if user_id is None else user_id
        self._backend.set_overwrite(channel_id, Overwrite(target, OverwriteType.MEMBER, allowed, denied))

    def close_direct_messages(self, user_id: int, *, closed: bool = True) -> None:
        """Let a person take no direct messages from the bot."""
        (self._backend.closed_to_bot.add if closed else self._backend.closed_to_bot.discard)(user_id)

    # ------------------------------------------------------------------ below

    def _send(
        self,
        kind: InteractionType,
        user_id: int,
        channel_id: int,
        data: dict[str, Any],
        *,
        name: str,
        source_id: int | None = None,
    ) -> InteractionRecord:
        guild_id = self._guild_of(user_id, channel_id)
        known, payload = interactions.base_payload(
            self._backend, type=kind, channel_id=channel_id, guild_id=guild_id, user_id=user_id, data=data
        )
        # The wire keeps these two itself, and answers as Discord does when they are over.
        known.expires_at = known.initial_response_deadline = None
        known.source_message_id = source_id
        limit = self._rules.interaction_upload_bytes
        limit = self._backend.upload_limit_bytes(channel_id) if limit is None else limit
        told = self._rules.announced_upload_bytes
        payload["attachment_size_limit"] = limit if told is None else told
        payload["authorizing_integration_owners"] = {"0": str(guild_id or 0)}
        if source_id is not None:
            source = self._backend.get_message(channel_id, source_id)
            payload["message"] = dict(serializers.message_payload(self._backend, source))
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
        )
        self._books.open(record)
        self._backend.emit("INTERACTION_CREATE", payload)
        return record

    def _on_message(self, user_id: int, message: Any, data: dict[str, Any]) -> InteractionRecord:
        return self._send(
            InteractionType.MESSAGE_COMPONENT,
            user_id,
            message.channel_id,
            {name: value for name, value in data.items() if value is not None},
            name=data["custom_id"],
            source_id=message.id,
        )

    def _options(
        self,
        command: str,
        leaf: dict[str, Any],
        options: dict[str, Any],
        resolved: dict[str, Any],
        user_id: int,
        channel_id: int,
    ) -> list[dict[str, Any]]:
        declared = {option["name"]: option for option in leaf.get("options") or []}
        plain = {name: value for name, value in options.items() if declared.get(name, {}).get("type") not in _ENTITIES}
        entities = options.keys() - plain.keys()
        kept = [option for name, option in declared.items() if name not in entities]
        accepted = interactions.check_options(command, {**leaf, "options": kept}, plain)
        filled = []
        for name, option in declared.items():
            if name in entities:
                self._resolve(int(options[name]), resolved, user_id, channel_id)
                value: Any = str(options[name])
            elif name not in accepted:
                continue
            elif option["type"] == OptionType.ATTACHMENT:
                filename, content = accepted[name]
                value = interactions.store_interaction_attachment(
                    self._backend, channel_id, filename, content, resolved
                )
            else:
                value = accepted[name]
            filled.append({"name": name, "type": option["type"], "value": value})
        return filled

    def _resolve(self, entity_id: int, resolved: dict[str, Any], user_id: int, channel_id: int) -> None:
        """Add a person, role or channel to ``resolved``; raises ValueError."""
        backend, key = self._backend, str(entity_id)
        guild_id = backend.get_channel(channel_id).guild_id
        guild = backend.get_guild(guild_id) if guild_id is not None else None
        if entity_id in backend.users:
            resolved.setdefault("users", {})[key] = dict(serializers.user_payload(backend.get_user(entity_id)))
            if guild is not None and entity_id in guild.members:
                member = serializers.member_payload(backend, guild, guild.members[entity_id], with_user=False)
                resolved.setdefault("members", {})[key] = {
                    **member,
                    "permissions": str(backend.compute_permissions(guild.id, entity_id, channel_id)),
                }
        elif guild is not None and entity_id in guild.roles:
            resolved.setdefault("roles", {})[key] = dict(serializers.role_payload(guild.roles[entity_id]))
        elif guild is not None and entity_id in guild.channel_ids:
            channel = serializers.channel_payload(backend, backend.get_channel(entity_id))
            rights = str(backend.compute_permissions(guild.id, user_id, entity_id))
            resolved.setdefault("channels", {})[key] = {**channel, "permissions": rights}
        else:
            raise ValueError(f"nobody and nothing has the id {entity_id}")

    def _person(self, user_id: int) -> _Person:
        return _Person(user_id, SimpleNamespace(backend=self._backend))

    def _guild_of(self, user_id: int, channel_id: int) -> int | None:
        if not channel_accessible(self._backend, channel_id, user_id):
            raise ValueError("this person does not see that channel")
        guild_id = self._backend.get_channel(channel_id).guild_id
        if guild_id is not None and not self._backend.bot_in(guild_id):
            raise ValueError("the bot is not in that server")
        return guild_id

    def _visible(self, user_id: int, message_id: int) -> Any:
        message = self._backend.get_message(self._books.messages[message_id].channel_id, message_id)
        if not message.visible_to(user_id):
            raise ValueError("this person does not see that message")
        return message

    def _component(self, message: Any, types: tuple[int, ...], custom_id: str) -> dict[str, Any]:
        known = [component.get("custom_id") for component in walk_components(message.components)]
        exact = next((name for name in known if name is not None and re.fullmatch(custom_id, name)), custom_id)
        return actors._find_component(
            message.components, types=types, custom_id=custom_id if custom_id in known else exact, label=None
        )
