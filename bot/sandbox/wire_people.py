"""What people do: use commands and menus, press buttons, send modals off, write messages.

Each call sends its event and returns at once; what the bot makes of it is in the books.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

from simcord import actors, interactions
from simcord.backend import serializers
from simcord.components import walk_components
from simcord.enums import SELECT_TYPES, AppCommandType, ComponentType, InteractionType, OptionType

from bot.clock import Clock
from bot.sandbox.wire_backend import WireBackend
from bot.sandbox.wire_books import InteractionRecord, WireBooks
from bot.sandbox.wire_modals import fill_modal
from bot.sandbox.wire_rules import WireRules
from bot.sandbox.wire_sending import Sender
from bot.sandbox.wire_talk import post
from bot.sandbox.wire_world import World

ANSWER_PATIENCE_S: Final = 30.0
"""Real seconds that a person waits for an autocomplete's choices."""
_ENTITIES: Final = {OptionType.USER, OptionType.CHANNEL, OptionType.ROLE, OptionType.MENTIONABLE}


class People(World):
    """Acts for people; ids are Discord's. Raises ValueError, or simcord's SetupError, for what nobody could do."""

    def __init__(self, *, backend: WireBackend, books: WireBooks, clock: Clock, rules: WireRules) -> None:
        super().__init__(backend=backend, books=books, clock=clock, rules=rules)
        self._sender = Sender(backend=backend, books=books, clock=clock, rules=rules)
        self._submitted: dict[int, InteractionRecord] = {}

    # ------------------------------------------------------------------ messages

    async def say(
        self,
        user_id: int,
        channel_id: int,
        text: str = "",
        *,
        files: list[Any] | None = None,
        reply_to: int | None = None,
        forward: int | None = None,
        embeds: list[dict[str, Any]] | None = None,
        components: list[dict[str, Any]] | None = None,
        ping: bool = True,
    ) -> int:
        """Post a message and return its id.

        ``files`` are ``(filename, bytes)``; ``reply_to`` and ``forward`` are messages' ids, and ``ping`` is what the
        real client asks at a reply; ``embeds`` stand for what Discord makes of links, and their image or thumbnail may
        be a file; ``components`` (V2) are for other bots.
        """
        message = post(
            self._backend,
            user_id,
            channel_id,
            text,
            files=files or [],
            reply=self._visible(user_id, reply_to) if reply_to is not None else None,
            forward=self._visible(user_id, forward) if forward is not None else None,
            embeds=embeds or [],
            components=components or [],
            ping=ping,
        )
        return int(message.id)

    # ------------------------------------------------------------------ commands

    async def slash(self, user_id: int, channel_id: int, command: str, /, **options: Any) -> InteractionRecord:
        """Use a registered slash command (``"quota set"`` for a subcommand).

        Attachments are ``(filename, bytes)``; people, channels and roles are ids.
        """
        root, leaf, nesting = self._leaf(user_id, channel_id, command)
        resolved: dict[str, Any] = {}
        filled = self._options(command, leaf, options, resolved, user_id, channel_id)
        data = self._command_data(root, options=interactions.nest_options(root, nesting, filled))
        if resolved:
            data["resolved"] = resolved
        return self._use(user_id, channel_id, root, data, name=command)

    async def autocomplete(
        self, user_id: int, channel_id: int, command: str, /, *, focused: str, value: str, **others: Any
    ) -> list[dict[str, Any]]:
        """Type ``value`` into the option ``focused`` and return the choices that the bot offers.

        ``others`` are the options that are filled in already. Raises ValueError when the bot's answer is refused or
        does not come.
        """
        root, leaf, nesting = self._leaf(user_id, channel_id, command)
        declared = {option["name"]: option for option in leaf.get("options") or []}
        if not declared.get(focused, {}).get("autocomplete"):
            raise ValueError(f"/{command} has no {focused} that completes itself")
        given = interactions.check_options(command, leaf, others, partial=True)
        options = [
            {"name": name, "type": declared[name]["type"], "value": item}
            for name, item in given.items()
            if not isinstance(item, tuple)
        ]
        options.append({"name": focused, "type": declared[focused]["type"], "value": value, "focused": True})
        data = self._command_data(root, options=interactions.nest_options(root, nesting, options))
        kind = InteractionType.APPLICATION_COMMAND_AUTOCOMPLETE
        asked = self._use(user_id, channel_id, root, data, name=command, kind=kind)
        try:
            await self._books.until(lambda: asked.acknowledged_ms or asked.refused, ANSWER_PATIENCE_S)
        except TimeoutError:
            raise ValueError(f"no choices came for {focused} of /{command}") from None
        if asked.acknowledged_ms is None:
            raise ValueError(f"the choices for {focused} of /{command} were refused: {asked.refused}")
        return asked.choices or []

    async def message_menu(self, user_id: int, message_id: int, command: str, /) -> InteractionRecord:
        """Right-click on a message and choose ``command`` under Apps."""
        message = self._visible(user_id, message_id)
        root = self._sender.command(user_id, message.channel_id, command, AppCommandType.MESSAGE)
        shown = self._backend.message_payload(message)
        resolved = {"messages": {str(message_id): shown}}
        data = self._command_data(root, target_id=str(message_id), resolved=resolved)
        return self._use(user_id, message.channel_id, root, data, name=command)

    async def user_menu(self, user_id: int, channel_id: int, target_id: int, command: str, /) -> InteractionRecord:
        """Right-click on a person and choose ``command`` under Apps."""
        root = self._sender.command(user_id, channel_id, command, AppCommandType.USER)
        resolved: dict[str, Any] = {}
        self._resolve(target_id, resolved, user_id, channel_id)
        if "users" not in resolved:
            raise ValueError("that is nobody")
        data = self._command_data(root, target_id=str(target_id), resolved=resolved)
        return self._use(user_id, channel_id, root, data, name=command)

    # ------------------------------------------------------------------ components and modals

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
        """Send off the modal that ``interaction_id`` was answered with; ``values`` by custom id.

        Text, a boolean, an option's value, a list of values or ids, ``(filename, bytes)`` or a list of files; what is
        not named stays as the bot prefilled it. A modal that was not acknowledged in time stays open: it can be sent
        again.
        """
        opened = self._books.interactions[interaction_id]
        before = self._submitted.get(interaction_id)
        missed = before is None or (before.acknowledged_ms is None and self._clock.now_ms() >= before.deadline_ms)
        if opened.modal is None or not missed or opened.user_id != user_id:
            raise ValueError("this person has no modal open from that interaction")
        channel_id = opened.channel_id
        components, resolved = fill_modal(
            opened.modal,
            values,
            resolve=lambda entity_id, found: self._resolve(entity_id, found, user_id, channel_id),
            store=partial(interactions.store_interaction_attachment, self._backend, channel_id),
        )
        data = {"custom_id": opened.modal["custom_id"], "components": components}
        if resolved:
            data["resolved"] = resolved
        sent = self._sender.send(
            InteractionType.MODAL_SUBMIT,
            user_id,
            channel_id,
            data,
            name=opened.modal["custom_id"],
            owners=opened.owners,
            source_id=self._backend.interactions[interaction_id].source_message_id,
        )
        self._submitted[interaction_id] = sent
        return sent

    # ------------------------------------------------------------------ below

    def _leaf(self, user_id: int, channel_id: int, command: str) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        first, *path = command.split()
        root = self._sender.command(user_id, channel_id, first, AppCommandType.CHAT_INPUT)
        leaf, nesting = interactions.walk_to_subcommand(root, path)
        return root, leaf, nesting

    def _command_data(self, root: dict[str, Any], **more: Any) -> dict[str, Any]:
        data = {"id": root["id"], "name": root["name"], "type": root["type"], **more}
        if root.get("guild_id"):
            data["guild_id"] = root["guild_id"]
        return data

    def _use(
        self,
        user_id: int,
        channel_id: int,
        root: dict[str, Any],
        data: dict[str, Any],
        *,
        name: str,
        kind: InteractionType = InteractionType.APPLICATION_COMMAND,
    ) -> InteractionRecord:
        owners = self._sender.owners(root, user_id, channel_id)
        return self._sender.send(kind, user_id, channel_id, data, name=name, owners=owners)

    def _on_message(self, user_id: int, message: Any, data: dict[str, Any]) -> InteractionRecord:
        return self._sender.send(
            InteractionType.MESSAGE_COMPONENT,
            user_id,
            message.channel_id,
            {name: value for name, value in data.items() if value is not None},
            name=data["custom_id"],
            owners=self._sender.owners_of_message(message),
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

    def _component(self, message: Any, types: tuple[int, ...], custom_id: str) -> dict[str, Any]:
        known = [component.get("custom_id") for component in walk_components(message.components)]
        exact = next((name for name in known if name is not None and re.fullmatch(custom_id, name)), custom_id)
        return actors._find_component(
            message.components, types=types, custom_id=custom_id if custom_id in known else exact, label=None
        )
