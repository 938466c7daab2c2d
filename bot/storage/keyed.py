"""Who an account belonged to, as a hash under a key that is in no backup.

Discord's ids are no secrets: whoever has a plain hash finds its id by trying all members of a server. So the hash has a
key, and the key lies in a file of its own beside the database: what copies the database (a backup, somebody who got
hold of one) has numbers that lead to nobody. Without the key, after a restore on another machine for example, nobody is
recognised: a person who was forgotten that month begins with a fresh allowance once. The key goes with the last hash.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

_KEY_BYTES = 32


class KeyedHash:
    """The hashes of one database; the key is read each time, which is seldom, so that all connections agree on it."""

    def __init__(self, database: Path) -> None:
        real = database.resolve()
        self.path = real.with_name(real.name + ".key")

    def of(self, text: str) -> str | None:
        """Return the hash of ``text``, None while there is no key: then there is nothing to compare it with."""
        key = self._read()
        return None if key is None else _hashed(key, text)

    def made_of(self, text: str) -> str:
        """Return the hash of ``text``, under a new key where there is none; raises OSError."""
        return _hashed(self._read() or self._make(), text)

    def forget_key(self) -> None:
        """Throw the key away: no hash that was made with it leads to anybody any more."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> bytes | None:
        try:
            key = self.path.read_bytes()
        except OSError:
            return None
        return key if len(key) == _KEY_BYTES else None

    def _make(self) -> bytes:
        key = secrets.token_bytes(_KEY_BYTES)
        unfinished = self.path.with_name(self.path.name + ".part")
        unfinished.unlink(missing_ok=True)
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - a mode
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return key


def _hashed(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
