"""Finds the images of a message, whoever wrote it: what can be a reference, in order, and in words what can't.

`images_in` only reads what discord.py has of the message. `gather` turns the pictures that are the bot's own results
back into what is on its disk, in full quality, and the others into attachments that are fetched later.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import discord

from bot.generations.lineage import kept_picture, picture_image
from bot.generations.service import Generations
from bot.generations.values import Attachment, Derived, Parent, ReferenceImage, RequestView
from bot.media import REFERENCE_MIMES, ImageKind
from bot.ui import ids

FILENAME_LIMIT: Final = 100
"""Characters of a name that are kept; Discord's own names are shorter than 260."""
TOO_MANY: Final = "is one too many"
_SPOILER: Final = "SPOILER_"
_OWN_NAME: Final = re.compile(r"nano-banana-(?P<reference>[0-9a-f]{6})-(?P<position>[1-9])\.[a-z]+")
"""What `bot.generations.files` calls a picture that is posted."""
_OWN_ID: Final = re.compile(rf"{re.escape(ids.PREFIX)}[a-z0-9]+:(?P<request_id>[0-9a-f]{{16}})(?::|$)")
_STILLS: Final = frozenset({"image", "rich", "link", "article"})
"""Embeds whose thumbnail is a picture of its own. That of a video or a GIF is one frame of it."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something that is no reference; ``reason`` completes the sentence "<name> …"."""

    name: str
    reason: str

    @property
    def sentence(self) -> str:
        """The whole of it."""
        return f"{self.name} {self.reason}."


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image as a message shows it. ``size_bytes`` is 0 where Discord does not say.

    ``own`` is the request and position, when it is shown as a result of the bot: to be believed only as far as the
    person may see that result.
    """

    url: str
    filename: str
    size_bytes: int
    own: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a message shows: images in order, each once, and what can't be one."""

    images: tuple[FoundImage, ...] = ()
    unusable: tuple[Unusable, ...] = ()


@dataclass(frozen=True, slots=True)
class Gathered:
    """References ready for a request, in order, and what was left out. ``parent`` is the result they come of."""

    images: tuple[ReferenceImage, ...] = ()
    unusable: tuple[Unusable, ...] = ()
    parent: Parent | None = None

    def at_most(self, count: int) -> Gathered:
        """Return the first ``count`` images; the others are named among what is left out."""
        more = tuple(Unusable(image.filename, TOO_MANY) for image in self.images[count:])
        return Gathered(self.images[:count], (*self.unusable, *more), self.parent)


def images_in(message: discord.Message, *, cdn_url: str) -> Found:
    """Return the images of a message: attachments, Components V2, embeds, and what was forwarded with it.

    ``cdn_url`` is where Discord keeps attachments; of an image elsewhere Discord's own copy is taken, or none.
    """
    search = _Search(cdn_url)
    search.look_at(message)
    for snapshot in message.message_snapshots:
        search.look_at(snapshot)
    return Found(tuple(search.images.values()), tuple(search.unusable.values()))


def joined(*found: Found) -> Found:
    """Return what several messages show, one after the other, each image once."""
    images = {_key(image.url): image for each in reversed(found) for image in each.images}
    in_order = dict.fromkeys(_key(image.url) for each in found for image in each.images)
    unusable = dict.fromkeys(item for each in found for item in each.unusable)
    return Found(tuple(images[key] for key in in_order), tuple(unusable))


async def gather(
    found: Found, generations: Generations, may_see: Callable[[RequestView], bool], *, only_theirs: bool = False
) -> Gathered:
    """Turn what a message shows into references; the bot's own pictures are taken in full quality where they are kept.

    ``may_see`` tells which results the person may be given like that. ``only_theirs``: the message is one that a single
    person can see (ephemeral), so a private result on it that is not theirs is no image for them. Anywhere else they
    are given what everybody sees.
    """
    images: list[ReferenceImage] = []
    unusable = list(found.unusable)
    parents: list[tuple[str, int]] = []
    views = {request_id: await generations.view(request_id) for request_id in {i.own[0] for i in found.images if i.own}}
    for image in found.images:
        view = views[image.own[0]] if image.own is not None else None
        if image.own is not None and view is not None:
            allowed = may_see(view)
            if not allowed and only_theirs:
                unusable.append(Unusable(image.filename, "is somebody else's private picture"))
                continue
            if allowed:
                parents.append(image.own)
                try:
                    stored = picture_image(view, kept_picture(view, image.own[1]))
                except LookupError:  # its bytes are gone; what stands on the message is still there
                    pass
                else:
                    images.append(stored)
                    continue
        images.append(Attachment(url=image.url, filename=image.filename, size_bytes=image.size_bytes))
    return made_of(Gathered(tuple(images), tuple(unusable), _parent(parents)))


def made_of(gathered: Gathered) -> Gathered:
    """Return the same with a parent that says how the whole comes of it: of it alone, or with others."""
    if gathered.parent is None:
        return gathered
    alone = gathered.parent.position is not None and len(gathered.images) == 1
    derived_as = Derived.EDIT if alone else Derived.REFERENCE
    return replace(gathered, parent=gathered.parent.model_copy(update={"derived_as": derived_as}))


def _parent(parents: Sequence[tuple[str, int]]) -> Parent | None:
    """Return the one result that the images come of; of several there is no first."""
    if len({request_id for request_id, _ in parents}) != 1:
        return None
    position = parents[0][1] if len(parents) == 1 else None
    return Parent(request_id=parents[0][0], position=position, derived_as=Derived.REFERENCE)


class _Search:
    """Goes through what a message shows, in the order in which it is seen."""

    def __init__(self, cdn_url: str) -> None:
        self.images: dict[str, FoundImage] = {}
        self.unusable: dict[str, Unusable] = {}
        self._cdn_url = cdn_url
        self._requests: dict[str, str] = {}

    def look_at(self, shown: discord.Message | discord.MessageSnapshot) -> None:
        parts = list(_walk(shown.components))
        found = [_OWN_ID.match(custom_id) for part in parts if (custom_id := getattr(part, "custom_id", None))]
        self._requests = {match["request_id"][-6:]: match["request_id"] for match in found if match}
        attached = {attachment.id: attachment for attachment in shown.attachments}
        named = {attachment.filename: attachment for attachment in shown.attachments}
        for media, name, size in _media(parts):
            path = urlsplit(media.url).path
            attachment = attached.get(media.attachment_id or 0) or named.get(media.url.removeprefix("attachment://"))
            attachment = attachment or next((a for a in shown.attachments if urlsplit(a.url).path == path), None)
            if attachment is not None:
                self._attachment(attachment)
            else:
                self._add(media.url, media.proxy_url, name or _name(media.url), media.content_type, size)
        for attachment in shown.attachments:
            self._attachment(attachment)
        for embed in shown.embeds:
            self._embed(embed)
        for sticker in shown.stickers:
            self._refuse(sticker.url, sticker.name, "is a sticker")

    def _attachment(self, attachment: discord.Attachment) -> None:
        self._add(attachment.url, attachment.proxy_url, attachment.filename, attachment.content_type, attachment.size)

    def _embed(self, embed: discord.Embed) -> None:
        if embed.type not in _STILLS:
            if embed.thumbnail.url:
                self._refuse(embed.thumbnail.url, _name(embed.url or embed.thumbnail.url), "is a GIF or a video")
            return
        for media in (embed.image, embed.thumbnail):
            if media.url:
                # Embeds don't always say what they show, but only pictures are shown in these places.
                mime = getattr(media, "content_type", None) or _mime_of(_name(media.url)) or "image/png"
                self._add(media.url, media.proxy_url, _name(media.url), mime, 0)

    def _add(self, url: str, proxy_url: str | None, filename: str, mime: str | None, size_bytes: int) -> None:
        key = _key(url)
        if key in self.images or key in self.unusable:
            return
        mime = (mime or "").partition(";")[0].strip().lower()
        if mime in {"", "application/octet-stream"}:  # Discord did not look into it
            mime = _mime_of(filename) or mime
        if mime not in REFERENCE_MIMES:
            self._refuse(url, filename, _what(mime))
            return
        place = url if url.startswith(f"{self._cdn_url}/") else proxy_url
        if not place or place.startswith("attachment:"):
            self._refuse(url, filename, "is not on Discord's own servers")
            return
        own = None
        if (match := _OWN_NAME.fullmatch(filename)) and match["reference"] in self._requests:
            own = (self._requests[match["reference"]], int(match["position"]))
        self.images[key] = FoundImage(place, _shown(filename), size_bytes, own)

    def _refuse(self, url: str, filename: str, reason: str) -> None:
        self.unusable.setdefault(_key(url), Unusable(_shown(filename), reason))


def _walk(components: Sequence[Any]) -> Iterator[Any]:
    for component in components:
        yield component
        yield from _walk(getattr(component, "children", ()))
        if (accessory := getattr(component, "accessory", None)) is not None:
            yield from _walk([accessory])


def _media(parts: Sequence[Any]) -> Iterator[tuple[Any, str | None, int]]:
    """Yield each picture or file of Components V2 with its name and size, where they are said."""
    for part in parts:
        if isinstance(part, discord.MediaGalleryComponent):
            for item in part.items:
                yield item.media, None, 0
        elif isinstance(part, discord.ThumbnailComponent):
            yield part.media, None, 0
        elif isinstance(part, discord.FileComponent):
            yield part.media, part.name, part.size or 0


def _key(url: str) -> str:
    """Return what makes an image the same: of an attachment its ids, whatever host shows it under which signature."""
    match = re.match(r"/(?:ephemeral-)?attachments/\d+/\d+(?=/)", urlsplit(url).path)
    return match[0] if match else url


def _name(url: str) -> str:
    return unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2] or urlsplit(url).hostname or "image"


def _shown(filename: str) -> str:
    name = filename.removeprefix(_SPOILER) or filename
    return name if len(name) <= FILENAME_LIMIT else f"…{name[-FILENAME_LIMIT + 1 :]}"


def _mime_of(filename: str) -> str | None:
    return _MORE_TYPES.get(filename.rpartition(".")[2].lower()) or mimetypes.guess_type(filename)[0]


_MORE_TYPES: Final = {"webp": "image/webp", "heic": "image/heic", "heif": "image/heic", "avif": "image/avif"}
_KINDS: Final = {kind.mime: kind.words for kind in ImageKind}
_FAMILIES: Final = {
    "video": "a video",
    "audio": "a sound file",
    "text": "a text file",
    "image": "another kind of image",
}


def _what(mime: str) -> str:
    return f"is {_KINDS.get(mime) or _FAMILIES.get(mime.partition('/')[0]) or 'no image'}"
