"""What keeps a result back: its size, and errors of our own."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bot.generations.protocols import DeliveryFault
from bot.generations.states import Rung
from tests.clocks import TestClock
from tests.unit.ladder import CHANNEL, DIRECT, EDIT, KEPT, ORIGINAL, SHOWN, F, ended
from tests.world import GUILD, MIB, World, Worlds


async def test_what_is_too_large_is_made_smaller_until_it_fits(worlds: Worlds, clock: TestClock) -> None:
    clock.slow_down(5)
    worlds.rivya.variants.quick_pictures = False
    worlds.rivya.variants.heavy_pictures = True
    async with worlds.open() as world:
        world.discord.most_bytes = 700_000
        await world.imagine(count=2)
        await world.until_idle()
        sizes = [sum(post.sizes) for post in world.discord.attempts]
        assert all(later < earlier for earlier, later in pairwise(sizes))
        assert sizes[-1] <= 700_000 < sizes[0]
        (post,) = world.discord.posts
        assert all(file.fitted for file in post.files)
        assert "Made smaller to fit" in post.words
        await world.check_books(charged=16)


async def test_what_can_not_be_made_small_enough_waits_in_the_history(worlds: Worlds) -> None:
    async with worlds.open() as world:
        world.discord.most_bytes = 10
        request_id = await world.imagine()
        await world.until_idle()
        assert (await world.view(request_id)).delivery is KEPT
        assert world.discord.tries == [EDIT, ORIGINAL, CHANNEL, DIRECT]
        assert await world.told() == 1


async def test_a_later_way_has_its_own_limit(worlds: Worlds) -> None:
    worlds.rivya.variants.quick_pictures = False
    worlds.rivya.variants.heavy_pictures = True
    async with worlds.open() as world:
        world.discord.limit_bytes = 400_000
        world.discord.refuse = lambda rung, _try: F.NO_ACCESS if rung is EDIT else None
        await world.imagine(origin=world.origin(upload_limit_bytes=25 * MIB))
        await world.until_idle()
        first, second = world.discord.attempts
        assert first.sizes[0] <= 400_000
        assert not second.files[0].fitted


# --- errors of our own ---


async def test_a_result_that_an_error_of_ours_keeps_back_waits_in_the_history(worlds: Worlds) -> None:
    tries: list[Rung] = []

    def broken(rung: Rung, _number: int) -> F:
        tries.append(rung)
        raise OSError(2, "No such file or directory")

    worlds.discord.refuse = broken
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until_idle(step_s=5)
        assert len(tries) == 5
        assert (await world.view(request_id)).delivery is KEPT
        assert await world.told() == 1
        await world.check_books(charged=8)


@pytest.mark.parametrize(
    ("error", "times"), [(ValueError("as the test wants it"), 4), (OSError(28, "No space left on device"), 40)]
)
async def test_an_error_of_ours_that_passes_loses_no_result(worlds: Worlds, error: Exception, times: int) -> None:
    def broken(_rung: Rung, number: int) -> F | None:
        if number <= times:
            raise error
        return None

    worlds.discord.refuse = broken
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until_idle(step_s=5)
        assert len(world.discord.posts) == 1
        assert (await world.view(request_id)).delivery is SHOWN


async def test_progress_that_can_not_be_drawn_keeps_no_result_back(worlds: Worlds) -> None:
    """However often it fails: there is nothing in the history yet."""
    worlds.rivya.variants.task_s = (600.0, 600.0)

    def broken(_rung: Rung) -> F:
        raise ValueError("as the test wants it")

    worlds.discord.refuse_progress = broken
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until_idle(step_s=5)
        assert len(world.discord.posts) == 1
        assert (await world.view(request_id)).delivery is SHOWN


async def test_progress_that_is_refused_for_good_is_not_tried_again(worlds: Worlds) -> None:
    tries = []

    def refuse(rung: Rung) -> F:
        tries.append(rung)
        return F.NO_ACCESS

    worlds.discord.refuse_progress = refuse
    async with worlds.open() as world:
        await world.imagine()
        await world.until_idle()
        assert tries == [ORIGINAL, EDIT]
        assert len(world.discord.posts) == 1


async def test_a_file_that_somebody_removed_does_not_keep_the_others_from_their_owner(worlds: Worlds) -> None:
    async with worlds.open() as world:
        world.discord.refuse = lambda _rung, _try: F.TRANSIENT
        request_id = await world.imagine(count=2)
        await world.until(lambda: world.discord.attempts)
        view = await world.view(request_id)
        (worlds.folder / str(view.pictures[0].path)).unlink()
        world.discord.refuse = lambda _rung, _try: None
        await ended(world, request_id)
        assert [file.position for file in world.discord.posts[-1].files] == [2]


async def test_what_waits_in_one_server_is_told_there(world: World) -> None:
    world.discord.refuse = lambda _rung, _try: DeliveryFault.NO_ACCESS
    await world.imagine()
    await world.until_idle()
    assert await world.told(GUILD + 1) == 0
    assert await world.told() == 1
