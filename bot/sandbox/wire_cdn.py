"""Attachments at signed addresses that expire, as Discord's CDN has them."""

from __future__ import annotations

import hashlib
import hmac
import io
import mimetypes
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web
from PIL import Image
from simcord.backend.cdn import CdnStore

from bot.clock import Clock
from bot.sandbox.wire_rules import WireRules


class WireCdn(CdnStore):
    """Keeps files by path and serves them; ``base_url`` is set once the port is known."""

    def __init__(self, *, clock: Clock, rules: WireRules, seed: int) -> None:
        super().__init__()
        self.base_url = ""
        self.sha256: dict[str, str] = {}
        self.posting = False
        self._clock = clock
        self._rules = rules
        self._seed = seed
        self._generation = 0
        self._forwarded: set[str] = set()

    def store_attachment(
        self, attachment_id: int, channel_id: int, filename: str, data: bytes, description: str | None
    ) -> dict[str, Any]:
        """Keep a file and return Discord's object for it."""
        path = f"/attachments/{channel_id}/{attachment_id}/{filename}"
        self.sha256[str(attachment_id)] = hashlib.sha256(data).hexdigest()
        if self._rules.keep_posted_bytes or not self.posting:
            self._blobs[path] = data
        url = self.signed(path)
        return {
            "id": str(attachment_id),
            "filename": filename,
            "description": description,
            "size": len(data),
            "url": url,
            "proxy_url": url,
            "content_type": mimetypes.guess_type(filename)[0] or "application/octet-stream",
            **_measured(filename, data),
        }

    def store_external(self, filename: str, data: bytes) -> dict[str, Any]:
        """Keep a picture of some site and return an embed's media object; Discord's copy has no signature."""
        path = f"/external/{hashlib.sha256(data).hexdigest()}/https/pictures.example/{filename}"
        self._blobs[path] = data
        address = f"https://pictures.example/{quote(filename)}"
        return {"url": address, "proxy_url": f"{self.base_url}{quote(path)}", **_measured(filename, data)}

    def forward(self, attachments: list[dict[str, Any]]) -> None:
        """Keep these files when their message is deleted: another one shows them too."""
        self._forwarded |= {self._path(attachment["url"]) for attachment in attachments}

    def forget(self, attachments: list[dict[str, Any]]) -> None:
        """Let the files of a deleted message be gone."""
        for attachment in attachments:
            if (path := self._path(attachment["url"])) not in self._forwarded:
                self._blobs.pop(path, None)

    def refreshed(self, payload: Any) -> Any:
        """Return a copy of a payload in which every attachment's address is signed anew."""
        if isinstance(payload, list):
            return [self.refreshed(item) for item in payload]
        if not isinstance(payload, dict):
            return payload
        return {
            name: self.signed(self._path(value)) if self._is_ours(name, value) else self.refreshed(value)
            for name, value in payload.items()
        }

    def signed(self, path: str) -> str:
        """Return an address for ``path`` that is good from now on for as long as the rules say."""
        issued_s = self._clock.now_ms() // 1000
        expires_s = issued_s + int(self._rules.attachment_url_life_s)
        return (
            f"{self.base_url}{quote(path)}?ex={expires_s:x}&is={issued_s:x}&hm={self._mark(path, expires_s, issued_s)}&"
        )

    def expire_urls(self) -> None:
        """Let every address given out so far be dead."""
        self._generation += 1

    def find(self, request: web.Request) -> bytes | None:
        """Return a file if the address is good and the file there."""
        path = "/" + request.match_info["path"]
        if path.startswith("/external/"):
            return self._blobs.get(path)
        try:
            expires_s, issued_s = int(request.query["ex"], 16), int(request.query["is"], 16)
        except (KeyError, ValueError):
            return None
        genuine = hmac.compare_digest(request.query.get("hm", ""), self._mark(path, expires_s, issued_s))
        if not genuine or expires_s * 1000 <= self._clock.now_ms():
            return None
        return self._blobs.get(path)

    def _is_ours(self, name: str, value: Any) -> bool:
        return name in {"url", "proxy_url"} and str(value).startswith(f"{self.base_url}/attachments/")

    def _path(self, url: str) -> str:
        return unquote(url.removeprefix(self.base_url).partition("?")[0])

    def _mark(self, path: str, expires_s: int, issued_s: int) -> str:
        key = f"signature {self._seed} {self._generation}".encode()
        return hmac.new(key, f"{path} {expires_s} {issued_s}".encode(), hashlib.sha256).hexdigest()


def _measured(filename: str, data: bytes) -> dict[str, int]:
    """Return a picture's width and height, nothing for what is none."""
    if not (mimetypes.guess_type(filename)[0] or "").startswith("image/"):
        return {}
    try:
        with Image.open(io.BytesIO(data)) as image:
            return {"width": image.width, "height": image.height}
    except (OSError, ValueError, Image.DecompressionBombError):
        return {}
