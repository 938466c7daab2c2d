"""A person's tray: what comes in, what does not and why, and when the bytes go."""

from __future__ import annotations

import asyncio
import errno
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.errors import ReferenceRefused
from bot.generations.protocols import FetchError
from bot.generations.refusals import NotForYou
from bot.generations.repository import GenerationsRepository
from bot.generations.states import PictureState, RequestState
from bot.generations.tray import ADDS_AT_ONCE, MAX_IMAGES, TRAY_HOURS, Added, Left, NotAdded, TrayLimits
from bot.generations.values import Attachment, ReferenceImage, StoredImage
from bot.media import ImageKind, sniff
from tests.plans import Recorder, plan_of
from tests.world import ALICE, BOB, GUILD, World, png


def image(world: World, number: int, name: str | None = None) -> Attachment:
    return world.cdn.add(name or f"{number}.png", png(colour=(number, 20, 30)))


async def add(world: World, *images: ReferenceImage, user_id: int = ALICE) -> Added:
    return await world.core.tray.add(images, user_id=user_id, guild_id=GUILD)


async def names(world: World, user_id: int = ALICE) -> list[str]:
    return [found.filename for found in await world.core.tray.contents(user_id)]


def files(world: World) -> list[Path]:
    return sorted(world.core.store.tray_folder.iterdir())


def incoming(world: World) -> list[Path]:
    return list(world.core.store.stray_files())


async def test_images_are_kept_as_bytes_in_the_order_in_which_they_came(world: World) -> None:
    first, second = image(world, 1, "cat.png"), image(world, 2, "dog.png")
    assert await add(world, first, second) == Added(("cat.png", "dog.png"), (), 2)
    third = image(world, 3)
    await add(world, third)
    world.cdn.files.clear()  # the messages are deleted, the addresses dead
    kept = await world.core.tray.contents(ALICE)
    assert [found.filename for found in kept] == ["cat.png", "dog.png", "3.png"]
    assert [(found.width, found.height) for found in kept] == [(32, 24)] * 3
    assert all(sniff(found.path.read_bytes()[:64]) is ImageKind.PNG for found in kept)
    assert all(found.size_bytes == found.path.stat().st_size for found in kept)
    assert incoming(world) == []
    as_references = await world.core.tray.images(ALICE)
    assert [(found.kind, found.filename) for found in as_references] == [
        ("tray", "cat.png"), ("tray", "dog.png"), ("tray", "3.png"),
    ]  # fmt: skip
    assert await names(world, BOB) == []


async def test_where_it_was_taken_does_not_come_along(world: World) -> None:
    buffer = io.BytesIO()
    with Image.new("RGB", (40, 30), (9, 9, 9)) as photo:
        exif = photo.getexif()
        exif[0x0110] = "SECRET CAMERA"
        photo.save(buffer, "JPEG", exif=exif)
    assert b"SECRET CAMERA" in buffer.getvalue()
    await add(world, world.cdn.add("photo.jpg", buffer.getvalue()))
    (kept,) = await world.core.tray.contents(ALICE)
    assert b"SECRET CAMERA" not in kept.path.read_bytes()


async def test_what_is_no_image_is_named_and_the_others_come_in(world: World) -> None:
    pdf = world.cdn.add("really.png", b"%PDF-1.7 not a picture at all")
    cut = world.cdn.add("cut.png", png()[:60])
    huge = world.cdn.add("huge.png", declared_bytes=31_000_000)
    lying = world.cdn.add("lying.png", b"\x89PNG\r\n\x1a\n" + bytes(30_000_001), declared_bytes=10)
    added = await add(world, pdf, image(world, 1), cut, huge, lying)
    assert added.added == ("1.png",)
    assert added.left == (
        Left("really.png", NotAdded.REFUSED, "is a PDF. JPEG, PNG and WebP images work."),
        Left("cut.png", NotAdded.REFUSED, "is damaged and can't be read."),
        Left("huge.png", NotAdded.REFUSED, "is 31.0 MB; at most 30 MB work."),
        Left("lying.png", NotAdded.REFUSED, added.left[3].detail),
    )
    assert "at most 30" in added.left[3].detail
    assert huge.url not in world.cdn.fetched, "what says itself that it is too large is not fetched"
    assert len(files(world)) == 1
    assert incoming(world) == []


async def test_the_same_image_twice_is_one(world: World) -> None:
    first, again = image(world, 1, "cat.png"), image(world, 1, "cat (1).png")
    added = await add(world, first, again)
    assert (added.added, added.left) == (("cat.png",), (Left("cat (1).png", NotAdded.THERE),))
    assert (await add(world, first)).left == (Left("cat.png", NotAdded.THERE),)
    assert await names(world) == ["cat.png"]
    assert len(files(world)) == 1
    assert (await add(world, first, user_id=BOB)).added == ("cat.png",), "another person's tray is another tray"


async def test_eight_come_in_and_the_ninth_is_named(world: World) -> None:
    nine = [image(world, number) for number in range(1, 10)]
    added = await add(world, *nine)
    assert added.count == MAX_IMAGES == len(added.added)
    assert added.left == (Left("9.png", NotAdded.FULL),)
    fetched = len(world.cdn.fetched)
    assert (await add(world, nine[8])).left == (Left("9.png", NotAdded.FULL),)
    assert len(world.cdn.fetched) == fetched, "into a full tray nothing is fetched"
    await world.core.tray.remove(ALICE, (await world.core.tray.contents(ALICE))[0].id)
    assert (await add(world, nine[8])).added == ("9.png",)
    assert await names(world) == [f"{number}.png" for number in range(2, 10)]


async def test_two_messages_at_the_same_moment_do_not_overfill_it(world: World) -> None:
    world.cdn.doors.clear()
    first = asyncio.create_task(add(world, *(image(world, number) for number in range(1, 7))))
    second = asyncio.create_task(add(world, *(image(world, number) for number in range(11, 17))))
    await world.until(lambda: len(world.cdn.fetched) >= 4)
    world.cdn.doors.set()
    added = [await first, await second]
    assert len(await names(world)) == MAX_IMAGES == len(files(world))
    assert sum(len(one.added) for one in added) == MAX_IMAGES
    assert [item.why for one in added for item in one.left] == [NotAdded.FULL] * 4


async def test_one_person_does_not_keep_everybody_waiting(world: World) -> None:
    world.cdn.doors.clear()
    waiting = [asyncio.create_task(add(world, image(world, number))) for number in range(ADDS_AT_ONCE)]
    await world.until(lambda: len(world.cdn.fetched) == ADDS_AT_ONCE)
    assert (await add(world, image(world, 99))).left == (Left("99.png", NotAdded.BUSY),)
    world.cdn.doors.set()
    assert [(await task).added for task in waiting] == [(f"{number}.png",) for number in range(ADDS_AT_ONCE)]
    assert (await add(world, image(world, 99))).added == ("99.png",)


async def test_an_expired_address_is_named_and_a_hiccup_is_tried_again(world: World) -> None:
    gone, shaky, down = image(world, 1), image(world, 2), image(world, 3)
    world.cdn.faults[gone.url] = [FetchError("HTTP 404", retryable_now=False)]
    world.cdn.faults[shaky.url] = [FetchError("HTTP 503", retryable_now=True)] * 2
    world.cdn.faults[down.url] = [FetchError("HTTP 503", retryable_now=True)] * 3
    added = await add(world, gone, shaky, down)
    assert added.added == ("2.png",)
    words = "can't be fetched from Discord any more. Post it again, please."
    assert added.left == (Left("1.png", NotAdded.REFUSED, words), Left("3.png", NotAdded.REFUSED, words))


async def test_there_is_a_limit_for_one_person_and_for_all(world: World) -> None:
    size = len(png(colour=(1, 20, 30)))
    world.core.tray.limits = TrayLimits(disk_reserve_bytes=0, person_bytes=2 * size + size // 2)
    added = await add(world, *(image(world, number) for number in range(1, 4)))
    assert (added.added, added.left) == (("1.png", "2.png"), (Left("3.png", NotAdded.HEAVY),))
    world.core.tray.limits = TrayLimits(disk_reserve_bytes=0, all_bytes=3 * size + size // 2)
    added = await add(world, image(world, 4), image(world, 5), user_id=BOB)
    assert (added.added, added.left) == (("4.png",), (Left("5.png", NotAdded.NO_ROOM),))
    assert len(files(world)) == 3


async def test_a_full_disk_takes_nothing_and_says_so(world: World) -> None:
    world.core.tray.limits = TrayLimits(disk_reserve_bytes=1 << 62)
    assert (await add(world, image(world, 1))).left == (Left("1.png", NotAdded.NO_ROOM),)
    assert world.cdn.fetched == []
    world.core.tray.limits = TrayLimits(disk_reserve_bytes=0)
    filled_up, broken = image(world, 2), image(world, 3)
    world.cdn.faults[filled_up.url] = [OSError(errno.ENOSPC, "No space left on device")]  # type: ignore[list-item]
    world.cdn.faults[broken.url] = [OSError(errno.EIO, "Input/output error")]  # type: ignore[list-item]
    added = await add(world, filled_up, broken, image(world, 4))
    assert added.added == ("4.png",)
    assert [item.why for item in added.left] == [NotAdded.NO_ROOM, NotAdded.REFUSED]
    assert incoming(world) == []


async def test_it_empties_itself_a_day_after_each_image_came_in(world: World) -> None:
    await add(world, image(world, 1))
    world.clock.advance(12 * 3600)
    await add(world, image(world, 2))
    world.clock.advance(TRAY_HOURS * 3600 - 12 * 3600 - 600)
    await world.core.tray.sweep()
    assert await names(world) == ["1.png", "2.png"]
    world.clock.advance(700)
    assert await names(world) == ["2.png"]
    await world.core.tray.sweep()
    assert len(files(world)) == 1
    assert (await add(world, image(world, 1))).added == ("1.png",), "it may come in again"
    world.clock.advance(25 * 3600)
    await world.core.tray.sweep()
    assert (await names(world), files(world)) == ([], [])


async def test_what_is_taken_out_is_gone_and_only_from_ones_own_tray(world: World) -> None:
    await add(world, *(image(world, number) for number in range(1, 4)))
    first, second, _third = await world.core.tray.contents(ALICE)
    assert not await world.core.tray.remove(BOB, first.id)
    assert await world.core.tray.remove(ALICE, second.id)
    assert not await world.core.tray.remove(ALICE, second.id)
    assert await names(world) == ["1.png", "3.png"]
    assert (await world.core.tray.empty(BOB), await world.core.tray.empty(ALICE)) == (0, 2)
    assert await names(world) == []
    await world.core.tray.sweep()
    assert files(world) == []


async def test_a_picture_of_the_bots_own_comes_in_full_quality_and_stays_when_that_goes(world: World) -> None:
    request_id = await world.imagine()
    await world.until_idle()
    (picture,) = (await world.view(request_id)).pictures
    stored = StoredImage(kind="picture", id=picture.id, filename="mine.png", size_bytes=picture.size_bytes or 0)
    assert (await add(world, stored)).added == ("mine.png",)
    (kept,) = await world.core.tray.contents(ALICE)
    assert (kept.width, kept.height) == (picture.width, picture.height)
    world.core.store.absolute(picture.path or "").unlink()
    assert kept.path.exists()
    gone = await add(world, stored, user_id=BOB)
    assert gone.left == (Left("mine.png", NotAdded.REFUSED, "is no longer kept. Attach it again, please."),)
    nonsense = StoredImage(kind="reference", id="12; DROP TABLE", filename="x.png", size_bytes=1)
    assert (await add(world, nonsense)).left[0].why is NotAdded.REFUSED


async def test_somebody_elses_private_picture_does_not_come_in(world: World) -> None:
    request_id = await world.imagine(private=True)
    await world.until_idle()
    (picture,) = (await world.view(request_id)).pictures
    stored = StoredImage(kind="picture", id=picture.id, filename="secret.png", size_bytes=10)
    assert (await add(world, stored, user_id=BOB)).left == (
        Left("secret.png", NotAdded.REFUSED, "is not here for you."),
    )
    await add(world, stored)
    (theirs,) = await world.core.tray.images(ALICE)
    assert (await add(world, theirs, user_id=BOB)).left[0].detail == "is not here for you."
    assert files(world) == [(await world.core.tray.contents(ALICE))[0].path]


async def test_a_picture_is_painted_from_the_tray_after_the_messages_are_gone(world: World) -> None:
    first, second = image(world, 1, "cat.png"), image(world, 2, "dog.png")
    await add(world, first, second)
    world.cdn.files.clear()
    request_id = await world.imagine(references=tuple(await world.core.tray.images(ALICE)))
    await world.until_idle()
    view = await world.view(request_id)
    assert [(reference.position, reference.filename) for reference in view.references] == [
        (1, "cat.png"),
        (2, "dog.png"),
    ]
    assert len(world.rivya.books.tasks[0].reference_ids) == 2
    await world.check_one_picture(request_id)
    assert await names(world) == ["cat.png", "dog.png"], "a tray is not used up"


async def test_nobody_paints_from_another_persons_tray_or_from_what_was_in_it(world: World) -> None:
    await add(world, image(world, 1, "cat.png"))
    taken = tuple(await world.core.tray.images(ALICE))
    with pytest.raises(NotForYou):
        await world.accept(references=taken, origin=world.origin(user_id=BOB))
    await world.core.tray.empty(ALICE)
    with pytest.raises(ReferenceRefused, match=r"cat\.png: is no longer kept"):
        await world.accept(references=taken)
    await world.check_books(charged=0)


async def test_a_request_that_was_taken_gets_its_images_though_the_tray_is_emptied_at_once(world: World) -> None:
    await add(world, image(world, 1, "cat.png"))
    accepted = await world.accept(references=tuple(await world.core.tray.images(ALICE)))
    await world.core.tray.empty(ALICE)
    await world.core.tray.sweep()
    assert len(files(world)) == 1, "its bytes are waited for"
    await world.core.generations.acknowledged(accepted.request_id, message_id=5001)
    await world.until_idle()
    await world.check_one_picture(accepted.request_id)
    await world.core.tray.sweep()
    assert files(world) == []


async def test_a_request_that_comes_to_nothing_keeps_no_bytes_waiting(world: World) -> None:
    await add(world, image(world, 1, "cat.png"))
    accepted = await world.accept(references=tuple(await world.core.tray.images(ALICE)))
    await world.core.generations.not_acknowledged(accepted.request_id)
    assert (await world.view(accepted.request_id)).state is RequestState.VOID
    await world.core.tray.empty(ALICE)
    await world.core.tray.sweep()
    assert files(world) == []
    assert [p.state for p in (await world.view(accepted.request_id)).pictures] == [PictureState.CANCELLED]


async def test_files_that_no_row_speaks_of_go_and_those_that_are_being_added_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray = world.core.store.tray_image("0" * 24)
    stray.write_bytes(b"left by a crash")
    await add(world, image(world, 1))
    second, third = image(world, 2), image(world, 3)
    gate, fetch = asyncio.Event(), world.cdn.fetch

    async def slowly(url: str, destination: Path, *, max_bytes: int) -> int:
        if url == third.url:
            await gate.wait()
        return await fetch(url, destination, max_bytes=max_bytes)

    monkeypatch.setattr(world.cdn, "fetch", slowly)
    adding = asyncio.create_task(add(world, second, third))
    # The second lies there, cleaned, and has no row as long as the third is fetched.
    await world.until(lambda: len([path for path in files(world) if not path.suffix and path != stray]) == 2)
    await world.core.tray.sweep()
    assert not stray.exists()
    gate.set()
    assert (await adding).added == ("2.png", "3.png")
    await world.core.tray.sweep()
    assert len(files(world)) == 3


async def test_an_add_that_is_cancelled_leaves_nothing_behind(world: World) -> None:
    world.cdn.doors.clear()
    adding = asyncio.create_task(add(world, image(world, 1)))
    await world.until(lambda: len(world.cdn.fetched) == 1)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    world.cdn.doors.set()
    await world.core.tray.sweep()
    assert (await names(world), files(world), incoming(world)) == ([], [], [])
    assert (await add(world, image(world, 1))).added == ("1.png",), "and keeps nobody from adding again"


async def test_previews_are_small_and_a_missing_file_is_left_out(world: World) -> None:
    noise = Image.effect_noise((900, 900), 90)
    buffer = io.BytesIO()
    noise.convert("RGB").save(buffer, "PNG")
    await add(world, world.cdn.add("noise.png", buffer.getvalue()), image(world, 1), image(world, 2))
    first, second, third = await world.core.tray.contents(ALICE)
    third.path.unlink()
    previews = await world.core.tray.previews([first, second, third])
    assert [previews[first.id].filename, previews[second.id].filename] == [
        f"tray-{first.id}.jpg",
        f"tray-{second.id}.png",
    ]
    assert previews[first.id].path.stat().st_size <= 256 * 1024 < first.size_bytes
    assert previews[second.id].path == second.path
    assert third.id not in previews
    await world.core.tray.empty(ALICE)
    await world.core.tray.sweep()
    assert list(world.core.store.fitted_folder.glob("tray-*")) == [], "they go with their image"


async def test_no_query_of_trays_walks_through_a_whole_table(world: World) -> None:
    seen: list[tuple[str, Any]] = []
    async with world.database.read() as tx:
        rows = GenerationsRepository(Recorder(tx, seen)).tray  # type: ignore[arg-type]
        await rows.of(ALICE, 1)
        await rows.get(1)
        await rows.kept_bytes()
        await rows.to_drop(1)
        await rows.paths()
        plan = await plan_of(tx, seen)
    assert len(seen) == 6
    assert [step for step in plan if step.startswith("SCAN") and "INDEX" not in step] == []
