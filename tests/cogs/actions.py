"""What members do in the virtual Discord beside slash commands: menus, messages, typing, modals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simcord.builders import ChannelHandle
from simcord.results import to_discord_message

File = tuple[str, bytes]


class Actions:
    """For a world with an ``env`` (simcord's), a ``channel`` where things happen, and a clock to ``catch_up``."""

    env: Any
    channel: Any

    def catch_up(self) -> None:
        """Let Discord's clock be at our time, once before each thing that happens there."""

    @property
    def mention(self) -> str:
        """The bot's mention, as a member writes it."""
        return f"<@{self.env.backend.bot_user.id}>"

    async def menu(self, who: Any, name: str, target: Any) -> Any:
        """Right-click on a message or a member and choose ``name`` under Apps; a member is one of ``channel``."""
        self.catch_up()
        channel = self.channel
        if hasattr(target, "content"):
            place = self.env.backend.get_channel(getattr(target, "channel_id", None) or target.channel.id)
            channel = ChannelHandle(self.env, who.guild, place)
        return await who.context_menu(channel, name, target)

    async def say(
        self,
        who: Any,
        text: str = "",
        *,
        channel: Any = None,
        direct: bool = False,
        files: Sequence[File] = (),
        reply_to: Any = None,
        forward: Any = None,
        embeds: Sequence[dict[str, Any]] = (),
    ) -> Any:
        """Post a message and return it (as discord.py has it, whole); ``direct``: to the bot.

        ``embeds`` stand for what Discord makes of links; they and direct messages go without ``reply_to``.
        """
        self.catch_up()
        channel, backend = channel or self.channel, self.env.backend
        if direct:
            place = backend.get_dm_channel(who.id).id
            attachments = backend.store_attachments(place, files)
            return await who.send_dm(text, attachments=attachments, embeds=list(embeds))
        if forward is not None:
            return await who.forward(forward, channel)
        if not embeds:
            return await who.send(channel, text, reply_to=reply_to, attachments=files)
        attachments = backend.store_attachments(channel.id, files)
        message = backend.create_message(channel.id, who.id, text, attachments=attachments, embeds=list(embeds))
        await self.env.settle()
        return to_discord_message(self.env, message)

    async def autocomplete(self, who: Any, command: str, option: str, typed: str, **filled: Any) -> list[Any]:
        """Type into an option, and return the choices that are offered, as Discord has them."""
        self.catch_up()
        choices: list[Any] = await who.autocomplete(self.channel, command, option, typed, **filled)
        assert len(choices) <= 25
        assert all(1 <= len(choice["name"]) <= 100 for choice in choices)
        return choices

    async def submit(self, who: Any, shown: Any, **values: Any) -> Any:
        """Send off the modal that ``shown`` was answered with; values by custom id.

        Text, lists of option values, members, roles or channels, a file ``(filename, bytes)`` or a list of them. For
        custom ids that are no Python names: ``**{"a:b": …}``. Prefilled texts have to be given again here.
        """
        self.catch_up()
        assert shown.modal is not None, "it was not answered with a modal"
        return await who.submit_modal(shown, values)
