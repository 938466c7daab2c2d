"""Where the bytes of references, results and trays lie below the data folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bot.media import free_bytes

_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
RESULT_MIMES = tuple(_EXTENSIONS)


class FileStore:
    """Paths below ``root``; what is stored in rows is relative to it, so that the folder may be moved."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        for folder in self.folders(self.root):
            folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def folders(root: Path) -> list[Path]:
        """Return the folders that are made below ``root``."""
        return [root / name for name in ("references", "results", "trays", "fitted", "incoming")]

    def absolute(self, relative: str) -> Path:
        """Return the path of a stored file."""
        return self.root / relative

    def reference(self, request_id: str, position: int) -> Path:
        """Return where a cleaned reference goes."""
        return self.root / "references" / f"{request_id}-{position}"

    @property
    def tray_folder(self) -> Path:
        """Where images of trays lie."""
        return self.root / "trays"

    def tray_image(self, name: str) -> Path:
        """Return where an image of a tray goes; ``name`` says nothing of whose it is."""
        return self.tray_folder / name

    def incoming(self, name: str) -> Path:
        """Return where bytes land before they are checked."""
        return self.root / "incoming" / name

    def result(self, picture_id: str, mime: str) -> Path:
        """Return where a result goes."""
        return self.root / "results" / f"{picture_id}.{_EXTENSIONS[mime]}"

    @property
    def fitted_folder(self) -> Path:
        """Where pictures fitted to an upload limit go; may be emptied at any time."""
        return self.root / "fitted"

    def relative(self, path: Path) -> str:
        """Return what a row stores of ``path``."""
        return path.relative_to(self.root).as_posix()

    def free_bytes(self) -> int:
        """Return how much may still be written."""
        return free_bytes(self.root)

    def stray_files(self) -> Iterator[Path]:
        """Yield half-finished downloads of an earlier run."""
        yield from (self.root / "incoming").iterdir()
