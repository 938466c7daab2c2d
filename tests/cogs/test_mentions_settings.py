"""Mentions where the operator has set things differently; each test has a world of its own."""

from __future__ import annotations

from tests.cogs.conftest import OpenWorld, text_of
from tests.cogs.test_mentions import answers, files, reference_names, view_of, words


async def test_with_the_intent_such_a_reply_is_a_request(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(message_content_intent=True)
    bob = world.member("bob")
    posted = await world.say(bob, "my cat", files=[*files("cat.png"), ("notes.pdf", b"%PDF-1.7")])
    await world.say(world.alice, f"{world.mention} with a hat", files=files("hat.png", first=9), reply_to=posted)
    view = await view_of(world, "with a hat")
    assert reference_names(view) == ["cat.png", "hat.png"], "what one replies to comes first, then one's own"
    link = await world.say(bob, "see", embeds=[{"type": "rich", "image": {"url": "https://elsewhere.example/x.png"}}])
    await world.say(world.alice, f"{world.mention} from elsewhere", reply_to=link)
    await world.idle()
    assert "Paint this without an image?" in text_of(answers(world)[-1]), "only Discord's own copies are fetched"


async def test_a_refusal_is_a_reply(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(member_credits_per_month=10, max_running_per_member=1)
    await world.say(world.alice, f"{world.mention} the first", files=files("cat.png"))
    await world.idle()
    asked = await world.say(world.alice, f"{world.mention} the second", files=files("cat.png"))
    await world.idle()
    refused = answers(world)[-1]
    assert "This costs 8 credits, you have 2" in text_of(refused)
    assert "Nothing was charged." in text_of(refused)
    assert world.env.backend.get_message(world.channel.id, refused.id).reference["message_id"] == str(asked.id)
    await world.say(world.alice, f"{world.mention} the third, of words")
    assert "This costs 8 credits, you have 2" in text_of(answers(world)[-1]), "nobody agrees to what can't be"
    await world.check_books(charged=8)


async def test_a_server_that_is_not_on_the_list_is_told_so(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(allowed_guilds=frozenset({1}))
    await world.say(world.alice, f"{world.mention} a cat", files=files("cat.png"))
    assert "I am not switched on in this server." in words(world)
    await world.check_books(charged=0)
