"""What the image service answers, as values.

Unknown fields are ignored, and an optional field that can't be read counts as absent: a strange ``created_at`` must
not cost anyone a paid picture. Only what we can't do without (an id, a URL, a balance) is required.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import structlog
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from bot.rivya.errors import RivyaError, failed_task

log = structlog.get_logger(__name__)

MOST_WHOLE = 1_000_000
"""What is more than this is no price of a picture and no length of a prompt, but a mistake (the models cost 3 to 8)."""
MOST_ACCOUNT_CREDITS = 10**12
"""An account that says more is read as this: it is enough for anything, and the database can hold it."""
_AS_TIME = TypeAdapter(datetime)


def _whole(value: object, info: ValidationInfo) -> int | None:
    """Credits are whole; a fraction is rounded up, so that no price is shown too low.

    What is out of all reason counts as not said: it is stored in the books, and would be believed there.
    """
    if value is None:
        return None
    try:
        whole = None if isinstance(value, bool) else math.ceil(float(str(value)))
    except (ValueError, OverflowError):
        whole = None
    if whole is None or not 0 <= whole <= MOST_WHOLE:
        log.warning("rivya.number_unreadable", field=info.field_name, value=str(value)[:40])
        return None
    return whole


def _time(value: object) -> datetime | None:
    try:
        found = None if value is None else _AS_TIME.validate_python(value)
    except ValidationError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _name(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None


WholeOrNone = Annotated[int | None, BeforeValidator(_whole)]
TimeOrNone = Annotated[datetime | None, BeforeValidator(_time)]
Text = Annotated[str, BeforeValidator(_text)]
NameOrNone = Annotated[str | None, BeforeValidator(_name)]


class Answer(BaseModel):
    """Base of all answers: frozen, deaf to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class TaskStatus(StrEnum):
    """Where a generation stands."""

    QUEUED = "queued"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        """Whether nothing more will happen."""
        return self in {TaskStatus.SUCCEEDED, TaskStatus.FAILED}


class TaskError(Answer):
    """Why a task failed, in the service's words."""

    code: Text = "generation_failed"
    message: Text = ""


class TaskResult(Answer):
    """Where the pictures of a finished task are; ``urls`` may be empty."""

    urls: tuple[str, ...] = ()


class Task(Answer):
    """One generation as create and status show it; credits are whole, None where not (readably) said."""

    id: str = Field(min_length=1)
    status: TaskStatus = TaskStatus.PROCESSING
    raw_status: Text = Field(default="", validation_alias=AliasChoices("status", "raw_status"))
    model: Text = ""
    reserved_credits: WholeOrNone = None
    final_credits: WholeOrNone = None
    created_at: TimeOrNone = None
    updated_at: TimeOrNone = None
    result: TaskResult = TaskResult()
    error: TaskError | None = None

    @property
    def took_s(self) -> float | None:
        """Seconds from its creation to its last change, by the service's own clock; None where it does not say."""
        if self.created_at is None or self.updated_at is None:
            return None
        return (self.updated_at - self.created_at).total_seconds()

    @property
    def result_urls(self) -> tuple[str, ...]:
        """The addresses of the pictures, first the primary one; empty if none is known (yet)."""
        return self.result.urls

    @property
    def charged_credits(self) -> int | None:
        """What the service took: nought for a failed task that says no more; None while it is open, or if unsaid."""
        if self.status is TaskStatus.FAILED:
            return self.final_credits or 0
        return self.final_credits if self.status is TaskStatus.SUCCEEDED else None

    def failure(self) -> RivyaError:
        """Return the error for a failed task; the service may have left its reason out."""
        why = self.error or TaskError()
        return failed_task(why.code or "generation_failed", why.message)

    @field_validator("status", mode="before")
    @classmethod
    def _unknown_is_still_at_work(cls, value: object) -> TaskStatus:
        try:
            return TaskStatus(str(value))
        except ValueError:
            return TaskStatus.PROCESSING

    @field_validator("result", mode="before")
    @classmethod
    def _urls(cls, value: object) -> TaskResult:
        if isinstance(value, TaskResult):
            return value
        if not isinstance(value, dict):
            return TaskResult()
        listed = value.get("urls")
        candidates = [value.get("primary_url"), *(listed if isinstance(listed, list) else [])]
        found = [url for url in candidates if isinstance(url, str) and url]
        return TaskResult(urls=tuple(dict.fromkeys(found)))

    @field_validator("error", mode="before")
    @classmethod
    def _reason(cls, value: object) -> TaskError | dict[str, Any] | None:
        if isinstance(value, TaskError | dict):
            return value
        return TaskError(message=value) if isinstance(value, str) and value else None


class UploadedFile(Answer):
    """A reference image at the service; only ``url`` is promised."""

    url: str = Field(min_length=1)
    id: NameOrNone = None


class ModelInfo(Answer):
    """One entry of the public list of models, as far as we use it."""

    id: str = Field(min_length=1)
    display_name: Text = ""
    category: Text = ""
    base_credits: WholeOrNone = None
    max_prompt_length: WholeOrNone = None
    api_status: Text = ""


class AccountCredits(Answer):
    """What the operator's account holds, in credits; a fraction counts as not there."""

    current_credits: int

    @field_validator("current_credits", mode="before")
    @classmethod
    def _floor(cls, value: object) -> object:
        return math.floor(value) if isinstance(value, float) and math.isfinite(value) else value

    @field_validator("current_credits")
    @classmethod
    def _bounded(cls, value: int) -> int:
        return max(min(value, MOST_ACCOUNT_CREDITS), -MOST_ACCOUNT_CREDITS)


class ErrorEnvelope(Answer):
    """The reason inside a refusal; every part may be missing."""

    code: str | None = None
    message: str = ""
    request_id: str | None = None

    @classmethod
    def read(cls, value: object) -> ErrorEnvelope:
        """Take what can be read from a decoded body of any shape."""
        error = value.get("error") if isinstance(value, dict) else None
        if isinstance(error, str):
            return cls(message=error)
        if not isinstance(error, dict):
            return cls()
        return cls(
            code=_name(error.get("code")),
            message=_text(error.get("message")),
            request_id=_name(error.get("requestId")) or _name(error.get("request_id")),
        )
