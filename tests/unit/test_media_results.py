"""Paid pictures are looked at to their last byte, and files stay where they were put."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from bot.media import (
    DamagedResult,
    ImageKind,
    commit_file,
    free_bytes,
    inspect_result,
    remove_quietly,
    sniff,
    sync_folder,
)


def encoded(kind: str, size: tuple[int, int] = (40, 24)) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise(size, 50).convert("RGB").save(stream, format=kind)
    return stream.getvalue()


class TestInspectResult:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    def test_a_whole_picture(self, tmp_path: Path, kind: str) -> None:
        data = encoded(kind)
        (tmp_path / "result").write_bytes(data)
        info = inspect_result(tmp_path / "result")
        assert (info.kind, info.width, info.height) == (ImageKind(kind.lower()), 40, 24)
        assert (info.size_bytes, info.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert (tmp_path / "result").read_bytes() == data

    def test_metadata_never_makes_a_paid_picture_damaged(self, tmp_path: Path) -> None:
        """Pillow refuses a text chunk of over a mebibyte and an EXIF block it can't read; the pixels are fine."""
        data = encoded("PNG")
        chunks = b""
        for name, payload in (
            (b"zTXt", b"prompt\x00\x00" + zlib.compress(bytes(2_000_000))),
            (b"eXIf", b"II*\x00nonsense"),
            (b"iTXt", b"x"),
        ):
            checksum = struct.pack(">I", zlib.crc32(name + payload))
            chunks += struct.pack(">I", len(payload)) + name + payload + checksum
        (tmp_path / "result").write_bytes(data[:33] + chunks + data[33:])
        assert inspect_result(tmp_path / "result").width == 40

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    @pytest.mark.parametrize("missing", [2, 20, 300])
    def test_a_cut_download(self, tmp_path: Path, kind: str, missing: int) -> None:
        (tmp_path / "result").write_bytes(encoded(kind)[:-missing])
        with pytest.raises(DamagedResult) as damaged:
            inspect_result(tmp_path / "result")
        assert damaged.value.retryable
        assert damaged.value.user_message == "The picture arrived damaged."

    @pytest.mark.parametrize("data", [b"", b"<html>502 Bad Gateway</html>", encoded("GIF")])
    def test_no_picture_at_all(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "result").write_bytes(data)
        with pytest.raises(DamagedResult):
            inspect_result(tmp_path / "result")

    def test_a_header_that_claims_too_much(self, tmp_path: Path) -> None:
        data = bytearray(encoded("PNG"))
        data[16:24] = struct.pack(">II", 100_000, 100_000)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        (tmp_path / "result").write_bytes(data)
        with pytest.raises(DamagedResult, match="100000 × 100000"):
            inspect_result(tmp_path / "result")


class TestDurable:
    def test_commit_replaces_what_was_there(self, tmp_path: Path) -> None:
        temporary, final = tmp_path / "a.part", tmp_path / "a"
        temporary.write_bytes(b"new")
        final.write_bytes(b"old")
        commit_file(temporary, final)
        assert final.read_bytes() == b"new"
        assert not temporary.exists()

    def test_two_names_of_one_file_become_one(self, tmp_path: Path) -> None:
        temporary, final = tmp_path / "a.part", tmp_path / "a"
        final.write_bytes(b"same")
        os.link(final, temporary)
        commit_file(temporary, final)
        assert list(tmp_path.iterdir()) == [final]

    def test_file_then_name_then_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The order is what durability is made of: content on the disk before the name points to it."""
        steps: list[str] = []
        fsync = os.fsync

        def spy(descriptor: int) -> None:
            target = Path(f"/proc/self/fd/{descriptor}").readlink()
            steps.append(f"{target.name} with a final name: {(tmp_path / 'a').exists()}")
            fsync(descriptor)

        if not Path("/proc/self/fd").exists():
            pytest.skip("needs /proc to see which file is synced")
        monkeypatch.setattr(os, "fsync", spy)
        (tmp_path / "a.part").write_bytes(b"x")
        commit_file(tmp_path / "a.part", tmp_path / "a")
        assert steps == ["a.part with a final name: False", f"{tmp_path.name} with a final name: True"]

    def test_a_missing_temporary_leaves_the_old_file(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"old")
        with pytest.raises(FileNotFoundError):
            commit_file(tmp_path / "a.part", tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == b"old"

    def test_small_ones(self, tmp_path: Path) -> None:
        remove_quietly(tmp_path / "nothing")
        remove_quietly(tmp_path)
        sync_folder(tmp_path)
        assert tmp_path.exists()
        assert free_bytes(tmp_path) > 0


class TestKinds:
    @pytest.mark.parametrize(
        ("kind", "mime", "extension"),
        [
            (ImageKind.JPEG, "image/jpeg", ".jpg"),
            (ImageKind.PNG, "image/png", ".png"),
            (ImageKind.WEBP, "image/webp", ".webp"),
            (ImageKind.SVG, "image/svg+xml", ".svg"),
            (ImageKind.MP4, "video/mp4", ".mp4"),
        ],
    )
    def test_names(self, kind: ImageKind, mime: str, extension: str) -> None:
        assert (kind.mime, kind.extension) == (mime, extension)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
    def test_what_pillow_writes(self, kind: str) -> None:
        assert sniff(encoded(kind)[:64]) is ImageKind(kind.lower())
