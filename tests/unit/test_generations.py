"""From accept to the posted picture, over a real database and a real socket."""

from __future__ import annotations

import pytest

from bot.generations.protocols import DeliveryFault
from bot.generations.states import DeliveryState, PictureState, RequestState, Rung
from tests.world import World


async def test_a_picture_is_made_posted_and_paid_for_once(world: World) -> None:
    request_id = await world.imagine("a red panda in a raincoat", references=(world.cdn.add("cat.png"),))
    await world.until_idle()

    view = await world.view(request_id)
    assert view.state is RequestState.SETTLED
    assert [picture.state for picture in view.pictures] == [PictureState.FETCHED]
    assert view.charged_credits == 8
    assert view.delivery is DeliveryState.SHOWN
    (post,) = world.discord.posts
    assert post.rung is Rung.EDIT_MESSAGE
    assert len(post.files) == 1
    (task,) = world.rivya.books.tasks
    assert task.prompt == "a red panda in a raincoat"
    assert len(task.params["referenceMediaItems"]) == 1
    assert world.rivya.books.total_charged == 8
    assert await world.left() == 160 - 8
    assert (await world.audit()).clean


@pytest.mark.parametrize("private", [True, False])
async def test_where_an_owner_posts_a_private_picture_is_not_where_late_ones_go(world: World, private: bool) -> None:
    world.discord.refuse = lambda _rung, _try: DeliveryFault.NO_ACCESS
    request_id = await world.imagine(private=private)
    await world.until_idle()
    await world.core.generations.posted_again(request_id, channel_id=77, message_id=88)
    view = await world.view(request_id)
    assert view.delivery is DeliveryState.SHOWN
    assert view.delivered_message_id == (None if private else 88)
