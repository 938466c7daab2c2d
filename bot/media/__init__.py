"""Pictures as files: what they are, what they say, and how large they are.

Everything here is synchronous and works on paths; callers on the event loop use ``asyncio.to_thread``. At most one
picture is decoded at a time in the whole process, so memory stays flat however many are asked for at once.

- `sniff`: what a file is, by its first bytes
- `prepare_reference`: a person's image made ready for upload (checked, upright, without location)
- `inspect_result`: a paid picture checked to its last byte
- `fit`, `fit_message`: pictures brought under an upload limit
- `thumbnail`: a small picture of one, for lists
- `commit_file`, `sync_folder`, `remove_quietly`, `free_bytes`: files that survive a power cut
"""

from bot.media.durable import commit_file, free_bytes, remove_quietly, sync_folder
from bot.media.fitting import MIN_LIMIT_BYTES, FitChange, FittedPicture, fit, fit_message
from bot.media.references import (
    MAX_REFERENCE_PIXELS,
    REFERENCE_KINDS,
    REFERENCE_MIMES,
    PreparedReference,
    ReferenceChange,
    prepare_reference,
)
from bot.media.results import DamagedResult, ResultInfo, inspect_result
from bot.media.sniffing import HEAD_BYTES, ImageKind, sniff
from bot.media.thumbnails import thumbnail

__all__ = [
    "HEAD_BYTES",
    "MAX_REFERENCE_PIXELS",
    "MIN_LIMIT_BYTES",
    "REFERENCE_KINDS",
    "REFERENCE_MIMES",
    "DamagedResult",
    "FitChange",
    "FittedPicture",
    "ImageKind",
    "PreparedReference",
    "ReferenceChange",
    "ResultInfo",
    "commit_file",
    "fit",
    "fit_message",
    "free_bytes",
    "inspect_result",
    "prepare_reference",
    "remove_quietly",
    "sniff",
    "sync_folder",
    "thumbnail",
]
