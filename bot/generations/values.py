"""What the rest of the bot hands to, and gets from, the generations: plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from bot.credits.ledger import Balance
from bot.generations.states import DeliveryState, PictureState, ReferenceState, RequestState

MAX_PICTURES = 4


class Attachment(BaseModel):
    """An image as a person attached it; ``url`` is signed by Discord and expires after about a day."""

    model_config = ConfigDict(frozen=True)

    url: str
    filename: str
    size_bytes: int = Field(ge=0)


class GenerationRequest(BaseModel):
    """What a person asks for. ``options`` holds aspect_ratio, resolution, output_format where they chose them."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    model: str | None = None
    options: Mapping[str, str] = Field(default_factory=dict)
    count: int = Field(default=1, ge=1, le=MAX_PICTURES)
    references: tuple[Attachment, ...] = ()
    private: bool = False
    notify: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: the event, the person, the place, and what may be done there.

    ``source_kind`` and ``source_id`` are unique for the event, so that a repeated event makes one request.
    ``missing_permissions`` are the bot's own that it would need in this channel to post the result.
    """

    source_kind: str
    source_id: str
    user_id: int
    guild_id: int | None
    channel_id: int
    application_id: int
    interaction_token: str | None
    token_expires_at_ms: int
    upload_limit_bytes: int
    locale: str = "en-US"
    missing_permissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that is on disk with its credits held."""

    request_id: str
    cost_credits: int
    repeated: bool = False
    """The same event was accepted before; nothing new was held."""


@dataclass(frozen=True, slots=True)
class ReferenceView:
    """One reference image of a request."""

    position: int
    filename: str
    state: ReferenceState


@dataclass(frozen=True, slots=True)
class PictureView:
    """One picture of a request. ``path`` is None when there are no bytes (yet, or any more)."""

    id: str
    position: int
    state: PictureState
    price_credits: int
    charged_credits: int | None = None
    path: str | None = None
    mime: str | None = None
    width: int | None = None
    height: int | None = None
    size_bytes: int | None = None
    failure_code: str | None = None
    failure_detail: str | None = None
    submitted_at_ms: int | None = None
    hold_ends_at_ms: int | None = None
    """When the credits of a late or unknown picture come back at the latest."""
    finished_at_ms: int | None = None
    bytes_dropped_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RequestView:
    """Everything that a card shows of a request, read in one snapshot.

    ``options`` are complete (defaults filled in). ``queue_position`` is 1 for the next one, None when nothing waits.
    ``expected_s`` is what this model and size took lately, in seconds per picture. ``trouble`` says what is waited
    for when something takes longer than it should (see ``Trouble``).
    """

    id: str
    user_id: int
    guild_id: int | None
    channel_id: int
    model: str
    model_label: str
    prompt: str
    options: Mapping[str, str]
    private: bool
    notify: bool
    locale: str
    state: RequestState
    created_at_ms: int
    pictures: tuple[PictureView, ...]
    references: tuple[ReferenceView, ...]
    delivery: DeliveryState
    message_id: int | None = None
    delivered_channel_id: int | None = None
    delivered_message_id: int | None = None
    trouble: str | None = None
    queue_position: int | None = None
    expected_s: float | None = None
    now_ms: int = 0
    balance: Balance | None = None

    @property
    def reference(self) -> str:
        """The short id that a person can quote to the operator."""
        return self.id[-6:]

    @property
    def cost_credits(self) -> int:
        """What was promised as the price of all pictures."""
        return sum(picture.price_credits for picture in self.pictures)

    @property
    def charged_credits(self) -> int:
        """What was taken so far."""
        return sum(picture.charged_credits or 0 for picture in self.pictures)

    @property
    def held_credits(self) -> int:
        """What is still on hold."""
        ended = {PictureState.FETCHED, PictureState.FAILED, PictureState.CANCELLED, PictureState.LOST}
        return sum(
            picture.price_credits
            for picture in self.pictures
            if picture.state not in ended and picture.charged_credits is None
        )


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A person's requests, newest first."""

    requests: tuple[RequestView, ...]
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What a cancel did: pictures given back for free, and those that were sent already and will come."""

    freed_pictures: int
    freed_credits: int
    sent_pictures: int
    sent_credits: int


class Trouble:
    """Words (stored in a request's ``trouble``) for what is being waited for."""

    UNREACHABLE = "unreachable"
    """The image service does not answer."""
    BUSY = "busy"
    """The image service is limiting or has paused its API."""
    SLOW = "slow"
    """The picture takes longer than such pictures do."""
    RESULT = "result"
    """The picture is made, but can't be downloaded yet."""
    DISK = "disk"
    """The picture is made, but the bot's disk is full."""
    REFERENCES = "references"
    """A reference image can't be fetched from Discord yet."""
    ACCOUNT = "account"
    """The operator must act (key, scope, credits) before it can go on."""
    INTERNAL = "internal"
    """An error of the bot's own; it is tried again."""
