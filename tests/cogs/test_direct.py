"""Words to the bot itself, in direct messages."""

from __future__ import annotations

import pytest

from tests.cogs.conftest import OpenWorld, text_of


@pytest.mark.parametrize("words", ["{mention} hello", "a cat on a bicycle"])
@pytest.mark.parametrize("personal", [0, 100])
async def test_whoever_writes_to_the_bot_itself_is_told_how_it_is_used(
    open_discord_world: OpenWorld, words: str, personal: int
) -> None:
    world = await open_discord_world(personal_credits_per_month=personal)
    for _ in range(3):
        await world.say(world.alice, words.format(mention=world.mention), direct=True)
    await world.idle()
    _, told, *others = world.direct_messages(world.alice)
    expected = "**Use /imagine here.**" if personal else "**I paint in servers only.**"
    assert text_of(told).startswith(expected)
    assert len(others) == 2, "said once, however much is written"
    assert world.rivya.books.tasks == []
    await world.advance(11 * 60)
    await world.say(world.alice, "hello again", direct=True)
    assert text_of(world.direct_messages(world.alice)[-1]).startswith(expected)
