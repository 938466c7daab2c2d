"""The tree of errors, drawn once.

::

    BotError
    ├── ConfigError            wrong settings; ends the start with one sentence per problem
    ├── StorageError           the database can't be used; says the way back
    ├── Refused                a request that is turned down before anything is spent
    ├── ReferenceRefused       one reference image can't be used; names the file and the reason
    └── bot.rivya.errors.RivyaError   what the image service answered, or that it did not

Every class says in ``user_message`` what a person is told (short, kind, specific), in ``retryable`` whether the
same call may succeed later, and in ``code`` the stable word under which it is stored and logged.
"""

from __future__ import annotations

from typing import ClassVar


class BotError(Exception):
    """Base of all errors of this project."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, user_message: str | None = None) -> None:
        super().__init__(detail or user_message or type(self).__name__)
        self._user_message = user_message

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return self._user_message or "Something went wrong on my side."


class ConfigError(BotError):
    """One or more settings are missing or wrong; ``problems`` has one sentence for each."""

    code = "config"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class StorageError(BotError):
    """The database can't be opened or used; the text says the way back."""

    code = "storage"


class ReferenceRefused(BotError):
    """A reference image can't be used.

    ``filename`` is the name the person gave it; ``reason`` completes the sentence "<filename> …".
    """

    code = "reference_refused"

    def __init__(self, filename: str, reason: str) -> None:
        super().__init__(f"{filename}: {reason}", user_message=f"{filename} {reason}")
        self.filename = filename
        self.reason = reason
