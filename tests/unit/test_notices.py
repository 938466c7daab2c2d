"""What could not be shown is told at the next use: what waits and what failed, once, and again if it was not said."""

import pytest

from bot.generations.protocols import DeliveryFault
from bot.generations.service import NOTICE_S
from bot.generations.states import DeliveryState, PictureState
from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.ui.failure import notice_card
from tests.clocks import TestClock
from tests.world import ALICE, BOB, GUILD, World


@pytest.fixture(autouse=True)
def unreachable(world: World) -> None:
    world.discord.refuse = lambda _rung, _try: DeliveryFault.NO_ACCESS


async def failed(world: World) -> str:
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_FAILS))
    request_id = await world.imagine()
    await world.until_idle()
    assert (await world.view(request_id)).delivery is DeliveryState.KEPT
    return request_id


async def test_a_failure_that_could_not_be_shown_is_told_with_what_became_of_the_credits(world: World) -> None:
    request_id = await failed(world)
    notices = await world.core.generations.notices(user_id=ALICE, guild_id=GUILD)
    assert (notices.waiting, [view.id for view in notices.failed]) == (0, [request_id])
    said = str(notice_card(notices.waiting, notices.failed).to_components())
    assert "A request of yours brought no picture, and I could not tell you where you asked." in said
    assert f"“{notices.failed[0].prompt}”" in said
    assert "Nothing was charged; your 8 credits are back." in said
    assert "waits" not in said
    await world.check_books(charged=0)


async def test_what_waits_and_what_failed_are_told_together(world: World) -> None:
    await failed(world)
    await world.imagine()
    await world.until_idle()
    notices = await world.core.generations.notices(user_id=ALICE, guild_id=GUILD)
    said = str(notice_card(notices.waiting, notices.failed).to_components())
    assert "A picture of yours waits in /history." in said
    assert "A request of yours brought no picture" in said
    assert not await world.core.generations.notices(user_id=BOB, guild_id=GUILD)


async def test_a_late_picture_is_told_of_once_it_is_given_up_and_again_when_it_comes_after_all(world: World) -> None:
    generations = world.core.generations
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=30 * 3600))
    request_id = await world.imagine()
    await world.until(lambda: world.rivya.books.tasks)
    await world.pass_time(1300, step_s=30)
    await world.until_delivery(request_id, DeliveryState.KEPT)
    assert not await generations.notices(user_id=ALICE, guild_id=GUILD)

    async def given_up() -> bool:
        world.clock.advance(600)
        return (await world.view(request_id)).pictures[0].charged_credits == 0

    await world.until(given_up)
    notices = await generations.notices(user_id=ALICE, guild_id=GUILD)
    said = str(notice_card(notices.waiting, notices.failed).to_components())
    assert "it will be in /history if still made. 8 credits are back; if it still comes, it is free." in said
    await generations.noticed(notices)

    async def come() -> bool:
        world.clock.advance(600)
        return (await world.view(request_id)).pictures[0].state is PictureState.FETCHED

    await world.until(come)
    assert (await generations.notices(user_id=ALICE, guild_id=GUILD)).waiting == 1


async def test_what_was_not_said_is_given_again_and_what_was_said_never(world: World, clock: TestClock) -> None:
    await failed(world)
    generations = world.core.generations
    assert await generations.notices(user_id=ALICE, guild_id=GUILD)
    assert not await generations.notices(user_id=ALICE, guild_id=GUILD)  # another command tells it just now
    clock.advance(NOTICE_S)  # and could not
    notices = await generations.notices(user_id=ALICE, guild_id=GUILD)
    assert notices
    await generations.noticed(notices)
    clock.advance(NOTICE_S)
    assert not await generations.notices(user_id=ALICE, guild_id=GUILD)
