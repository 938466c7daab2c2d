"""What is removed, when, and what never is."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import text

from bot.generations.protocols import DeliveryFault
from bot.generations.repository import GenerationsRepository
from bot.generations.states import DeliveryState, PictureState, ReferenceState
from bot.generations.store import FileStore
from bot.generations.upkeep import REFERENCES_S, Upkeep
from tests.clocks import TestClock
from tests.world import World, Worlds, png

DAY_S = 24 * 3600


def upkeep(world: World, *, ceiling_bytes: int = 10**9) -> Upkeep:
    return Upkeep(database=world.database, store=world.core.store, clock=world.clock, results_max_bytes=ceiling_bytes)


async def paths(world: World, *request_ids: str) -> list[Path | None]:
    found = []
    for request_id in request_ids:
        (picture,) = (await world.view(request_id)).pictures
        found.append(world.core.store.absolute(picture.path) if picture.path else None)
    return found


async def painted(world: World) -> str:
    request_id = await world.imagine()
    await world.until_idle()
    world.clock.advance(1)
    return request_id


async def test_past_the_ceiling_the_oldest_delivered_ones_go(world: World) -> None:
    first, second = await painted(world), await painted(world)
    world.discord.refuse = lambda _rung, _try: DeliveryFault.NO_ACCESS
    kept = await painted(world)
    world.discord.refuse = lambda _rung, _try: None
    last = await painted(world)
    before = await paths(world, first, second, kept, last)
    sizes = [path.stat().st_size for path in before if path is not None]

    await upkeep(world, ceiling_bytes=sum(sizes)).make_room()
    assert await paths(world, first, second, kept, last) == before

    await upkeep(world, ceiling_bytes=sum(sizes) - sizes[0] - 1).make_room()
    assert await paths(world, first, second, kept, last) == [None, None, *before[2:]]
    assert [path.exists() for path in before if path] == [False, False, True, True]
    assert (await world.view(first)).pictures[0].bytes_dropped_at_ms is not None

    # What its owner has never got is not room to be made, however short it is.
    world.discord.refuse = lambda _rung, _try: DeliveryFault.TRANSIENT
    on_its_way = await world.imagine()
    await world.until_state(on_its_way, PictureState.FETCHED)
    await upkeep(world, ceiling_bytes=0).make_room()
    assert await paths(world, kept, last) == [before[2], None]
    assert (await paths(world, on_its_way))[0] is not None
    await world.check_books(charged=40)


async def test_an_undelivered_picture_is_kept_for_thirty_days_after_the_notice(world: World, clock: TestClock) -> None:
    world.discord.refuse = lambda _rung, _try: DeliveryFault.NO_ACCESS
    request_id = await painted(world)
    assert (await world.view(request_id)).delivery is DeliveryState.KEPT
    clock.advance(90 * DAY_S)
    await upkeep(world).make_room()
    assert (await paths(world, request_id))[0] is not None  # nobody has told its owner yet
    assert await world.told() == 1
    clock.advance(29 * DAY_S)
    await upkeep(world).make_room()
    assert (await paths(world, request_id))[0] is not None
    clock.advance(2 * DAY_S)
    await upkeep(world).make_room()
    assert await paths(world, request_id) == [None]
    assert await world.told() == 0


async def test_tokens_are_forgotten_when_they_die(world: World, clock: TestClock) -> None:
    await painted(world)
    await upkeep(world).purge_tokens()

    async def tokens() -> int:
        async with world.database.read() as tx:
            result = await tx.exec_driver_sql("SELECT count(*) FROM requests WHERE interaction_token IS NOT NULL")
            return int(result.scalar_one())

    assert await tokens() == 1
    clock.advance(15 * 60)
    await upkeep(world).purge_tokens()
    assert await tokens() == 0


async def test_references_stay_for_a_month_after_their_request_has_ended(worlds: Worlds) -> None:
    worlds.rivya.variants.task_s = (100.0, 100.0)
    async with worlds.open() as world:
        request_id = await world.imagine(references=(world.cdn.add("a.png"), world.cdn.add("b.png")))
        await world.until(lambda: worlds.rivya.books.tasks)
        world.clock.advance(REFERENCES_S + 60)
        await upkeep(world).drop_references()
        assert len(list((worlds.folder / "references").iterdir())) == 2  # it has not ended
        await world.until_idle(step_s=60)
        await upkeep(world).drop_references()
        assert len(list((worlds.folder / "references").iterdir())) == 2
        (worlds.folder / "references" / f"{request_id}-1").unlink()  # somebody was faster
        world.clock.advance(REFERENCES_S + 60)
        await upkeep(world).drop_references()
        assert list((worlds.folder / "references").iterdir()) == []
        images = (await world.view(request_id)).references
        assert {image.state for image in images} == {ReferenceState.DROPPED}
        assert not any(image.kept for image in images)


async def test_past_a_quarter_of_the_room_the_oldest_references_go(world: World) -> None:
    first = await world.imagine(references=(world.cdn.add("a.png"),))
    await world.until_idle()
    world.clock.advance(5)
    second = await world.imagine(references=(world.cdn.add("b.png", png(64, 64)),))
    await world.until_idle()
    size = (await world.view(second)).references[0].size_bytes
    await upkeep(world, ceiling_bytes=4 * size).drop_references()
    assert [image.kept for one in (first, second) for image in (await world.view(one)).references] == [False, True]


async def test_references_of_a_void_request_go_at_once(world: World) -> None:
    request_id = await world.imagine(references=(world.cdn.add("a.png"),))
    await world.until_idle()
    async with world.database.read() as tx:
        assert len(await GenerationsRepository(tx).references.of_voids()) == 0
    await world.database.write(lambda tx: tx.execute(text("UPDATE requests SET state = 'void'")))
    await upkeep(world).drop_references()
    assert not (await world.view(request_id)).references[0].kept


async def test_missing_files_stop_nothing(world: World) -> None:
    first, second = await painted(world), await painted(world)
    for path in await paths(world, first, second):
        assert path is not None
        path.unlink()
    await upkeep(world, ceiling_bytes=0).make_room()
    assert await paths(world, first, second) == [None, None]


async def test_half_downloads_and_old_copies_are_cleared(worlds: Worlds) -> None:
    store = FileStore(worlds.folder)
    store.incoming("result-x").write_bytes(b"half")
    fitted = {name: store.fitted_folder / name for name in ("old.jpg", "new.jpg")}
    for path in fitted.values():
        path.write_bytes(b"copy")
    async with worlds.open() as world:
        assert not list(store.stray_files())
        now_s = world.clock.now_ms() / 1000
        os.utime(fitted["old.jpg"], (now_s - 25 * 3600,) * 2)
        os.utime(fitted["new.jpg"], (now_s,) * 2)
        await upkeep(world).make_room()
        assert [name for name, path in fitted.items() if path.exists()] == ["new.jpg"]


async def test_a_removed_folder_of_copies_is_made_again(world: World) -> None:
    world.core.store.fitted_folder.rmdir()
    await upkeep(world).make_room()
    assert world.core.store.fitted_folder.is_dir()
