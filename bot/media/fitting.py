"""Making a picture small enough to be posted, without anyone seeing a difference where that is possible."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from PIL import Image

from bot.media.containers import read_layout
from bot.media.durable import commit_file, remove_quietly
from bot.media.layout import Layout, NotWhole
from bot.media.pixels import ONE_AT_A_TIME, decode
from bot.media.provenance import carry_over
from bot.media.results import DamagedResult
from bot.media.sniffing import ImageKind

MIN_LIMIT_BYTES = 64 * 1024
"""The smallest limit that `fit` takes; Discord's smallest upload limit is 10 MiB, four share it at 2.5 MiB each."""


class FitChange(StrEnum):
    """What it took to fit."""

    NONE = "none"
    ENCODING = "encoding"
    """Encoded anew in the same extent; the difference can't be seen at normal zoom."""
    SIZE = "size"
    """Made smaller as well."""


@dataclass(frozen=True, slots=True)
class FittedPicture:
    """A picture under a limit: extent in pixels as stored."""

    path: Path
    kind: ImageKind
    width: int
    height: int
    size_bytes: int
    change: FitChange


def fit(source: Path, *, limit_bytes: int, destination_stem: Path) -> FittedPicture:
    """Return the picture at ``source`` in at most ``limit_bytes`` (`MIN_LIMIT_BYTES` or more).

    A picture under the limit is returned as it is, in its own path. Otherwise a file beside ``destination_stem`` is
    written: ``<stem>.<12 digits of the content's hash>.<limit>.jpg`` (``.webp`` where it is transparent), so neither
    another limit nor another picture can be answered with it; when it is there already, it is used again.

    First the encoding: the best of `_JPEG` or `_WEBP` that fits, found in three encodes at most. Then the size, with
    the last of these encodings: at most five encodes more, the last of which fits whatever the picture is. What the
    picture says about itself is carried over as `bot.media.provenance` tells. An animated picture keeps its first
    frame; 16-bit channels are cut to eight. Measured for noisy 4096 × 4096 PNGs
    on two cores: 0.8 to 1.6 s and 240 MB at the peak; 4 to 7 s and 480 MB where something is transparent.

    Raises `DamagedResult` when the source is no whole picture, OSError, and ValueError for a smaller limit. The same
    bytes come out each time. One picture is decoded at a time in the whole process, and two copies of it are in
    memory at most (three for a transparent one that is made smaller).
    """
    if limit_bytes < MIN_LIMIT_BYTES:
        raise ValueError(f"a picture can't be fitted under {limit_bytes} bytes")
    data = source.read_bytes()
    try:
        layout = read_layout(data)
        if len(data) <= limit_bytes:
            return FittedPicture(source, layout.kind, layout.width, layout.height, len(data), FitChange.NONE)
        digest = hashlib.sha256(data).hexdigest()[:12]
        del data
        stem = destination_stem.with_name(f"{destination_stem.name}.{digest}.{limit_bytes}")
        with ONE_AT_A_TIME:
            return _existing(stem, layout) or _encode(layout, stem, limit_bytes)
    except NotWhole as error:
        raise DamagedResult(str(error)) from error


def fit_message(
    sources: Sequence[Path], *, limit_each_bytes: int, limit_total_bytes: int | None, folder: Path
) -> list[FittedPicture]:
    """Fit the pictures of one message: each under ``limit_each_bytes``, all under ``limit_total_bytes`` if given.

    In the order of ``sources``. A total is shared fairly: small pictures keep what they have, and what they leave
    over goes to the larger ones. It must allow `MIN_LIMIT_BYTES` for each. New files are written to ``folder``, which
    exists, under the names of the sources. Raises as `fit` does. One picture is worked on at a time.
    """
    fitted: dict[int, FittedPicture] = {}
    left_bytes = limit_total_bytes
    smallest_first = sorted(range(len(sources)), key=lambda index: sources[index].stat().st_size)
    for index in smallest_first:
        limit_bytes = limit_each_bytes
        if left_bytes is not None:
            limit_bytes = min(limit_bytes, left_bytes // (len(sources) - len(fitted)))
        source = sources[index]
        fitted[index] = fit(source, limit_bytes=limit_bytes, destination_stem=folder / source.stem)
        if left_bytes is not None:
            left_bytes -= fitted[index].size_bytes
    return [fitted[index] for index in range(len(sources))]


# From the best encoding to the least that still can't be told from the original at normal zoom. JPEG keeps colour at
# full resolution as long as it can; below that 4:2:0, as cameras do, at a quality where it takes a magnifier. WebP
# knows 4:2:0 only. JPEG wherever nothing is transparent: at 4096 × 4096 it takes 0.2 s where WebP takes 1 to 2 s,
# and WebP fails outright on large noisy pictures at high quality (libwebp's partition 0 is limited to 512 KiB).
_JPEG: tuple[dict[str, Any], ...] = (
    {"quality": 98, "subsampling": 0},
    {"quality": 97, "subsampling": 0},
    {"quality": 95, "subsampling": 0},
    {"quality": 93, "subsampling": 0},
    {"quality": 95, "subsampling": 2},
    {"quality": 93, "subsampling": 2},
    {"quality": 90, "subsampling": 2},
)
_WEBP: tuple[dict[str, Any], ...] = tuple(
    {"quality": quality, "method": 0, "alpha_quality": 100} for quality in (98, 96, 95, 94, 92, 90, 88)
)
_MAX_SIDE = {ImageKind.JPEG: 65_535, ImageKind.WEBP: 16_383}

_SIZE_ROUNDS = 4
_AIM = 0.97  # of the limit: a smaller picture has a little more detail in each pixel
_ENOUGH = 0.85  # of the limit: below it a larger extent is tried
_SMALLEST_STEP = 0.92  # of the side; less would cost an encode for nothing one can see
_WORST_BYTES_PER_PIXEL = 6  # pure noise with noisy transparency takes five
_METADATA_SHARE = 4  # metadata may take a quarter of the limit


class _Attempts:
    """Encodes of one picture into temporary files, the best that fitted kept aside."""

    def __init__(self, kind: ImageKind, stem: Path, limit_bytes: int, metadata: dict[str, Any]) -> None:
        self.max_side = _MAX_SIDE[kind]
        self.path = stem.with_name(stem.name + kind.extension)
        self.kept = stem.with_name(stem.name + ".kept.part")
        self._trial = stem.with_name(stem.name + ".trial.part")
        self._kind = kind
        self._limit_bytes = limit_bytes
        self._metadata = metadata

    def encode(self, image: Image.Image, quality: dict[str, Any]) -> float:
        """Encode, keep the file if it is under the limit, and return its size over the limit's."""
        try:
            image.save(self._trial, format=self._kind.value, **quality, **self._metadata)
        except ValueError:
            if self._kind is not ImageKind.WEBP:
                raise
            return 2.0  # libwebp gave up on too much detail: that is too large by any measure
        size_bytes = self._trial.stat().st_size
        if size_bytes <= self._limit_bytes:
            self._trial.replace(self.kept)
        return size_bytes / self._limit_bytes

    def clean(self) -> None:
        """Remove what is left of temporary files."""
        remove_quietly(self._trial)
        remove_quietly(self.kept)


def _existing(stem: Path, layout: Layout) -> FittedPicture | None:
    """Look for an earlier result; it got its name only when it was complete."""
    for kind in (ImageKind.JPEG, ImageKind.WEBP):
        path = stem.with_name(stem.name + kind.extension)
        if path.exists():
            found = read_layout(path.read_bytes())
            return _fitted(path, kind, (found.width, found.height), layout)
    return None


def _encode(layout: Layout, stem: Path, limit_bytes: int) -> FittedPicture:
    image = decode(layout.open_picture(), layout.kind, (layout.width, layout.height))
    profile = image.info.get("icc_profile") or b""
    image = _plain(image)
    kind = ImageKind.WEBP if image.mode == "RGBA" else ImageKind.JPEG
    carried = carry_over(layout.metadata, profile=profile, mode=image.mode, budget_bytes=limit_bytes // _METADATA_SHARE)
    attempts = _Attempts(kind, stem, limit_bytes, carried.save_options(kind))
    try:
        size = _search(image, attempts, _WEBP if kind is ImageKind.WEBP else _JPEG, limit_bytes)
        commit_file(attempts.kept, attempts.path)
    finally:
        attempts.clean()
    return _fitted(attempts.path, kind, size, layout)


def _fitted(path: Path, kind: ImageKind, size: tuple[int, int], layout: Layout) -> FittedPicture:
    change = FitChange.ENCODING if size == (layout.width, layout.height) else FitChange.SIZE
    return FittedPicture(path, kind, *size, path.stat().st_size, change)


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that the encoders take: RGBA if anything is transparent, else L, RGB or CMYK."""
    if image.mode.startswith("I"):  # grey of 16 bits, which convert("L") would clip at 255
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        darkest, _ = image.getchannel("A").getextrema()
        return image if darkest != 255 else image.convert("RGB")
    if image.mode in {"L", "RGB", "CMYK"}:
        return image
    return image.convert("L" if image.mode in {"1", "LA"} else "RGB")


def _search(
    image: Image.Image, attempts: _Attempts, ladder: tuple[dict[str, Any], ...], limit_bytes: int
) -> tuple[int, int]:
    """Leave the best encoding that fits with ``attempts`` and return its width and height."""
    if max(image.size) <= attempts.max_side:
        share, best, worst = math.inf, 0, len(ladder)
        while best < worst:  # by halves: three encodes for a ladder of seven
            middle = (best + worst) // 2
            share = attempts.encode(image, ladder[middle])
            best, worst = (best, middle) if share <= 1 else (middle + 1, worst)
        return image.size if best < len(ladder) else _shrink(image, attempts, ladder[-1], limit_bytes, share)
    largest = _resized(image, attempts.max_side / max(image.size))
    share = attempts.encode(largest, ladder[-1])
    return largest.size if share <= 1 else _shrink(largest, attempts, ladder[-1], limit_bytes, share)


def _shrink(
    image: Image.Image, attempts: _Attempts, quality: dict[str, Any], limit_bytes: int, share: float
) -> tuple[int, int]:
    """Make the picture smaller until it fits; ``share`` is what it took of the limit in its full extent.

    The first guess takes bytes for proportional to pixels. Once one extent fits and another does not, the next one
    is read off the line between the two, on logarithmic scales.
    """
    over, under = (1.0, share), (0.0, 0.0)
    fitted: tuple[int, int] | None = None
    for _ in range(_SIZE_ROUNDS):
        if fitted:
            slope = math.log(over[1] / under[1]) / math.log(over[0] / under[0])
            side = under[0] * (_AIM / under[1]) ** (1 / slope)
        else:
            side = over[0] * min(math.sqrt(_AIM / over[1]), _SMALLEST_STEP)
        smaller = _resized(image, side)
        share = attempts.encode(smaller, quality)
        if share > 1:
            over = side, share
            continue
        under, fitted = (side, share), smaller.size
        if share >= _ENOUGH:
            break
    if fitted:
        return fitted
    side = over[0]
    while _worst_bytes(image.size, side) > limit_bytes - limit_bytes // _METADATA_SHARE:
        side *= _SMALLEST_STEP
    smaller = _resized(image, side)
    attempts.encode(smaller, quality)
    return smaller.size


def _resized(image: Image.Image, side: float) -> Image.Image:
    width, height = (max(1, round(length * side)) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _worst_bytes(size: tuple[int, int], side: float) -> int:
    """More than any picture of this extent takes at the last encoding; both codecs work in blocks of 16."""
    blocks = math.prod(math.ceil(length * side / 16) for length in size)
    return blocks * 256 * _WORST_BYTES_PER_PIXEL
