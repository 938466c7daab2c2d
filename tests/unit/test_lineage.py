"""References that are ours already, what comes of what, drafts and quotes: through the core, with real files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.credits.quotas import QuotaExceeded
from bot.errors import ReferenceRefused
from bot.generations.lineage import LARGER_PROMPT, derive, kept_picture, picture_image
from bot.generations.refusals import NotForYou, TooManyAtOnce
from bot.generations.states import DeliveryState, PictureState, ReferenceState, RequestState
from bot.generations.upkeep import DRAFTS_S, Upkeep
from bot.generations.values import (
    Derived,
    GenerationRequest,
    Origin,
    Parent,
    PictureView,
    Place,
    ReferenceView,
    RequestView,
    StoredImage,
)
from tests.world import ALICE, BOB, CHANNEL, GUILD, World, Worlds, png

OTHER_GUILD = GUILD + 1


async def painted(world: World, prompt: str = "a red panda", **values: Any) -> RequestView:
    request_id = await world.imagine(prompt, **values)
    await world.until_idle()
    return await world.view(request_id)


async def made_of(world: World, request: GenerationRequest, origin: Origin | None = None) -> RequestView:
    accepted = await world.core.generations.accept(request, origin or world.origin())
    await world.core.generations.acknowledged(accepted.request_id, message_id=1)
    await world.until_idle()
    return await world.view(accepted.request_id)


# --- a picture, and earlier references, as references ---


async def test_a_picture_is_changed_and_knows_its_parent(world: World) -> None:
    parent = await painted(world, options={"aspect_ratio": "16:9", "resolution": "2K"})
    child = await made_of(world, derive(parent, Derived.EDIT, prompt="now with a hat"))
    assert [picture.state for picture in child.pictures] == [PictureState.FETCHED]
    assert child.prompt == "now with a hat"
    assert dict(child.options) == dict(parent.options)
    (image,) = child.references
    assert image.filename == f"nano-banana-{parent.reference}-1.png"
    assert (image.source_kind, image.source_id) == ("picture", parent.pictures[0].id)
    assert child.parent is not None
    assert (child.parent.id, child.parent.position, child.parent.derived_as) == (parent.id, 1, Derived.EDIT)
    assert child.parent.message_id is not None
    relatives = await world.core.generations.relatives(parent.id)
    assert relatives.parent is None
    assert [(kin.id, kin.derived_as, kin.position) for kin in relatives.children] == [(child.id, Derived.EDIT, 1)]
    await world.check_books(charged=16)


async def test_the_provider_gets_the_pictures_own_bytes(world: World) -> None:
    parent = await painted(world)
    await made_of(world, derive(parent, Derived.EDIT, prompt="bluer"))
    (upload,) = world.rivya.books.uploads
    assert world.rivya.books.tasks[-1].reference_ids == (upload.id,)
    with Image.open(world.core.store.absolute(parent.pictures[0].path or "")) as made, Image.open(upload.path) as sent:
        assert made.tobytes() == sent.tobytes()
        assert "XML:com.adobe.xmp" in made.info
        assert "XML:com.adobe.xmp" not in sent.info  # what tells where it came from does not go along
    assert world.cdn.fetched == []


async def test_again_takes_the_same_references_from_our_own_disk(world: World) -> None:
    first = await painted(world, references=(world.cdn.add("cat.png"), world.cdn.add("dog.png", png(40, 40))))
    world.cdn.files.clear()  # the message was deleted
    again = await made_of(world, derive(first, Derived.AGAIN))
    assert [image.filename for image in again.references] == ["cat.png", "dog.png"]
    assert [image.state for image in again.references] == [ReferenceState.UPLOADED] * 2
    assert len(world.cdn.fetched) == 2
    assert (again.prompt, dict(again.options)) == (first.prompt, dict(first.options))
    await world.check_books(charged=16)


async def test_variations_and_larger_and_remix() -> None:
    picture: Any = {"id": "x-1", "position": 1, "state": PictureState.FETCHED, "price_credits": 8}
    view = _view(picture)
    four = derive(view, Derived.VARIATIONS)
    assert (four.count, four.prompt, len(four.references)) == (4, view.prompt, 1)
    larger = derive(view, Derived.LARGER, options={"resolution": "4K"})
    assert larger.prompt == f"{LARGER_PROMPT}\n\nIt shows: a fox"
    assert (larger.options["resolution"], larger.count) == ("4K", 1)
    assert larger.options["aspect_ratio"] == "16:9"
    assert [image.kind for image in larger.references] == ["picture"]
    remix = derive(view, Derived.REMIX, prompt="else", options={"aspect_ratio": "1:1"}, private=False)
    assert (remix.prompt, remix.options["aspect_ratio"], remix.private) == ("else", "1:1", False)
    assert [image.kind for image in remix.references] == ["reference"]


def _view(picture: dict[str, Any]) -> RequestView:
    return RequestView(
        id="x",
        user_id=ALICE,
        guild_id=GUILD,
        channel_id=CHANNEL,
        model="nano-banana-pro",
        model_label="Pro",
        prompt="a fox",
        options={"aspect_ratio": "16:9", "resolution": "1K", "output_format": "png"},
        private=True,
        notify=False,
        locale="en-US",
        state=RequestState.SETTLED,
        created_at_ms=1,
        pictures=(PictureView(**picture, path="results/x-1.png", size_bytes=9),),
        references=(ReferenceView(1, "cat.png", ReferenceState.UPLOADED, "7", 5, kept=True),),
        delivery=DeliveryState.SHOWN,
    )


async def test_a_picture_that_was_not_kept_can_not_be_changed(world: World) -> None:
    parent = await painted(world)
    await Upkeep(database=world.database, store=world.core.store, clock=world.clock, results_max_bytes=0).make_room()
    gone = await world.view(parent.id)
    with pytest.raises(LookupError):
        kept_picture(gone)
    with pytest.raises(ReferenceRefused, match="no longer kept"):
        await world.core.generations.accept(derive(parent, Derived.EDIT, prompt="x"), world.origin())
    await world.check_books(charged=8)


async def test_bytes_that_vanish_after_the_request_was_taken_cost_nothing(worlds: Worlds) -> None:
    async with worlds.open() as world:
        parent = await painted(world)
        accepted = await world.core.generations.accept(derive(parent, Derived.EDIT, prompt="x"), world.origin())
        world.core.store.absolute(parent.pictures[0].path or "").unlink()
        await world.core.generations.acknowledged(accepted.request_id, message_id=1)
        await world.until_idle()
        child = await world.view(accepted.request_id)
        assert [picture.state for picture in child.pictures] == [PictureState.FAILED]
        assert "no longer kept" in (child.pictures[0].failure_detail or "")
        await world.check_books(charged=8)


async def test_a_picture_larger_than_a_reference_may_be_is_made_to_fit(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds.rivya.variants.quick_pictures, worlds.rivya.variants.heavy_pictures = False, True
    worlds.clock.slow_down(4)  # painting and fitting take real time
    async with worlds.open() as world:
        parent = await painted(world)
        size = parent.pictures[0].size_bytes or 0
        spec = world.core.catalogue.default
        smaller = type(spec)(**{**_fields(spec), "reference_max_bytes": size // 2})
        monkeypatch.setattr(world.core.catalogue, "get", lambda _model: smaller)
        child = await made_of(world, derive(parent, Derived.EDIT, prompt="x"))
        assert [picture.state for picture in child.pictures] == [PictureState.FETCHED]
        assert 0 < child.references[0].size_bytes <= size // 2


def _fields(spec: Any) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in spec.__dataclass_fields__}


# --- who may ---


@pytest.mark.parametrize(
    ("private", "user_id", "guild_id", "allowed"),
    [
        (False, ALICE, GUILD, True),
        (False, BOB, GUILD, True),
        (False, BOB, OTHER_GUILD, False),
        (True, ALICE, GUILD, True),
        (True, ALICE, OTHER_GUILD, True),
        (True, BOB, GUILD, False),
    ],
)
async def test_others_may_use_what_stands_for_all_to_see(
    world: World, private: bool, user_id: int, guild_id: int, allowed: bool
) -> None:
    parent = await painted(world, private=private, references=(world.cdn.add("cat.png"),))
    wanted = (
        derive(parent, Derived.EDIT, prompt="x"),
        derive(parent, Derived.REMIX, prompt="x"),
        GenerationRequest(
            prompt="x", parent=Parent(request_id=parent.id, derived_as=Derived.AGAIN)
        ),  # also where only the parent tells
    )
    for request in wanted:
        origin = world.origin(user_id=user_id, guild_id=guild_id)
        if allowed:
            await world.core.generations.quote(request, origin)
        else:
            with pytest.raises(NotForYou):
                await world.core.generations.accept(request, origin)
            with pytest.raises(NotForYou):
                await world.core.generations.quote(request, origin)
    await world.check_books(charged=8)


async def test_outside_of_servers_what_is_shown_is_shared_within_the_channel(worlds: Worlds) -> None:
    async with worlds.open(personal_credits_per_month=None) as world:
        outside = {"guild_id": None, "place": Place.OUTSIDE}
        request_id = await world.imagine(origin=world.origin(**outside))
        await world.until_idle()
        parent = await world.view(request_id)
        assert (parent.place, parent.place_guild_id) == (Place.OUTSIDE, None)
        request = derive(parent, Derived.EDIT, prompt="x")
        await world.core.generations.quote(request, world.origin(user_id=BOB, **outside))
        for elsewhere in ({"channel_id": CHANNEL + 1}, {"guild_id": GUILD, "place": Place.SERVER}):
            with pytest.raises(NotForYou):
                await world.core.generations.quote(request, world.origin(user_id=BOB, **{**outside, **elsewhere}))


@pytest.mark.parametrize(
    ("kind", "source_id"),
    [("picture", "none-1"), ("reference", "99"), ("reference", "x"), ("tray", "99"), ("tray", "9" * 30), ("tray", "²")],
)
async def test_a_made_up_source_is_refused(world: World, kind: Any, source_id: str) -> None:
    image = StoredImage(kind=kind, id=source_id, filename="cat.png", size_bytes=1)
    with pytest.raises(ReferenceRefused, match="no longer kept"):
        await world.accept(references=(image,))
    await world.check_books(charged=0)


# --- quotes and drafts ---


async def test_a_quote_holds_nothing_and_says_what_would_be_left(worlds: Worlds) -> None:
    async with worlds.open(member_credits_per_month=40, max_running_per_member=6) as world:
        quote = await world.core.generations.quote(GenerationRequest(prompt="x", count=3), world.origin())
        assert (quote.cost_credits, quote.picture_credits, quote.left_credits) == (24, 8, 16)
        assert quote.balance.left_credits == 40
        for table in ("requests", "pictures", "entries", "accounts", "reference_images"):
            assert await world.count(table) == 0
        await world.accept(count=3)
        with pytest.raises(QuotaExceeded):
            await world.core.generations.quote(GenerationRequest(prompt="x", count=3), world.origin())
        with pytest.raises(TooManyAtOnce):
            await world.core.generations.quote(GenerationRequest(prompt="x", count=4), world.origin())


async def test_at_most_one_request_comes_of_a_draft(world: World) -> None:
    generations = world.core.generations
    request = GenerationRequest(
        prompt="a fox",
        options={"resolution": "2K"},
        references=(world.cdn.add("cat.png"), StoredImage(kind="tray", id="5", filename="x.png", size_bytes=3)),
        parent=Parent(request_id="p", position=2, derived_as=Derived.REMIX),
        style="noir",
    )
    draft_id = await generations.keep_draft(request, user_id=ALICE, guild_id=GUILD)
    kept = await generations.draft(draft_id)
    assert kept is not None
    assert (kept.request, kept.user_id, kept.guild_id, kept.expired) == (request, ALICE, GUILD, False)
    plain = request.model_copy(update={"references": (), "parent": None})
    first = await generations.accept(plain, world.origin(draft_id=draft_id))
    second = await generations.accept(plain, world.origin(draft_id=draft_id))
    assert (second.request_id, second.repeated) == (first.request_id, True)
    assert await world.count("requests") == 1
    await world.check_books(charged=0, held=8)


async def test_a_draft_whose_request_was_void_may_be_taken_again(world: World) -> None:
    generations = world.core.generations
    request = GenerationRequest(prompt="a fox")
    draft_id = await generations.keep_draft(request, user_id=ALICE, guild_id=GUILD)
    first = await generations.accept(request, world.origin(draft_id=draft_id))
    await generations.not_acknowledged(first.request_id)
    second = await generations.accept(request, world.origin(draft_id=draft_id))
    assert not second.repeated
    await world.check_books(charged=0, held=8)


async def test_a_refusal_leaves_the_draft_to_be_tried_again(worlds: Worlds) -> None:
    async with worlds.open(max_running_per_member=1) as world:
        generations = world.core.generations
        request = GenerationRequest(prompt="a fox")
        draft_id = await generations.keep_draft(request, user_id=ALICE, guild_id=GUILD)
        busy = await world.accept()
        with pytest.raises(TooManyAtOnce):
            await generations.accept(request, world.origin(draft_id=draft_id))
        await generations.not_acknowledged(busy.request_id)
        assert not (await generations.accept(request, world.origin(draft_id=draft_id))).repeated


async def test_drafts_expire_and_are_forgotten(world: World) -> None:
    generations = world.core.generations
    draft_id = await generations.keep_draft(GenerationRequest(prompt="x"), user_id=ALICE, guild_id=None, life_s=60)
    upkeep = Upkeep(database=world.database, store=world.core.store, clock=world.clock, results_max_bytes=0)
    world.clock.advance(61)
    await upkeep.forget_drafts()
    kept = await generations.draft(draft_id)
    assert kept is not None
    assert kept.expired
    world.clock.advance(DRAFTS_S + 1)
    await upkeep.forget_drafts()
    assert await generations.draft(draft_id) is None


async def test_a_request_keeps_its_place_and_style(world: World) -> None:
    view = await painted(world, style="noir")
    assert (view.place, view.place_guild_id, view.style) == (Place.SERVER, GUILD, "noir")
    assert picture_image(view, view.pictures[0]).size_bytes == view.pictures[0].size_bytes
    assert Path(picture_image(view, view.pictures[0]).filename).suffix == ".png"
