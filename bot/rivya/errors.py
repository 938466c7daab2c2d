"""What can go wrong at the image service, as one small tree.

::

    RivyaError
    ├── NotSent              nothing left this machine
    ├── NoAnswer             sent, perhaps; no answer came back
    ├── BadAnswer            an answer that can't be read: broken JSON, a missing id, a redirect
    ├── ServerTrouble        5xx (or 408, or an unknown 409) without a code of the contract
    ├── ApiError             the service said no, with a reason
    │   ├── PublicApiDisabled    public_api_disabled, 503
    │   ├── ApiKeyProblem        401
    │   │   ├── ApiKeyMissing    api_key_missing
    │   │   ├── ApiKeyInvalid    api_key_invalid
    │   │   ├── ApiKeyRevoked    api_key_revoked
    │   │   └── ApiKeyExpired    api_key_expired
    │   ├── ApiScopeDenied       api_scope_denied, 403
    │   ├── RateLimited          rate_limited, 429
    │   ├── ValidationFailed     validation_failed, 400
    │   ├── InsufficientCredits  insufficient_credits, whatever the HTTP status
    │   ├── NotFound             not_found, 404
    │   ├── IdempotencyConflict  idempotency_conflict, 409
    │   ├── WebhookUrlRejected   webhook_url_rejected, 400
    │   ├── PromptRefused        no code of the contract yet: any that speaks of moderation
    │   └── UnknownApiError      any other code that came with a 4xx
    ├── GenerationFailed     a task that ended in failure
    └── ResultUnusable       the finished picture can't be fetched from its address
        ├── ResultGone       dead address: ask the status again
        └── ResultTooLarge   more bytes than allowed

Each class has

``user_message``     what happened, for a person; what became of the credits is added by whoever shows it
``retryable``        whether the same call may succeed later without anyone doing anything
``definitive``       True when it is certain that *this call* had no effect. It says nothing of an earlier
                     call under the same idempotency key: a create that timed out and whose replay is
                     answered with 429 may still have landed
``account_problem``  True when the operator has to act (key, scope, empty account)
``code``             the stable word for storage and logs; :func:`from_code` is the way back

and each instance what is known of its origin: ``provider_code``, ``provider_message``, ``http_status``,
``request_id``, ``retry_after_s``. ``str()`` holds codes only; the service's own message may quote a prompt and
is never part of it.
"""

from __future__ import annotations

from typing import ClassVar

from bot.errors import BotError


class RivyaError(BotError):
    """Base of everything that the edge to the image service raises."""

    code: ClassVar[str] = "rivya"
    definitive: ClassVar[bool] = False
    account_problem: ClassVar[bool] = False
    words: ClassVar[str] = "The image service had a problem."

    def __init__(
        self,
        detail: str = "",
        *,
        provider_code: str | None = None,
        provider_message: str = "",
        http_status: int | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        facts = {
            "provider code": provider_code if provider_code != self.code else None,
            "HTTP status": http_status,
            "request": request_id,
        }
        known = [f"{name} {value}" for name, value in facts.items() if value is not None]
        super().__init__(", ".join([detail or self.code, *known]), user_message=self.words)
        self.provider_code = provider_code
        self.provider_message = provider_message
        self.http_status = http_status
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class NotSent(RivyaError):
    """No connection was made, so nothing left this machine."""

    code = "not_sent"
    retryable = True
    definitive = True
    words = "The image service can't be reached right now."


class AnotherKey(RivyaError):
    """What was to be sent with one API key only was not sent: there is another one by now."""

    code = "another_key"
    definitive = True
    words = "This bot's key for the image service was changed in the middle of it."


class NoAnswer(RivyaError):
    """The request may have arrived, but no whole answer came back."""

    code = "no_answer"
    retryable = True
    words = "The image service did not answer in time."


class BadAnswer(RivyaError):
    """An answer came that can't be understood; what it answers may have happened."""

    code = "bad_answer"
    retryable = True
    words = "The image service sent an answer that I can't read."


class ServerTrouble(RivyaError):
    """The service broke down over the request, or something between here and there did."""

    code = "server_trouble"
    retryable = True
    words = "The image service is having trouble right now."


class ApiError(RivyaError):
    """The service turned the request down and said why."""

    code = "api_error"
    definitive = True


class PublicApiDisabled(ApiError):
    """The whole API is switched off for a while."""

    code = "public_api_disabled"
    retryable = True
    words = "The image service is closed for a short while."


class ApiKeyProblem(ApiError):
    """The bot's key is not accepted."""

    code = "api_key_problem"
    account_problem = True
    words = "The image service does not accept this bot's key. Its operator has to look at that."


class ApiKeyMissing(ApiKeyProblem):
    """No key was sent."""

    code = "api_key_missing"
    words = "This bot has no key for the image service yet. Its operator has to add one."


class ApiKeyInvalid(ApiKeyProblem):
    """The key is not one that the service knows, or it can't be sent at all."""

    code = "api_key_invalid"
    words = "The image service does not know this bot's key. Its operator has to look at that."


class ApiKeyRevoked(ApiKeyProblem):
    """The key was taken back."""

    code = "api_key_revoked"
    words = "This bot's key for the image service was revoked. Its operator has to set a new one."


class ApiKeyExpired(ApiKeyProblem):
    """The key's time is over."""

    code = "api_key_expired"
    words = "This bot's key for the image service has expired. Its operator has to set a new one."


class ApiScopeDenied(ApiError):
    """The key lacks a scope (or, without a code, the service forbids the call)."""

    code = "api_scope_denied"
    account_problem = True
    words = "This bot's key does not allow this at the image service. Its operator has to look at that."


class RateLimited(ApiError):
    """Too many calls; ``retry_after_s`` says how long to wait, where the service said it."""

    code = "rate_limited"
    retryable = True
    words = "The image service is very busy right now."


class ValidationFailed(ApiError):
    """The service finds the request itself wrong."""

    code = "validation_failed"
    words = "The image service did not accept these options."


class InsufficientCredits(ApiError):
    """The operator's account at the service is empty."""

    code = "insufficient_credits"
    account_problem = True
    words = "The bot's account at the image service is empty. Its operator has to refill it."


class NotFound(ApiError):
    """No such thing for this account; for a task this is no proof that it failed."""

    code = "not_found"
    words = "The image service can't find this picture."


class IdempotencyConflict(ApiError):
    """The idempotency key is taken by another body; so *something* was accepted under it."""

    code = "idempotency_conflict"
    definitive = False
    words = "The image service already has a different request under this one's name."


class WebhookUrlRejected(ApiError):
    """The address for deliveries is not a public HTTPS one."""

    code = "webhook_url_rejected"
    words = "The image service did not accept the address for its notices."


class PromptRefused(ApiError):
    """The service does not want to paint this."""

    code = "prompt_refused"
    words = "The image service turned the prompt down."


class UnknownApiError(ApiError):
    """A refusal with a code that this version does not know."""

    code = "unknown_api_error"
    words = "The image service turned the request down."


class GenerationFailed(RivyaError):
    """A task was accepted and ended in failure; nothing more will come of it."""

    code = "generation_failed"
    definitive = True
    words = "The image service could not finish the picture."


class ResultUnusable(RivyaError):
    """The finished picture can't be had from its address."""

    code = "result_unusable"
    words = "The finished picture can't be fetched from the image service."


class ResultGone(ResultUnusable):
    """The address is dead; the status may name a fresh one."""

    code = "result_gone"
    words = "The finished picture is no longer where the image service put it."


class ResultTooLarge(ResultUnusable):
    """The picture has more bytes than we take."""

    code = "result_too_large"
    words = "The finished picture is larger than I can store."


def _family(cls: type[RivyaError]) -> list[type[RivyaError]]:
    return [cls, *(found for child in cls.__subclasses__() for found in _family(child))]


_BY_CODE = {cls.code: cls for cls in _family(RivyaError)}

_CONTRACT: dict[str, type[RivyaError]] = {
    cls.code: cls
    for cls in (
        PublicApiDisabled,
        ApiKeyMissing,
        ApiKeyInvalid,
        ApiKeyRevoked,
        ApiKeyExpired,
        ApiScopeDenied,
        RateLimited,
        ValidationFailed,
        InsufficientCredits,
        NotFound,
        IdempotencyConflict,
        WebhookUrlRejected,
    )
}
"""The codes that the service's page lists. Our own words are not in it: no reply can pose as one of them."""

_BY_STATUS: dict[int, type[RivyaError]] = {
    401: ApiKeyInvalid,
    402: InsufficientCredits,
    403: ApiScopeDenied,
    404: NotFound,
    408: ServerTrouble,
    429: RateLimited,
}
"""What a status means that comes with no code, or with one newer than this list."""

_REFUSAL_MARKS = ("moderation", "safety", "content_policy", "blocked", "prohibited")
_NOT_ABOUT_THE_PROMPT = ("key", "account", "ip_")
"""``account_blocked`` is the operator's matter, not the prompt's."""

_REFUSAL_PHRASES = ("moderation", "safety", "content policy", "prohibited")
_FAILED_TASK_KEEPS: tuple[type[RivyaError], ...] = (
    ApiKeyProblem,
    ApiScopeDenied,
    InsufficientCredits,
    ValidationFailed,
)


def from_code(code: str) -> type[RivyaError]:
    """Return the class that belongs to a stored (or the service's) ``code``, else ``UnknownApiError``."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    return PromptRefused if _speaks_of_moderation(code) else UnknownApiError


def user_message_for(code: str) -> str:
    """Return the sentence for a person that belongs to a stored ``code``."""
    return from_code(code).words


def class_for_answer(code: str | None, http_status: int) -> type[RivyaError]:
    """Return the class for an answer that is no success.

    The code is the contract and wins over the status; a status decides where there is no known code.
    """
    if code in _CONTRACT:
        return _CONTRACT[code]
    if http_status < 400:
        return BadAnswer
    if code and _speaks_of_moderation(code):
        return PromptRefused
    if http_status >= 500:
        return ServerTrouble
    if http_status == 409:
        # A new code may mean "still at work on that key"; without one, expect the conflict the page names.
        return ServerTrouble if code else IdempotencyConflict
    if http_status in _BY_STATUS:
        return _BY_STATUS[http_status]
    return UnknownApiError if code else ValidationFailed


def failed_task(code: str, message: str) -> RivyaError:
    """Return the error for a task that ended as failed, with the service's ``code`` and ``message``.

    It is always definitive. Codes that mean the account (an empty one may first show here) or the request keep
    their class, a refused prompt is told from a breakdown by code or message, all else is ``GenerationFailed``.
    """
    cls: type[RivyaError] = GenerationFailed
    known = _CONTRACT.get(code)
    if known is not None and issubclass(known, _FAILED_TASK_KEEPS):
        cls = known
    elif _speaks_of_moderation(code) or any(phrase in message.lower() for phrase in _REFUSAL_PHRASES):
        cls = PromptRefused
    return cls("the task failed", provider_code=code, provider_message=message)


def _speaks_of_moderation(code: str) -> bool:
    lowered = code.lower()
    about_us = any(mark in lowered for mark in _NOT_ABOUT_THE_PROMPT)
    return not about_us and any(mark in lowered for mark in _REFUSAL_MARKS)
