"""The states of requests, pictures, references and deliveries, and which may follow which.

The database enforces the pictures' transitions by trigger; a test compares that trigger with ``PICTURE_TRANSITIONS``.
"""

from __future__ import annotations

from enum import StrEnum


class RequestState(StrEnum):
    """What has become of a request as a whole."""

    ACCEPTED = "accepted"
    """On disk with its holds, but Discord has not shown the person that we took it: not runnable."""
    RUNNING = "running"
    """Acknowledged; the engine works on it."""
    SETTLED = "settled"
    """Every picture is final and no credits are on hold."""
    VOID = "void"
    """Never acknowledged: every hold was given back and nothing was sent."""


class SourceKind(StrEnum):
    """What event a request comes from."""

    INTERACTION = "interaction"
    MESSAGE = "message"
    ELSEWHERE = "elsewhere"
    """An interaction in another channel than that in which it is painted: its token is of no use here."""


class PictureState(StrEnum):
    """What has become of one picture of a request."""

    HELD = "held"
    """Credits are on hold; nothing is at the provider. May be cancelled for free."""
    SUBMITTING = "submitting"
    """An attempt's key and bytes are committed; the provider may have it."""
    PAINTING = "painting"
    """The provider gave a task id."""
    OVERDUE = "overdue"
    """Past the deadline; asked for slowly. A late success still arrives."""
    UNKNOWN = "unknown"
    """The create call's effect can't be known any more; never sent again."""
    FETCHING = "fetching"
    """The provider succeeded; the bytes are on their way."""
    FETCHED = "fetched"
    """Bytes on disk and credits captured, in one transaction."""
    FAILED = "failed"
    """Definitely not made; the hold was given back."""
    CANCELLED = "cancelled"
    """Taken back by the person before it was sent; the hold was given back."""
    LOST = "lost"
    """Paid for by the operator, but never obtained; the member paid nothing."""


PICTURE_TRANSITIONS: dict[PictureState, frozenset[PictureState]] = {
    PictureState.HELD: frozenset({PictureState.SUBMITTING, PictureState.FAILED, PictureState.CANCELLED}),
    # Back to HELD only after a definitive refusal that may be tried again (429, 503).
    PictureState.SUBMITTING: frozenset(
        {PictureState.HELD, PictureState.PAINTING, PictureState.FAILED, PictureState.UNKNOWN}
    ),
    PictureState.PAINTING: frozenset({PictureState.FETCHING, PictureState.FAILED, PictureState.OVERDUE}),
    PictureState.OVERDUE: frozenset({PictureState.FETCHING, PictureState.FAILED, PictureState.LOST}),
    PictureState.UNKNOWN: frozenset({PictureState.LOST}),
    PictureState.FETCHING: frozenset({PictureState.FETCHED, PictureState.LOST}),
    PictureState.FETCHED: frozenset(),
    PictureState.FAILED: frozenset(),
    PictureState.CANCELLED: frozenset(),
    PictureState.LOST: frozenset(),
}

FINAL_STATES = frozenset(state for state, following in PICTURE_TRANSITIONS.items() if not following)
"""Nothing changes any more."""

RESTING_STATES = FINAL_STATES | {PictureState.OVERDUE, PictureState.UNKNOWN}
"""The person has been told how it stands, and need not wait for it; a late picture is edited in."""

UNSENT_STATES = frozenset({PictureState.HELD})
"""Nothing is at the provider: cancelling is free."""


class FailureCode(StrEnum):
    """Why a picture brought nothing, where it was not the service that said no (that is a ``RivyaError.code``).

    ``bot.ui.words`` has a sentence for each.
    """

    REFERENCE_REFUSED = "reference_refused"
    CANCELLED = "cancelled"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    RESTORED = "restored"
    SERVER_PAUSED = "server_paused"
    INTERNAL = "internal"
    OVERDUE = "overdue"
    CREATE_UNKNOWN = "create_unknown"
    RESULT_GONE = "result_gone"
    RESULT_TOO_LARGE = "result_too_large"
    DAMAGED_RESULT = "damaged_result"


class ReferenceState(StrEnum):
    """What has become of one reference image."""

    WAITING = "waiting"
    READY = "ready"
    """Checked, cleaned and on disk."""
    UPLOADED = "uploaded"
    """At the provider's Files API; its URL is stored."""
    REFUSED = "refused"
    DROPPED = "dropped"
    """Its request ended; the bytes are gone."""


class DeliveryState(StrEnum):
    """Where the message of a request stands."""

    WAITING = "waiting"
    """Nothing final to show yet."""
    DUE = "due"
    """There is something final to show that the message does not show."""
    SHOWN = "shown"
    """The message shows the latest revision."""
    KEPT = "kept"
    """No way to the person worked, or somebody else deleted the message before everything was shown: the pictures wait
    in /history, a notice comes at the next use."""
    WITHDRAWN = "withdrawn"
    """The person deleted the message, or had seen it all; it is not posted again, the pictures are in /history."""


class Rung(StrEnum):
    """A way to bring a result to the person, best first; see ``delivery.ladder``."""

    EDIT_MESSAGE = "edit_message"
    EDIT_ORIGINAL = "edit_original"
    CHANNEL = "channel"
    DIRECT = "direct"
