"""What the rest of the bot hands to, and gets from, the generations: plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.credits.ledger import Balance
from bot.credits.quota_rules import Bounds, Spender
from bot.generations.states import DeliveryState, PictureState, ReferenceState, RequestState

MAX_PICTURES = 4


class Attachment(BaseModel):
    """An image as a person attached it; ``url`` is signed by Discord and expires after about a day."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["discord"] = "discord"
    url: str
    filename: str
    size_bytes: int = Field(ge=0)
    content_type: str | None = None
    """What Discord takes it for; None where it does not say."""


class StoredImage(BaseModel):
    """An image whose bytes we have; ``id`` is the picture's, the reference's or the tray image's.

    Whether they are still there, and whether this person may use them, is looked at when the request is accepted.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["picture", "reference", "tray"]
    id: str
    filename: str
    size_bytes: int = Field(ge=0)


ReferenceImage = Annotated[Attachment | StoredImage, Field(discriminator="kind")]


class Derived(StrEnum):
    """How a request came of another one."""

    AGAIN = "again"
    """The same request once more."""
    EDIT = "edit"
    """A picture of it, changed as the prompt says."""
    REMIX = "remix"
    """The same references, with other words or options."""
    LARGER = "larger"
    """A picture of it at a higher resolution."""
    VARIATIONS = "variations"
    """The same request, four times."""
    REFERENCE = "reference"
    """A picture of it among other references."""


class Parent(BaseModel):
    """What a request comes of; without ``position`` it is the whole request."""

    model_config = ConfigDict(frozen=True)

    request_id: str
    position: int | None = None
    derived_as: Derived


class GenerationRequest(BaseModel):
    """What a person asks for. ``options`` holds aspect_ratio, resolution, output_format where they chose them."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    model: str | None = None
    options: Mapping[str, str] = Field(default_factory=dict)
    count: int = Field(default=1, ge=1, le=MAX_PICTURES)
    references: tuple[ReferenceImage, ...] = ()
    private: bool = False
    notify: bool = False
    parent: Parent | None = None
    style: str | None = None
    """The name of the style whose words are already part of ``prompt``."""


class Place(StrEnum):
    """What kind of place a request stands in: which ways of showing its result there are."""

    SERVER = "server"
    """A channel of a server that the bot is a member of."""
    DIRECT = "direct"
    """A person's direct messages with the bot."""
    OUTSIDE = "outside"
    """Where the bot is no member (a person brought it along): there is the interaction's token, and nothing else."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a person stands in the server at the moment of an event, as Discord told it with the event."""

    role_ids: frozenset[int] = frozenset()
    """Without @everyone."""
    joined_at_ms: int | None = None
    manages: bool = False
    """Has Manage Server."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: the event, the person, the place, and what may be done there.

    ``source_kind`` and ``source_id`` are unique for the event, so that a repeated event makes one request.
    ``guild_id`` is the server whose allowance pays; None: the person's own. ``place_guild_id`` is the server it stands
    in. ``missing_permissions`` are the bot's own that it would need in this channel to post the result. With
    ``draft_id``, at most one request ever comes of that draft. ``parent_channel_id`` is the channel of a thread.
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
    place: Place = Place.SERVER
    place_guild_id: int | None = None
    draft_id: str | None = None
    standing: Standing = Standing()
    parent_channel_id: int | None = None
    age_restricted: bool = False

    @property
    def spender(self) -> Spender:
        """Who pays for it, and by which rules: a thread counts for its channel, personal use for none."""
        in_guild = self.guild_id is not None
        return Spender(
            user_id=self.user_id,
            guild_id=self.guild_id,
            role_ids=self.standing.role_ids,
            joined_at_ms=self.standing.joined_at_ms,
            channel_id=(self.parent_channel_id or self.channel_id) if in_guild else None,
        )


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that is on disk with its credits held."""

    request_id: str
    cost_credits: int
    repeated: bool = False
    """The same event was accepted before; nothing new was held."""
    pressed_again: bool = False
    """Repeated by another event: a press before this one took the same draft."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a request would cost, and how its person stands before it."""

    cost_credits: int
    picture_credits: int
    balance: Balance
    bounds: Bounds | None = None
    """What is to be kept to by whatever is offered instead."""

    @property
    def left_credits(self) -> int | None:
        """What would be left after it; None: there is no limit."""
        return None if self.balance.left_credits is None else self.balance.left_credits - self.cost_credits


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that is none yet, behind a button or a modal; ``request_id`` is what it became."""

    id: str
    user_id: int
    guild_id: int | None
    request: GenerationRequest
    expired: bool
    request_id: str | None


@dataclass(frozen=True, slots=True)
class ReferenceView:
    """One reference image of a request; ``id`` is what a StoredImage of it is asked for by."""

    position: int
    filename: str
    state: ReferenceState
    id: str = ""
    size_bytes: int = 0
    kept: bool = False
    """Whether its bytes are on disk."""
    source_kind: str = "discord"
    source_id: str | None = None


@dataclass(frozen=True, slots=True)
class RelativeView:
    """A request that another one came of, or that came of it.

    ``position`` is the parent's picture that it came of, None for the request as a whole.
    """

    id: str
    user_id: int
    guild_id: int | None
    private: bool
    removed_by: int | None
    prompt: str
    derived_as: Derived
    position: int | None
    created_at_ms: int
    place_guild_id: int | None = None
    channel_id: int | None = None
    message_id: int | None = None
    """Where its result stands, when it does."""

    @property
    def stands_in(self) -> tuple[int, ...]:
        """The channel in which it stands, or was asked for."""
        return (self.channel_id,) if self.channel_id is not None else ()


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
    ``expected_s`` is what this model and size took lately, in seconds per picture, None when none was made lately;
    ``expected_at_ms`` is when its last picture should come by that, None when nothing can be told. ``trouble`` says
    what is waited for when something takes longer than it should (see ``Trouble``).
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
    expected_at_ms: int | None = None
    now_ms: int = 0
    balance: Balance | None = None
    place: Place = Place.SERVER
    place_guild_id: int | None = None
    style: str | None = None
    parent: RelativeView | None = None
    removed_by: int | None = None
    """Who had its message deleted through the bot."""
    prices: Mapping[str, int] = field(default_factory=dict)
    """What a picture of this model costs now, by resolution ("" where it has none); empty when it can't be had."""
    has_gallery: bool = False
    """Whether the server that it stands in has a gallery."""
    log_shows_private: bool = False
    """Whether it is private and the server's log shows its prompt all the same."""
    from_elsewhere: bool = False
    """Whether it was asked for in another channel: nothing else there says whom it is for."""
    forgotten: bool = False
    """Whether its words, references and pictures were removed for good: by its person, or after their time."""

    exhibited_in: tuple[int, ...] = ()
    """The channels of its server's gallery in which pictures of it stand."""

    @property
    def standing_channel_id(self) -> int:
        """The channel in which its message stands, or is to."""
        return self.delivered_channel_id or self.channel_id

    @property
    def stands_in(self) -> tuple[int, ...]:
        """The channels in which messages of ours show it."""
        return (self.standing_channel_id, *self.exhibited_in)

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
class Notices:
    """What a person is to be told of their requests that could not be shown to them; false when there is nothing.

    ``waiting`` counts requests with pictures that wait in the history; ``failed`` are those that brought none.
    """

    request_ids: tuple[str, ...] = ()
    waiting: int = 0
    failed: tuple[RequestView, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.request_ids)


@dataclass(frozen=True, slots=True)
class Relatives:
    """What a request came of, and what came of it (oldest first)."""

    parent: RelativeView | None
    children: tuple[RelativeView, ...]


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A person's requests, newest first."""

    requests: tuple[RequestView, ...]
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Load:
    """How many pictures wait to be sent, and how many were sent and are not there yet."""

    waiting: int
    painting: int


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
