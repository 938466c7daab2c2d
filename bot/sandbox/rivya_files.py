"""The Files API of the sandbox: what is uploaded, how it is checked, where it lies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from aiohttp import BodyPartReader, web

from bot.clock import Clock
from bot.sandbox.rivya_books import Books, UploadRecord
from bot.sandbox.rivya_contract import (
    DEFAULT_IMAGE_LIMIT_BYTES,
    IMAGE_TYPES,
    MB,
    MODELS,
    ApiError,
    check_client_request_id,
    invalid,
)
from bot.sandbox.rivya_variants import Variants

KINDS: Final = ("image", "video", "audio")
OTHER_LIMIT_BYTES: Final = 100 * MB  # video and audio; the contract gives no number
_HARD_LIMIT_BYTES: Final = 200 * MB  # past this a sender is cut off
_CHUNK_BYTES: Final = 256 * 1024
_FIELD_LIMIT_BYTES: Final = 4096


@dataclass
class _Form:
    head: bytes | None = None
    name: str = "file"
    size_bytes: int = 0
    kind: str | None = None
    model: str | None = None
    client_request_id: str | None = None


class FileStore:
    """The uploaded files, kept in ``folder``."""

    def __init__(self, *, folder: Path, clock: Clock, books: Books, variants: Variants, rng: Random) -> None:
        self._folder = folder
        self._clock = clock
        self._books = books
        self._variants = variants
        self._rng = rng
        self._by_id: dict[str, UploadRecord] = {}
        self._by_url: dict[str, UploadRecord] = {}

    async def receive(self, request: web.Request) -> UploadRecord:
        """Take one upload, checked by what it is, not by what it is called; raises ApiError."""
        if request.content_type != "multipart/form-data":
            raise invalid("The body must be multipart/form-data.")
        file_id = f"file_{self._rng.getrandbits(80):020x}"
        path = self._folder / file_id
        try:
            form = await self._read_form(request, path)
            mime_type = _check_form(form)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        url = f"{request.url.origin()}/media/uploads/{file_id}{_SUFFIXES[mime_type]}"
        upload = UploadRecord(
            id=file_id,
            url=url,
            kind=str(form.kind),
            name=form.name,
            mime_type=mime_type,
            size_bytes=form.size_bytes,
            model=form.model,
            client_request_id=form.client_request_id,
            created_ms=self._clock.now_ms(),
            path=path,
        )
        self._by_id[file_id] = self._by_url[url] = upload
        self._books.uploads.append(upload)
        return upload

    def find(self, file_id: str) -> UploadRecord:
        """Find an upload by its id; raises ApiError 404."""
        upload = self._by_id.get(file_id)
        if upload is None:
            raise ApiError(404, "not_found", "No such file.")
        return upload

    def reference(self, item: dict[str, Any], *, limit_bytes: int) -> UploadRecord:
        """Find the upload that a reference item of a create call names; raises ApiError."""
        upload = self._by_url.get(item["url"])
        if upload is None:
            raise invalid("A reference's url must be one that the Files API returned.")
        if self.has_expired(upload):
            raise invalid("A reference's url has expired; upload the file again.")
        if upload.kind != "image" or upload.mime_type not in IMAGE_TYPES:
            raise invalid(f"A reference must be one of {', '.join(IMAGE_TYPES)}.")
        if item.get("mimeType", upload.mime_type) != upload.mime_type:
            raise invalid("mimeType of a reference is not what was uploaded.")
        if upload.size_bytes > limit_bytes:
            raise invalid(f"A reference may have at most {limit_bytes // MB} MB.")
        return upload

    def has_expired(self, upload: UploadRecord) -> bool:
        """Tell whether the upload's URL has outlived its time."""
        life_s = self._variants.upload_url_life_s
        return life_s is not None and self._clock.now_ms() >= upload.created_ms + life_s * 1000

    async def _read_form(self, request: web.Request, path: Path) -> _Form:
        form = _Form()
        try:
            reader = await request.multipart()
            while (part := await reader.next()) is not None:
                if not isinstance(part, BodyPartReader):
                    raise invalid("Nested multipart bodies are not taken.")
                if part.name == "file" and form.head is None:
                    form.name = part.filename or "file"
                    await _spool(part, path, form)
                elif part.name in ("kind", "model", "client_request_id"):
                    setattr(form, part.name, await _text(part))
                else:
                    raise invalid(f"Unknown or repeated field: {part.name}.")
        except ValueError as error:
            raise invalid(f"The multipart body can't be read: {error}.") from None
        return form


def upload_as_json(upload: UploadRecord, created_at: str) -> dict[str, Any]:
    """Shape an upload as the Files API shows it; only ``url`` is the contract's, the rest this sandbox's guess."""
    return {
        "id": upload.id,
        "object": "file",
        "url": upload.url,
        "kind": upload.kind,
        "name": upload.name,
        "mime_type": upload.mime_type,
        "size_bytes": upload.size_bytes,
        "model": upload.model,
        "client_request_id": upload.client_request_id,
        "created_at": created_at,
    }


def sniff(head: bytes) -> str | None:
    """Tell the MIME type by the signature in the first 16 bytes; ``None`` when it is none that is known."""
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return "video/mp4"
    return next((mime for magic, mime in _MAGIC.items() if head.startswith(magic)), None)


_MAGIC: Final = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"\x1a\x45\xdf\xa3": "video/webm",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
}

_SUFFIXES: Final = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
}


def _check_form(form: _Form) -> str:
    """Check a whole upload; return its true MIME type; raises ApiError."""
    if form.head is None:
        raise invalid("file is required.")
    if form.kind not in KINDS:
        raise invalid(f"kind must be one of {', '.join(KINDS)}.")
    check_client_request_id(form.client_request_id)
    mime_type = sniff(form.head)
    if mime_type is None or mime_type.partition("/")[0] != form.kind:
        raise invalid(f"The file's signature is not that of a supported {form.kind}.")
    limit_bytes = DEFAULT_IMAGE_LIMIT_BYTES if form.kind == "image" else OTHER_LIMIT_BYTES
    if form.model is not None:
        model = MODELS.get(form.model)
        if model is None:
            raise invalid("model is unknown.")
        if not model.max_references or mime_type not in IMAGE_TYPES:
            raise invalid(f"{model.id} does not take {mime_type}.")
        limit_bytes = model.reference_limit_bytes
    if form.size_bytes > limit_bytes:
        raise invalid(f"The file may have at most {limit_bytes // MB} MB.")
    return mime_type


async def _spool(part: BodyPartReader, path: Path, form: _Form) -> None:
    """Write the file to disk while it comes in, and note its size and its first bytes."""
    head = b""
    with await asyncio.to_thread(path.open, "wb") as sink:
        while chunk := await part.read_chunk(_CHUNK_BYTES):
            head = head if len(head) >= 16 else (head + chunk)[:16]
            form.size_bytes += len(chunk)
            if form.size_bytes > _HARD_LIMIT_BYTES:
                raise invalid("The file is far too large.")
            await asyncio.to_thread(sink.write, chunk)
    form.head = head


async def _text(part: BodyPartReader) -> str:
    raw = await part.read()
    if len(raw) > _FIELD_LIMIT_BYTES:
        raise invalid(f"{part.name} is too long.")
    return raw.decode(errors="replace")
