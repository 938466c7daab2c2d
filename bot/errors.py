"""The tree of errors, drawn once.

::

    BotError
    ├── ConfigError            wrong settings; ends the start with one sentence per problem
    ├── StorageError           the database can't be used; says the way back
    │   └── StorageDown        a running bot can't write to it for now: locked, read-only, or its disk is full or broken
    ├── Refused                a request that is turned down before anything is spent
    ├── ReferenceRefused       one reference image can't be used; names the file and the reason
    └── bot.rivya.errors.RivyaError   what the image service answered, or that it did not

Every class says in ``user_message`` what a person is told (short, kind, specific), in ``retryable`` whether the
same call may succeed later, and in ``code`` the stable word under which it is stored and logged.
"""

from __future__ import annotations

import errno
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


class StorageDown(StorageError):
    """A transaction of a running bot came to nothing, since its file can't be written to for now.

    The text is for the operator and says what is wrong; people are told that nothing was charged.
    """

    code = "storage_down"
    retryable = True

    def __init__(self, detail: str) -> None:
        super().__init__(
            detail,
            user_message="I can't write anything down at the moment, so I don't take requests. Please try again later.",
        )


_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG, errno.ENODEV, errno.ESTALE})


def is_of_the_machine(error: BaseException) -> bool:
    """Tell whether ``error`` is trouble of the machine's (a disk that is full or broken) that an operator can end."""
    return isinstance(error, StorageDown) or (isinstance(error, OSError) and error.errno in _DISK)


class ReferenceRefused(BotError):
    """A reference image can't be used.

    ``filename`` is the name the person gave it; ``reason`` completes the sentence "<filename> …".
    """

    code = "reference_refused"

    def __init__(self, filename: str, reason: str) -> None:
        super().__init__(f"{filename}: {reason}", user_message=f"{filename} {reason}")
        self.filename = filename
        self.reason = reason
