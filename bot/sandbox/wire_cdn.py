"""Attachments at signed addresses that expire, as Discord's CDN has them."""

from __future__ import annotations

import hashlib
import hmac
import mimetypes
from typing import Any
from urllib.parse import quote

from aiohttp import web
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
        try:
            expires_s, issued_s = int(request.query["ex"], 16), int(request.query["is"], 16)
        except (KeyError, ValueError):
            return None
        genuine = hmac.compare_digest(request.query.get("hm", ""), self._mark(path, expires_s, issued_s))
        if not genuine or expires_s * 1000 <= self._clock.now_ms():
            return None
        return self._blobs.get(path)

    def _mark(self, path: str, expires_s: int, issued_s: int) -> str:
        key = f"signature {self._seed} {self._generation}".encode()
        return hmac.new(key, f"{path} {expires_s} {issued_s}".encode(), hashlib.sha256).hexdigest()
