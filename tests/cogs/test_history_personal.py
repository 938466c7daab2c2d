"""/history, /show, /queue and /preferences in direct messages: one's own pictures, not any server's."""

from __future__ import annotations

import re
from typing import Any

from tests.cogs.conftest import OpenWorld, text_of
from tests.cogs.results import more


async def test_direct_messages_have_their_own_list(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(personal_credits_per_month=100)
    person = world.env.create_user("both")
    member = world.guild.add_member(person)

    async def directly(name: str, **options: Any) -> Any:
        world.catch_up()
        return await person.slash(name, **options)

    await world.imagine("made in the server", who=member)
    await directly("imagine", prompt="made in private")
    await world.idle()
    listed = await directly("history")
    assert "**made in private**" in text_of(listed.response)
    assert "server" not in text_of(listed.response)
    assert "private" not in text_of((await world.slash(member, "history")).response)
    offered = await person.autocomplete("show", "id", "")
    assert [choice["name"].split(" · ")[0] for choice in offered] == ["made in private"]
    shown = await directly("show", id=offered[0]["value"])
    assert "**made in private**" in text_of(shown.response)
    details = await more(world, person, shown.response, "Details")
    assert re.search(r"ledger: #\d+ held, #\d+ charged", text_of(details.response)), "paid by an allowance of one's own"
    queue = await directly("queue")
    assert "Outside of servers: nothing in work." in text_of(queue.response)
    panel = await directly("preferences")
    assert "**Your preferences**" in text_of(panel.response)
    credits_left = await directly("credits")
    assert "**92 credits left** of 100" in text_of(credits_left.response)
