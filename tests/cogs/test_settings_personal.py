"""What is for servers, tried in direct messages: by command, and by presses as nobody's client would send them."""

from __future__ import annotations

from typing import Any

import pytest
from simcord.actors import _dispatch_actor_interaction
from simcord.backend import serializers
from simcord.backend.errors import SetupError
from simcord.builders import ChannelHandle

from bot.ui import moderation_ids, settings_ids
from tests.cogs.conftest import OpenWorld, text_of

PRESSES = (
    settings_ids.settings_page("main"), settings_ids.setting_switch("private_allowed", on=False), settings_ids.words(),
    settings_ids.setup(), moderation_ids.bans(0), moderation_ids.report_ban(1), settings_ids.no_gallery(),
)  # fmt: skip


async def test_direct_messages_have_no_settings(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(personal_credits_per_month=100)
    person = world.env.create_user("alone")
    for name, options in [("settings", {}), ("setup", {}), ("bans", {}), ("ban", {"member": person})]:
        world.catch_up()
        with pytest.raises(SetupError, match="context"):
            await person.slash(name, **options)
    world.catch_up()
    asked = await person.slash("imagine", prompt="in private")
    await world.idle()
    backend = world.env.backend
    stored = backend.get_message(asked.response.channel_id, asked.response.id)
    channel: Any = ChannelHandle(world.env, world.guild, backend.get_channel(stored.channel_id))
    for custom_id in PRESSES:
        part = {"type": 2, "style": 2, "label": "forged", "custom_id": custom_id}
        shown = {**serializers.message_payload(backend, stored), "components": [{"type": 1, "components": [part]}]}
        data = {"component_type": 2, "custom_id": custom_id}
        world.catch_up()
        refused = await _dispatch_actor_interaction(
            person, 3, channel, data, extra={"message": shown}, source_message_id=stored.id
        )
        assert refused.modal is None
        assert text_of(refused.response).startswith("**Only those who "), custom_id
