"""What Discord refuses of a request, and simcord does not."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any, Final

from simcord.backend import errors
from simcord.backend.errors import BackendError
from simcord.components import ComponentValidationError, validate_modal
from simcord.enums import CallbackType

from bot.clock import Clock
from bot.sandbox.wire_backend import WireBackend
from bot.sandbox.wire_books import InteractionRecord, WireBooks
from bot.sandbox.wire_modals import check_modal

NONCE_MAX_CHARACTERS: Final = 25
FOLLOWUPS_BY_PERSON: Final = 5
"""Follow-ups to one interaction where the app is there by the person's installation alone (Discord's change log)."""
CHOICES_MAX: Final = 25
CHOICE_MAX_CHARACTERS: Final = 100
"""Of a choice's name, and of its value where that is text (Discord's command reference)."""
_NO_TOKEN_NEEDED: Final = frozenset({"interactions", "webhooks"})


@dataclass
class Upload:
    """One file as simcord's routes expect it; ``fp`` is empty when the file was over ``limit``."""

    filename: str
    description: str | None = None
    size_bytes: int = 0
    fp: io.BytesIO = field(default_factory=io.BytesIO)


@dataclass
class Call:
    """One request, read to its end."""

    method: str
    path: str
    parts: list[str]
    authorization: str | None
    query: dict[str, str]
    reason: str | None
    body: Any = None
    files: list[Upload] = field(default_factory=list)
    limit_bytes: int = 0

    @property
    def too_large(self) -> bool:
        """Whether any file is over the limit of the place."""
        return any(file.size_bytes > self.limit_bytes for file in self.files)


class Checks:
    """Judges requests before they are carried out."""

    def __init__(self, *, backend: WireBackend, books: WireBooks, clock: Clock, token: str) -> None:
        self._backend = backend
        self._books = books
        self._clock = clock
        self._token = token

    def check(self, call: Call) -> None:
        """Raise BackendError for what Discord refuses and simcord does not."""
        if call.parts[0] not in _NO_TOKEN_NEEDED and call.authorization != f"Bot {self._token}":
            raise BackendError(401, 0, "401: Unauthorized")
        match call.parts:
            case ["interactions", interaction_id, _token, "callback"]:
                record = self._books.interactions.get(number(interaction_id))
                self._check_in_time(record)
                if record is not None and record.acknowledged_ms is None:
                    _check_answer(record, call.body)
            case ["webhooks", _application_id, token, *_]:
                self._check_token(call, self._books.by_token(token))
            case ["channels" | "guilds", place_id, *_]:
                self._check_present(call.parts[0], number(place_id))
        match call.parts:
            case ["channels", channel_id, "messages", *_] if call.method in {"POST", "PATCH"}:
                self._check_place(call, number(channel_id))
            case ["channels", _channel_id, "messages"] if not 1 <= int(call.query.get("limit", 50)) <= 100:
                raise errors.invalid_form_body("limit: int value should be between 1 and 100.")
        if call.too_large:
            raise BackendError(413, 40005, "Request entity too large")
        nonce = call.body.get("nonce") if isinstance(call.body, dict) else None
        if nonce is not None and len(str(nonce)) > NONCE_MAX_CHARACTERS:
            raise errors.invalid_form_body(f"nonce: Must be {NONCE_MAX_CHARACTERS} or fewer in length.")

    def _check_in_time(self, record: InteractionRecord | None) -> None:
        if record is None or (record.acknowledged_ms is None and self._clock.now_ms() >= record.deadline_ms):
            raise errors.unknown_interaction()

    def _check_token(self, call: Call, record: InteractionRecord | None) -> None:
        if record is None:
            return  # a webhook of a channel, or nothing: simcord knows
        now_ms = self._clock.now_ms()
        if now_ms >= record.token_expires_ms:
            raise BackendError(401, 50027, "Invalid Webhook Token")
        if record.acknowledged_ms is None:
            raise errors.unknown_webhook()
        at_home = "0" in record.owners or (record.guild_id is not None and self._backend.bot_in(record.guild_id))
        if at_home or call.method != "POST" or len(call.parts) != 3:
            return
        if len(record.followup_ids) >= FOLLOWUPS_BY_PERSON and not self._backend.interactions[record.id].loading:
            raise BackendError(400, 40094, "This interaction has reached the maximum number of follow-up messages")

    def _check_present(self, kind: str, place_id: int) -> None:
        """Raise 403/50001 where the bot is not: servers that it is no member of, and channels between people."""
        channel = self._backend.channels.get(place_id) if kind == "channels" else None
        guild_id = place_id if kind == "guilds" else channel.guild_id if channel is not None else None
        lost = guild_id in self._backend.guilds and not self._backend.bot_in(guild_id)
        if lost or place_id in self._backend.private_channels:
            raise errors.missing_access()

    def _check_place(self, call: Call, channel_id: int) -> None:
        channel = self._backend.get_channel(channel_id)
        if channel.guild_id is None:
            for user_id in channel.recipient_ids:
                if user_id in self._backend.closed_to_bot:
                    raise errors.cannot_dm_bot()  # 50007, "Cannot send messages to this user"
                if not self._backend.shares_guild(user_id):
                    raise BackendError(403, 50278, "Cannot send messages to this user due to having no mutual guilds")
        elif call.files:
            self._backend.require_permissions(channel.guild_id, self._backend.bot_user.id, channel_id, "attach_files")


def number(text: str) -> int:
    """Read an id; 0 for what is none."""
    return int(text) if text.isdecimal() else 0


def _check_answer(record: InteractionRecord, body: Any) -> None:
    """Raise 400/50035 for an answer that this kind of interaction does not take, or that is not well formed."""
    kind, data = body.get("type"), body.get("data") or {}
    if (kind == CallbackType.APPLICATION_COMMAND_AUTOCOMPLETE_RESULT) != (record.kind == "autocomplete"):
        raise errors.invalid_form_body(f"type: {kind} does not answer this interaction")
    if kind == CallbackType.APPLICATION_COMMAND_AUTOCOMPLETE_RESULT:
        _check_choices(data.get("choices") or [])
    elif kind == CallbackType.MODAL:
        if record.kind == "modal":
            raise errors.invalid_form_body("type: a modal does not answer a modal")
        try:
            check_modal(validate_modal(data))
        except (ComponentValidationError, TypeError, ValueError) as error:
            raise errors.invalid_form_body(str(error)) from error


def _check_choices(choices: list[dict[str, Any]]) -> None:
    if len(choices) > CHOICES_MAX:
        raise errors.invalid_form_body(f"data.choices: Must be {CHOICES_MAX} or fewer in length.")
    for index, choice in enumerate(choices):
        for name in ("name", "value"):
            text = choice.get(name)
            if (name == "name" or isinstance(text, str)) and not 1 <= len(text or "") <= CHOICE_MAX_CHARACTERS:
                place = f"data.choices[{index}].{name}"
                raise errors.invalid_form_body(f"{place}: Must be between 1 and {CHOICE_MAX_CHARACTERS} in length.")
