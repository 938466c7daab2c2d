"""What the Discord side does for the engine, as small protocols: the engine never imports discord."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from bot.credits.quota_repository import LogLine as QuotaLine
from bot.errors import BotError
from bot.generations.repository import ChangeRow
from bot.generations.states import Rung
from bot.generations.values import RequestView


class DeliveryFault(StrEnum):
    """Why a way to the person did not work; decides what is tried next."""

    GONE = "gone"
    """The message was deleted (10008): it is not posted again."""
    NO_ACCESS = "no_access"
    """This way is closed for good: no permission, no channel, no DM (50001, 50013, 10003, 50007)."""
    TOKEN_DEAD = "token_dead"  # noqa: S105 - a word, no secret
    """The interaction's token no longer works (50027, 10015, 401, 404 on the webhook)."""
    TOO_LARGE = "too_large"
    """413/40005: the files must be made smaller."""
    TRANSIENT = "transient"
    """Try the same way again later (5xx, time-outs, resets, the client not connected)."""
    REJECTED = "rejected"
    """Discord says the message itself is wrong (50035): a defect of ours; the next way may be simpler."""


class DeliveryError(BotError):
    """One attempt to show something failed."""

    code = "delivery"

    def __init__(self, fault: DeliveryFault, detail: str = "") -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class PostFile:
    """A file to attach: ``position`` is the picture's, ``fitted`` tells that it differs from the original."""

    position: int
    path: Path
    filename: str
    fitted: bool


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how to post: what the rungs need beside the view.

    ``nonce`` is at most 25 characters and stable for this result. It may be forgotten after ``nonce_left_s``: a message
    that is not sent by then is given up. None: it may be forgotten already, and the channel rung looks for a message of
    ours with this request's buttons before posting.
    """

    application_id: int
    interaction_token: str | None
    message_id: int | None
    nonce: str
    nonce_left_s: float | None = 120.0


@dataclass(frozen=True, slots=True)
class Posted:
    """Where the result stands now."""

    channel_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class Voided:
    """A request that was not taken: how its person can hear of it.

    With an interaction's token, its original response is edited. Without one it came by the message
    ``source_message_id``, which may have our reply, or was asked for from another channel, and a message of ours that
    speaks of it may stand in ``channel_id``: that one is edited, or another one sent.
    """

    request_id: str
    application_id: int
    interaction_token: str | None
    channel_id: int
    guild_id: int | None
    source_message_id: int | None
    search_history: bool = False
    """Whether nonces of that time may be forgotten by now."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One thing that a server's log tells: of a request, of a changed setting or quota, or in words of ours."""

    at_ms: int
    request: RequestView | None = None
    hidden: bool = False
    """A private request of which only is told that it was made."""
    change: ChangeRow | None = None
    quota: QuotaLine | None = None
    """A change of who may spend what."""
    words: str | None = None


class NoticeKind(StrEnum):
    """What operators are told by direct message."""

    LOW = "low"
    """The account's credits run out soon."""
    CLOSED = "closed"
    """The account can't be used: nothing is submitted."""
    OPENED = "opened"
    """It can be used again."""
    PRICE = "price"
    """An answer named a price that is not believed."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What an operator is told; ``facts`` are those of its kind (see ``bot.generations.operator_news``)."""

    kind: NoticeKind
    at_ms: int
    facts: Mapping[str, Any]


class Delivery(Protocol):
    """Posts cards. Every method raises DeliveryError, and nothing else, when Discord does not take it."""

    def upload_limit_bytes(self, rung: Rung, view: RequestView, stored_limit_bytes: int) -> int:
        """Return how large one file may be on this rung (``stored_limit_bytes``: the interaction's own limit)."""
        ...

    async def show_progress(self, rung: Rung, view: RequestView, target: Target) -> None:
        """Edit the progress card."""
        ...

    async def post(self, rung: Rung, view: RequestView, target: Target, files: Sequence[PostFile]) -> Posted:
        """Show the result (or the failure) by this rung. Idempotent as far as the rung allows."""
        ...

    async def say_void(self, voided: Voided) -> None:
        """Tell someone that their request was not taken and cost nothing; may be repeated."""
        ...

    async def ping(self, view: RequestView) -> None:
        """Mention the person under the posted result."""
        ...

    async def post_lines(self, guild_id: int, channel_id: int, lines: Sequence[LogLine], *, nonce: str) -> None:
        """Post lines to a server's log channel, in one message."""
        ...

    async def tell_log_off(self, user_id: int, guild_id: int, dropped: int) -> None:
        """Tell an admin by direct message that their log is switched off, and how many lines it lost."""

    async def tell_operator(self, user_id: int, notice: Notice, *, nonce: str) -> None:
        """Tell an operator something by direct message.

        Repeated with the same nonce within some minutes, as long as Discord remembers it, it is one message.
        """
        ...

    async def remove(self, *, guild_id: int | None, channel_id: int, message_id: int) -> None:
        """Delete a message of the bot's own; GONE when it is not there any more."""
        ...


class FetchError(BotError):
    """A reference can't be fetched; ``retryable`` says whether it is worth another try."""

    code = "fetch"

    def __init__(self, detail: str, *, retryable_now: bool) -> None:
        super().__init__(detail)
        self.retryable_now = retryable_now


class Fetcher(Protocol):
    """Fetches what people attached, from Discord's CDN only."""

    async def fetch(self, url: str, destination: Path, *, max_bytes: int) -> int:
        """Stream ``url`` to ``destination``; returns its size in bytes.

        Raises FetchError; stops when more than ``max_bytes`` arrive (then the file has ``max_bytes`` + 1).
        """
        ...
