"""Which images a message shows: read from what Discord sends, by discord.py's own parsers."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.gathering import FILENAME_LIMIT, Found, FoundImage, Gathered, images_in, joined, made_of
from bot.generations.values import Attachment, Derived, Parent

CDN = "https://cdn.discordapp.com"
REQUEST_ID = "0123456789ab7f3a"
OWN = f"nano-banana-{REQUEST_ID[-6:]}-1.png"


def message(**values: Any) -> discord.Message:
    client = discord.Client(intents=discord.Intents(guilds=True))
    data: dict[str, Any] = {
        "id": "900",
        "channel_id": "800",
        "type": 0,
        "content": "",
        "author": {"id": "700", "username": "bob", "discriminator": "0", "avatar": None},
        "timestamp": "2026-11-22T20:00:00+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "pinned": False,
        "attachments": [],
        "embeds": [],
        "components": [],
    }
    channel: Any = client.get_partial_messageable(800)
    whole: Any = data | values
    return discord.Message(state=client._connection, channel=channel, data=whole)


def snapshot(**values: Any) -> dict[str, Any]:
    base = {
        "type": 0,
        "content": "",
        "embeds": [],
        "attachments": [],
        "timestamp": "2026-11-22T20:00:00+00:00",
        "edited_timestamp": None,
        "flags": 0,
        "mentions": [],
        "mention_roles": [],
        "components": [],
    }
    return {"message": base | values}


def attachment(number: int, filename: str, mime: str | None = "image/png", **values: Any) -> dict[str, Any]:
    path = f"/attachments/800/{number}/{filename}?ex=1&is=2&hm=3"
    found: dict[str, Any] = {
        "id": str(number),
        "filename": filename,
        "size": 1000 + number,
        "url": f"{CDN}{path}",
        "proxy_url": f"https://media.discordapp.net{path}",
    }
    return found | ({"content_type": mime} if mime else {}) | values


def media(number: int, filename: str, **values: Any) -> dict[str, Any]:
    """A picture inside Components V2 that was uploaded with the message."""
    path = f"/attachments/800/{number}/{filename}?ex=7&is=8&hm=9"
    return {
        "url": f"{CDN}{path}",
        "proxy_url": f"https://media.discordapp.net{path}",
        "attachment_id": str(number),
        "content_type": "image/png",
    } | values


def external(name: str, **values: Any) -> dict[str, Any]:
    address = f"https://pictures.example/{name}"
    copy = f"https://images-ext-1.discordapp.net/external/sig/https/pictures.example/{name}"
    return {"url": address, "proxy_url": copy, "width": 10, "height": 10} | values


def names(found: Found) -> list[str]:
    return [image.filename for image in found.images]


def left_out(found: Found) -> list[str]:
    return [item.sentence for item in found.unusable]


def look(shown: discord.Message) -> Found:
    return images_in(shown, cdn_url=CDN)


def test_attachments_come_in_their_order_with_what_discord_says_of_them() -> None:
    found = look(message(attachments=[attachment(1, "cat.png"), attachment(2, "dog.jpg", "image/jpeg")]))
    assert [(image.filename, image.size_bytes) for image in found.images] == [("cat.png", 1001), ("dog.jpg", 1002)]
    assert found.images[0].url.startswith(f"{CDN}/attachments/800/1/cat.png?")
    assert found.unusable == ()


@pytest.mark.parametrize(
    ("filename", "mime", "said"),
    [
        ("notes.pdf", "application/pdf", "notes.pdf is a PDF."),
        ("dance.gif", "image/gif", "dance.gif is a GIF."),
        ("film.mov", "video/quicktime", "film.mov is a video."),
        ("film.mp4", "video/mp4", "film.mp4 is a video."),
        ("photo.heic", "image/heic", "photo.heic is a HEIC photo."),
        ("photo.heic", None, "photo.heic is a HEIC photo."),
        ("voice-message.ogg", "audio/ogg", "voice-message.ogg is a sound file."),
        ("a.txt", "text/plain; charset=utf-8", "a.txt is a text file."),
        ("scan.jxl", "image/jxl", "scan.jxl is another kind of image."),
        ("thing", None, "thing is no image."),
        ("thing.bin", "application/octet-stream", "thing.bin is no image."),
    ],
)
def test_what_is_no_image_is_named(filename: str, mime: str | None, said: str) -> None:
    found = look(message(attachments=[attachment(1, filename, mime), attachment(2, "cat.png")]))
    assert names(found) == ["cat.png"]
    assert left_out(found) == [said]


@pytest.mark.parametrize(
    ("filename", "mime"),
    [
        ("cat.webp", None),
        ("CAT.PNG", None),
        ("cat.jpeg", "application/octet-stream"),
        ("cat", "image/png"),
        ("cat.png", "IMAGE/PNG; x=y"),
    ],
)
def test_an_image_is_known_by_its_type_or_else_by_its_name(filename: str, mime: str | None) -> None:
    assert names(look(message(attachments=[attachment(1, filename, mime)]))) == [filename]


def test_a_spoiler_is_an_image_like_any_other() -> None:
    shown = message(attachments=[attachment(1, "SPOILER_cat.png", flags=8)])
    assert names(look(shown)) == ["cat.png"]
    assert names(look(message(attachments=[attachment(1, "SPOILER_", "image/png")]))) == ["SPOILER_"]


def test_a_long_name_keeps_its_end() -> None:
    (name,) = names(look(message(attachments=[attachment(1, "a" * 240 + ".png")])))
    assert len(name) == FILENAME_LIMIT
    assert name.endswith("aaa.png")


def test_pictures_inside_containers_are_found_in_the_order_in_which_they_stand() -> None:
    gallery = {
        "type": 12,
        "items": [{"media": media(3, "three.png")}, {"media": media(1, "one.png"), "spoiler": True}],
    }
    section = {
        "type": 9,
        "components": [{"type": 10, "content": "a face"}],
        "accessory": {"type": 11, "media": external("face.webp", content_type="image/webp")},
    }
    file = {"type": 13, "file": media(2, "two.png"), "name": "two.png", "size": 1002}
    shown = message(
        components=[{"type": 17, "components": [section, gallery]}, {"type": 10, "content": "words"}, file],
        attachments=[attachment(1, "one.png"), attachment(2, "two.png"), attachment(3, "three.png")],
        flags=1 << 15,
    )
    found = look(shown)
    assert names(found) == ["face.webp", "three.png", "one.png", "two.png"]
    assert [image.size_bytes for image in found.images] == [0, 1003, 1001, 1002]
    assert found.images[0].url.startswith("https://images-ext-1.discordapp.net/")


def test_a_picture_in_a_component_without_its_attachment_still_counts() -> None:
    item = media(3, "three.png")
    del item["attachment_id"]
    found = look(message(components=[{"type": 12, "items": [{"media": item}]}]))
    assert names(found) == ["three.png"]


def test_embeds_give_their_image_and_thumbnail_from_discords_own_copy() -> None:
    shown = message(
        embeds=[
            {"type": "rich", "title": "a", "image": external("big.png"), "thumbnail": external("small.jpg")},
            {"type": "image", "url": "https://pictures.example/only", "thumbnail": external("only")},
        ]
    )
    found = look(shown)
    assert names(found) == ["big.png", "small.jpg", "only"]
    assert all(image.url.startswith("https://images-ext-1.discordapp.net/") for image in found.images)


def test_an_image_that_discord_has_no_copy_of_is_not_fetched_from_elsewhere() -> None:
    bare = external("big.png")
    del bare["proxy_url"]
    found = look(message(embeds=[{"type": "rich", "image": bare}]))
    assert found.images == ()
    assert left_out(found) == ["big.png is not on Discord's own servers."]


def test_a_gif_or_video_in_an_embed_is_no_still() -> None:
    shown = message(
        embeds=[
            {"type": "gifv", "url": "https://gifs.example/dance", "thumbnail": external("dance.png")},
            {"type": "video", "url": "https://films.example/watch", "thumbnail": external("film.jpg")},
        ]
    )
    assert left_out(look(shown)) == ["dance is a GIF or a video.", "watch is a GIF or a video."]


def test_what_is_forwarded_counts_like_what_is_posted() -> None:
    shown = message(
        message_reference={"type": 1, "channel_id": "801", "message_id": "901"},
        message_snapshots=[
            snapshot(
                attachments=[attachment(5, "far.png"), attachment(6, "notes.pdf", "application/pdf")],
                embeds=[{"type": "rich", "image": external("embedded.png")}],
                components=[{"type": 12, "items": [{"media": external("gallery.png", content_type="image/png")}]}],
            )
        ],
    )
    found = look(shown)
    assert names(found) == ["gallery.png", "far.png", "embedded.png"]
    assert left_out(found) == ["notes.pdf is a PDF."]


def test_the_same_image_counts_once_whatever_shows_it() -> None:
    twice = attachment(1, "cat.png")
    shown = message(
        attachments=[twice],
        embeds=[
            {"type": "rich", "image": {"url": twice["proxy_url"].replace("ex=1", "ex=55")}},
            {"type": "rich", "image": external("a.png"), "thumbnail": external("a.png")},
        ],
        message_snapshots=[snapshot(attachments=[twice])],
    )
    assert names(look(shown)) == ["cat.png", "a.png"]


def test_two_messages_are_joined_in_order_without_doubles() -> None:
    first = look(message(attachments=[attachment(1, "one.png"), attachment(2, "two.png")]))
    second = look(message(attachments=[attachment(3, "three.png"), attachment(1, "again.png")]))
    assert names(joined(first, second)) == ["one.png", "two.png", "three.png"]
    assert joined() == Found()


def test_stickers_are_named() -> None:
    shown = message(sticker_items=[{"id": "5", "name": "Wave", "format_type": 1}])
    assert left_out(look(shown)) == ["Wave is a sticker."]


def own_buttons(request_id: str = REQUEST_ID) -> list[dict[str, Any]]:
    pressed = {"type": 2, "style": 2, "label": "Full size", "custom_id": f"nbb:full:{request_id}:1"}
    gallery = {"type": 12, "items": [{"media": media(1, OWN)}]}
    return [{"type": 17, "components": [gallery, {"type": 1, "components": [pressed]}]}]


def test_a_result_is_known_by_its_buttons_and_its_files_name() -> None:
    found = look(message(components=own_buttons(), attachments=[attachment(1, OWN)]))
    assert [image.own for image in found.images] == [(REQUEST_ID, 1)]
    assert found.images[0].url.startswith(CDN), "what is shown is there too, for when the original is gone"
    forwarded = message(message_snapshots=[snapshot(components=own_buttons(), attachments=[attachment(1, OWN)])])
    assert [image.own for image in look(forwarded).images] == [(REQUEST_ID, 1)]


@pytest.mark.parametrize(
    ("components", "filename"),
    [
        ([], OWN),
        (own_buttons("f" * 16), OWN),
        (own_buttons(), "nano-banana-000000-1.png"),
        (own_buttons(), "cat.png"),
        (own_buttons(), f"nano-banana-{REQUEST_ID[-6:]}-0.png"),
    ],
)
def test_neither_alone_makes_it_a_result(components: list[dict[str, Any]], filename: str) -> None:
    for part in components:
        part["components"] = part["components"][1:]
    found = look(message(components=components, attachments=[attachment(1, filename)]))
    assert [image.own for image in found.images] == [None]


def test_too_many_are_cut_and_named() -> None:
    images = tuple(Attachment(url=f"{CDN}/{n}", filename=f"{n}.png", size_bytes=1) for n in range(1, 10))
    cut = Gathered(images).at_most(8)
    assert [image.filename for image in cut.images] == [f"{n}.png" for n in range(1, 9)]
    assert [item.sentence for item in cut.unusable] == ["9.png is one too many."]


def test_one_picture_alone_is_edited_and_with_others_it_is_a_reference() -> None:
    image = Attachment(url=f"{CDN}/1", filename="1.png", size_bytes=1)
    parent = Parent(request_id=REQUEST_ID, position=2, derived_as=Derived.REFERENCE)
    for images, derived_as in (((image,), Derived.EDIT), ((image, image), Derived.REFERENCE)):
        made = made_of(Gathered(images, parent=parent)).parent
        assert made is not None
        assert made.derived_as is derived_as
    assert made_of(Gathered((image,))).parent is None


def test_nothing_shown_is_nothing_found() -> None:
    assert look(message(content="just words")) == Found()
    assert joined(Found((FoundImage("u", "a.png", 1),))).images == (FoundImage("u", "a.png", 1),)
