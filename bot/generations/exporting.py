"""Puts all that is held on a person into zip files: what it says as JSON, then the pictures, as far as they fit.

Each part is a whole zip of at most the size that Discord takes. Documents come first, in pages, so that no part of them
is ever too large; then results, newest first; then what the person gave.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog

from bot.generations.repository import GenerationsRepository
from bot.generations.repository.personal import HeldFile
from bot.generations.store import FileStore
from bot.media import remove_quietly
from bot.storage import Database

log = structlog.get_logger(__name__)

MAX_PARTS: Final = 10
"""Files in all, as many as one message takes."""
_REQUESTS_A_PAGE: Final = 200
_ENTRIES_A_PAGE: Final = 5000
_OVERHEAD_BYTES: Final = 300
"""Of one file in a zip, beside its name twice; and of the zip's end."""
_FOLDERS: Final = {"picture": "pictures", "reference": "references", "tray": "tray"}
_AT_ONCE: Final = 2
_JSON: Final = frozenset(
    {"options", "request", "change", "facts", "was", "became", "value_before", "value_after", "models"}
)
"""Columns that hold JSON."""


@dataclass(frozen=True, slots=True)
class Export:
    """The files, in order, what they hold, and the names of pictures that did not fit."""

    parts: tuple[Path, ...]
    requests: int
    pictures: int
    left_out: tuple[str, ...]
    too_large: int
    """Of those left out, how many are each larger than a file may be."""

    def remove(self) -> None:
        """Remove the files."""
        for part in self.parts:
            remove_quietly(part)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One file of the export: its bytes, or where they lie."""

    name: str
    size_bytes: int
    content: bytes | None = None
    path: Path | None = None

    @property
    def room_bytes(self) -> int:
        return self.size_bytes + 2 * len(self.name.encode()) + _OVERHEAD_BYTES


class Exporter:
    """Reads in pages, packs in a thread; a few at a time, since each holds documents in memory and reads the disk."""

    def __init__(self, database: Database, store: FileStore) -> None:
        self._database = database
        self._store = store
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def write(self, user_id: int, *, limit_bytes: int, now_ms: int) -> Export:
        """Write the parts into the folder that is cleared at every start; raises OSError when the disk is full."""
        async with self._places:
            documents, requests = await self._documents(user_id, now_ms)
            files = await self._database.look(lambda tx: GenerationsRepository(tx).personal.files(user_id))
            packing = asyncio.ensure_future(asyncio.to_thread(self._pack, documents, files, requests, limit_bytes))
            try:
                return await asyncio.shield(packing)
            except asyncio.CancelledError:
                packing.add_done_callback(_discard)
                raise

    async def _documents(self, user_id: int, now_ms: int) -> tuple[list[_Piece], int]:
        pieces: list[_Piece] = []
        accounts = await self._database.look(lambda tx: GenerationsRepository(tx).personal.accounts(user_id))
        rest = await self._database.look(lambda tx: GenerationsRepository(tx).personal.the_rest(user_id))
        about = {"user_id": user_id, "made_at": _time(now_ms), "accounts": accounts}
        pieces.append(_document("account.json", about))
        pieces += [_document(f"{name}.json", rows) for name, rows in rest.items() if rows]
        count = 0
        after: tuple[int, str] | None = None
        while page := await self._requests_page(user_id, after):
            after = (page[-1]["created_at_ms"], page[-1]["id"])
            count += len(page)
            pieces.append(_document(f"requests-{len(pieces):04}.json", page))
        for account in accounts:
            after_id = 0
            while entries := await self._entries_page(account["account_id"], after_id):
                after_id = entries[-1]["id"]
                name = f"credits-{account['guild_key'] or 'personal'}-{after_id}.json"
                pieces.append(_document(name, entries))
        return pieces, count

    async def _requests_page(self, user_id: int, after: tuple[int, str] | None) -> list[dict[str, Any]]:
        return await self._database.look(
            lambda tx: GenerationsRepository(tx).personal.requests_page(user_id, after=after, limit=_REQUESTS_A_PAGE)
        )

    async def _entries_page(self, account_id: int, after_id: int) -> list[dict[str, Any]]:
        return await self._database.look(
            lambda tx: GenerationsRepository(tx).personal.entries_page(
                account_id, after_id=after_id, limit=_ENTRIES_A_PAGE
            )
        )

    # --- in a thread ---

    def _pack(self, documents: list[_Piece], files: Sequence[HeldFile], requests: int, limit_bytes: int) -> Export:
        pieces = [*documents, *self._kept(files)]
        # Room for the list of what is left out, should all pictures be.
        listed = sum(len(file.name) + 16 for file in files) + 2000
        parts, left_out, too_large = _planned(pieces, limit_bytes, reserved_bytes=min(listed, limit_bytes // 4))
        parts[0].insert(0, _document("README.txt", _words(left_out)))
        stem = f"export-{secrets.token_hex(8)}"
        paths: list[Path] = []
        try:
            for number, part in enumerate(parts, start=1):
                paths.append(self._store.incoming(f"{stem}-{number}.zip"))
                _write(paths[-1], part)
        except BaseException:
            for path in paths:
                remove_quietly(path)
            raise
        inside = sum(piece.path is not None for part in parts for piece in part)
        return Export(tuple(paths), requests, inside, tuple(left_out), too_large)

    def _kept(self, files: Iterable[HeldFile]) -> Iterable[_Piece]:
        for file in files:
            path = self._store.absolute(file.path)
            with contextlib.suppress(OSError):
                yield _Piece(f"{_FOLDERS[file.kind]}/{file.name}", path.stat().st_size, path=path)


def _planned(
    pieces: Iterable[_Piece], limit_bytes: int, *, reserved_bytes: int
) -> tuple[list[list[_Piece]], list[str], int]:
    """Deal the pieces out to parts, each into the first that has room; returns what no part has room for."""
    parts: list[list[_Piece]] = [[]]
    room = [limit_bytes - reserved_bytes]
    left_out: list[str] = []
    too_large = 0
    for piece in pieces:
        size = piece.room_bytes
        at = next((number for number, free in enumerate(room) if size <= free), None)
        if at is None and len(parts) < MAX_PARTS and size <= limit_bytes - _OVERHEAD_BYTES:
            at = len(parts)
            parts.append([])
            room.append(limit_bytes - _OVERHEAD_BYTES)
        if at is None:
            left_out.append(piece.name)
            too_large += size > limit_bytes - _OVERHEAD_BYTES
            continue
        parts[at].append(piece)
        room[at] -= size
    return parts, left_out, too_large


def _write(path: Path, pieces: Iterable[_Piece]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for piece in pieces:
            if piece.content is not None:
                archive.writestr(piece.name, piece.content, compress_type=zipfile.ZIP_DEFLATED)
            elif piece.path is not None:
                try:
                    archive.write(piece.path, piece.name, compress_type=zipfile.ZIP_STORED)
                except FileNotFoundError:
                    log.info("export.file_gone", name=piece.name)  # removed meanwhile


def _document(name: str, content: Any) -> _Piece:
    text = content if isinstance(content, str) else json.dumps(_readable(content), ensure_ascii=False, indent=1)
    raw = text.encode(errors="replace")
    return _Piece(name, min(len(zlib.compress(raw)) + 64, len(raw) + 64), content=raw)


def _readable(content: Any) -> Any:
    """Return rows with times that a person can read, and ids as text: they are too long for many programs' numbers."""
    if isinstance(content, dict):
        return {_name(key): _value(key, value) for key, value in content.items()}
    if isinstance(content, list):
        return [_readable(item) for item in content]
    return content


def _name(key: str) -> str:
    return key.removesuffix("_ms")


def _value(key: str, value: Any) -> Any:
    if isinstance(value, int) and key.endswith("_at_ms"):
        return _time(value)
    if isinstance(value, int) and key.endswith(("_id", "_key", "_by")) and value > 2**53:
        return str(value)
    if key in _JSON and isinstance(value, str):
        with contextlib.suppress(ValueError):
            return _readable(json.loads(value))
    return _readable(value)


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


def _words(left_out: Sequence[str]) -> str:
    said = """All that this bot holds on you.

account.json        your accounts: one for each server in which you used the bot ("guild_key"), 0 is your own
requests-*.json     what you asked for, with pictures, references, and where the result was posted
credits-*.json      the ledger: what was held, paid, given back and granted
bans, setting_changes_on_bans, quota_rules, quota_log, quota_drafts (.json)
                    what admins set for you by name: bans from the bot, rules, extra credits and refunds; and changes of
                    quotas about you, or by you, that wait for a yes
preferences, styles, drafts, tray_images, reports_made, gallery_posts (.json)
                    what their names say, where there is anything
servers_set, setting_changes_made, quota_rules_set, quota_changes_made, bans_made, reports_handled, requests_removed
(.json)             what you did as an admin or moderator
operator_log, operator_notices (.json)
                    what you did as an operator of this bot, and what you were told
pictures/           results, as they were made
references/, tray/  images that you gave

A picture is named after its id in requests-*.json. Times are UTC. What others reported about pictures of yours is not
here: it is held on them.
"""
    if left_out:
        said += "\nThese did not fit. The bot's operator has them:\n" + "\n".join(left_out) + "\n"
    return said


def _discard(packing: asyncio.Future[Export]) -> None:
    if not packing.cancelled() and packing.exception() is None:
        packing.result().remove()
