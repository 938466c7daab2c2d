"""Looking at a picture that was paid for, before it is called fetched."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bot.errors import BotError
from bot.media.containers import read_layout
from bot.media.layout import NotWhole
from bot.media.pixels import ONE_AT_A_TIME, verify
from bot.media.sniffing import ImageKind


class DamagedResult(BotError):
    """The bytes are no whole picture; fetching them again may bring a better copy. The text is for the log."""

    code: ClassVar[str] = "damaged_result"
    retryable: ClassVar[bool] = True

    def __init__(self, detail: str) -> None:
        super().__init__(detail, user_message="The picture arrived damaged.")


@dataclass(frozen=True, slots=True)
class ResultInfo:
    """A whole picture: extent in pixels, ``sha256`` in hexadecimal digits."""

    kind: ImageKind
    width: int
    height: int
    size_bytes: int
    sha256: str


def inspect_result(path: Path) -> ResultInfo:
    """Decode the picture at ``path`` to its last byte and describe it; its bytes are left as they are.

    JPEG, PNG and WebP of up to `bot.media.pixels.MAX_PIXELS` pass. Raises `DamagedResult` for anything else and
    for a file that ends too early, OSError when it can't be read. Takes about half a second for a 4096 × 4096 PNG.
    """
    data = path.read_bytes()
    try:
        layout = read_layout(data)
        with ONE_AT_A_TIME:
            verify(layout.open_picture(), layout.kind, (layout.width, layout.height))
    except NotWhole as error:
        raise DamagedResult(str(error)) from error
    return ResultInfo(layout.kind, layout.width, layout.height, len(data), hashlib.sha256(data).hexdigest())
