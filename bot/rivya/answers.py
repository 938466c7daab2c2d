"""From what came over the wire to a value or an error."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from bot.rivya.errors import (
    BadAnswer,
    NoAnswer,
    NotSent,
    RivyaError,
    class_for_answer,
)
from bot.rivya.schemas import Answer, ErrorEnvelope

AnswerT = TypeVar("AnswerT", bound=Answer)

RETRY_AFTER_CAP_S = 3600.0
"""More than an hour is not believed (our choice; the service states no numbers)."""

ANSWER_MAX_BYTES = 4 * 1024 * 1024
"""The longest stated answer is the list of models, far below this."""

_NOTHING_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@asynccontextmanager
async def transport_errors(timeout_s: float) -> AsyncIterator[None]:
    """Turn what httpx raises inside into our errors, and end the whole of it after ``timeout_s``.

    httpx bounds each read and write; this bounds their sum, so that an answer which drips for ever ends too.
    """
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except httpx.HTTPError as error:
        raise _transport_error(error) from error
    except TimeoutError as error:
        raise NoAnswer(f"nothing whole within {timeout_s:g} s") from error


async def read_bounded(response: httpx.Response) -> bytes:
    """Return the body of an answer; raises ``BadAnswer`` past ``ANSWER_MAX_BYTES``."""
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > ANSWER_MAX_BYTES:
            raise BadAnswer("an answer without end", http_status=response.status_code)
    return bytes(body)


def refusal(response: httpx.Response, body: bytes, now_ms: int) -> RivyaError:
    """Return the error for an answer that is no success; a Retry-After date is measured from ``now_ms``."""
    envelope = ErrorEnvelope.read(decoded(body))
    cls = class_for_answer(envelope.code, response.status_code)
    return cls(
        provider_code=envelope.code,
        provider_message=envelope.message,
        http_status=response.status_code,
        request_id=envelope.request_id or request_id_of(response),
        retry_after_s=retry_after_s(response.headers.get("retry-after"), now_ms),
    )


def success(response: httpx.Response, body: bytes, now_ms: int) -> dict[str, Any]:
    """Return the object that a 2xx answer holds.

    Raises ``BadAnswer`` when it holds none, and the contract's own error when a refusal came as a success.
    """
    value = decoded(body)
    if not isinstance(value, dict):
        raise BadAnswer("no JSON object", http_status=response.status_code, request_id=request_id_of(response))
    if isinstance(value.get("error"), dict) and "id" not in value:
        raise refusal(response, body, now_ms)
    return value


def parse(cls: type[AnswerT], value: object) -> AnswerT:
    """Read ``value`` as a ``cls``; raises ``BadAnswer`` with the fields that don't fit, never their content."""
    try:
        return cls.model_validate(value)
    except ValidationError as error:
        fields = {".".join(str(part) for part in problem["loc"]) for problem in error.errors()}
    raise BadAnswer(f"{cls.__name__} without a usable {', '.join(sorted(fields))}")


def decoded(body: bytes) -> object:
    """Return the JSON value of ``body``, None if there is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def request_id_of(response: httpx.Response) -> str | None:
    """Return the request id that the headers carry, if they do."""
    found: str | None = response.headers.get("x-request-id")
    return found


def retry_after_s(value: str | None, now_ms: int) -> float | None:
    """Return the seconds that a Retry-After header (seconds or an HTTP date) asks for, capped; else None."""
    if value is None:
        return None
    try:
        wait_s = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        wait_s = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now_ms / 1000
    return None if math.isnan(wait_s) else min(max(wait_s, 0.0), RETRY_AFTER_CAP_S)


def _transport_error(error: httpx.HTTPError) -> RivyaError:
    kind = type(error).__name__
    if isinstance(error, _NOTHING_LEFT):
        return NotSent(kind)
    if isinstance(error, httpx.DecodingError):
        return BadAnswer(kind)
    return NoAnswer(kind)
