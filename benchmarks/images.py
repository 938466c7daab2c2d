"""Reference images of a wanted weight, the same for the same seed."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random

from PIL import Image

from benchmarks.rows import Pictures

SMALL_BYTES = 100_000
COUNT = 8


def make_pictures(folder: Path, *, large_bytes: int, seed: int) -> Pictures:
    """Make eight small and eight large images, each just under its size: PNG, JPEG and WebP in turn.

    They are noise, which no encoder makes smaller: the weight of a photo, in the fewest pixels that can have it.
    """
    return Pictures(_eight(folder, "small", SMALL_BYTES, seed), _eight(folder, "large", large_bytes, seed))


def _eight(folder: Path, name: str, size_bytes: int, seed: int) -> tuple[Path, ...]:
    encoded = [(kind, _encode(kind, size_bytes, seed)) for kind in ("png", "jpeg", "webp")]
    paths = []
    for number in range(COUNT):
        kind, content = encoded[number % len(encoded)]
        path = folder / f"{name}-{number + 1}.{kind}"
        path.write_bytes(content)
        paths.append(path)
    return tuple(paths)


def _encode(kind: str, size_bytes: int, seed: int) -> bytes:
    options = {
        "png": {"compress_level": 1},
        "jpeg": {"quality": 95, "subsampling": 0},
        "webp": {"lossless": True, "quality": 0, "method": 0},
    }[kind]
    sample = _noise(256, seed)
    bytes_per_pixel = len(_saved(sample, kind, options)) / 256**2
    side = int((0.985 * size_bytes / bytes_per_pixel) ** 0.5)
    return _saved(_noise(side, seed), kind, options)


def _noise(side: int, seed: int) -> Image.Image:
    return Image.frombytes("RGB", (side, side), Random(seed).randbytes(side * side * 3))


def _saved(image: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    sink = io.BytesIO()
    image.save(sink, kind, **options)  # type: ignore[arg-type]
    return sink.getvalue()
