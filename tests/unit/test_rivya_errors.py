"""Every answer of the image service has its own class, its own flags and its own words."""

from __future__ import annotations

import json

import httpx
import pytest

from bot.rivya import errors as e
from bot.rivya.answers import refusal, retry_after_s, success

NOW_MS = 1_790_000_000_000


def answer(status: int, code: str | None = None, *, body: bytes | None = None, **headers: str) -> e.RivyaError:
    if body is None:
        error = {"code": code, "message": "words of the service", "requestId": "req_1"}
        body = json.dumps({"error": error}).encode()
    return refusal(httpx.Response(status, headers=headers), body, NOW_MS)


CONTRACT = [
    # code, HTTP status, class, (retryable, definitive, the operator must act)
    ("public_api_disabled", 503, e.PublicApiDisabled, (True, True, False)),
    ("api_key_missing", 401, e.ApiKeyMissing, (False, True, True)),
    ("api_key_invalid", 401, e.ApiKeyInvalid, (False, True, True)),
    ("api_key_revoked", 401, e.ApiKeyRevoked, (False, True, True)),
    ("api_key_expired", 401, e.ApiKeyExpired, (False, True, True)),
    ("api_scope_denied", 403, e.ApiScopeDenied, (False, True, True)),
    ("rate_limited", 429, e.RateLimited, (True, True, False)),
    ("validation_failed", 400, e.ValidationFailed, (False, True, False)),
    ("insufficient_credits", 400, e.InsufficientCredits, (False, True, True)),
    ("insufficient_credits", 402, e.InsufficientCredits, (False, True, True)),
    ("insufficient_credits", 500, e.InsufficientCredits, (False, True, True)),
    ("not_found", 404, e.NotFound, (False, True, False)),
    ("idempotency_conflict", 409, e.IdempotencyConflict, (False, False, False)),
    ("webhook_url_rejected", 400, e.WebhookUrlRejected, (False, True, False)),
    # codes that no page lists (yet)
    ("content_policy_violation", 400, e.PromptRefused, (False, True, False)),
    ("prompt_blocked", 403, e.PromptRefused, (False, True, False)),
    ("safety_filter", 422, e.PromptRefused, (False, True, False)),
    ("account_blocked", 403, e.ApiScopeDenied, (False, True, True)),
    ("api_key_suspended", 401, e.ApiKeyInvalid, (False, True, True)),
    ("too_many_tasks", 429, e.RateLimited, (True, True, False)),
    ("brand_new", 400, e.UnknownApiError, (False, True, False)),
    ("brand_new", 418, e.UnknownApiError, (False, True, False)),
    ("still_working_on_that_key", 409, e.ServerTrouble, (True, False, False)),
    ("brand_new", 408, e.ServerTrouble, (True, False, False)),
    ("brand_new", 500, e.ServerTrouble, (True, False, False)),
    ("generation_failed", 500, e.ServerTrouble, (True, False, False)),
    ("not_sent", 500, e.ServerTrouble, (True, False, False)),  # our own word for "certainly nothing happened"
]


@pytest.mark.parametrize(("code", "status", "cls", "flags"), CONTRACT)
def test_a_code_becomes_its_class(code: str, status: int, cls: type, flags: tuple[bool, bool, bool]) -> None:
    error = answer(status, code)
    assert type(error) is cls
    assert (error.retryable, error.definitive, error.account_problem) == flags
    assert (error.provider_code, error.http_status, error.request_id) == (code, status, "req_1")
    assert "words of the service" not in str(error), "they may quote a prompt"


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (301, e.BadAnswer),
        (400, e.ValidationFailed),
        (401, e.ApiKeyInvalid),
        (402, e.InsufficientCredits),
        (403, e.ApiScopeDenied),
        (404, e.NotFound),
        (408, e.ServerTrouble),
        (409, e.IdempotencyConflict),
        (413, e.ValidationFailed),
        (429, e.RateLimited),
        (500, e.ServerTrouble),
        (503, e.ServerTrouble),
        (524, e.ServerTrouble),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "no"}', b'{"error": {"code": null}}', b"[" * 9999])
def test_without_a_code_the_status_decides(status: int, cls: type, body: bytes) -> None:
    assert type(answer(status, body=body)) is cls


def test_a_refusal_under_a_success_status_is_still_a_refusal() -> None:
    with pytest.raises(e.InsufficientCredits):
        success(httpx.Response(200), b'{"error": {"code": "insufficient_credits"}}', NOW_MS)
    with pytest.raises(e.BadAnswer):
        success(httpx.Response(200), b'{"error": {"code": "brand_new"}}', NOW_MS)
    failed = b'{"id": "task_1", "status": "failed", "error": {"code": "generation_failed"}}'
    assert success(httpx.Response(200), failed, NOW_MS)["id"] == "task_1"


def test_a_request_id_may_stand_in_the_headers() -> None:
    assert answer(500, body=b"", **{"X-Request-Id": "req_h"}).request_id == "req_h"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("999999", 3600.0),
        ("inf", 3600.0),
        ("nan", None),
        ("soon", None),
        (None, None),
        ("Mon, 21 Sep 2026 14:13:50 GMT", 30.0),
        ("Mon, 21 Sep 2026 14:13:50 -0000", 30.0),
        ("Mon, 21 Sep 2026 14:00:00 GMT", 0.0),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW_MS) == seconds


def every_class() -> list[type[e.RivyaError]]:
    found, todo = [], [e.RivyaError]
    while todo:
        cls = todo.pop()
        found.append(cls)
        todo += cls.__subclasses__()
    return found


def test_every_class_has_its_own_code_and_the_way_back() -> None:
    classes = every_class()
    assert len({cls.code for cls in classes}) == len(classes) >= 25
    for cls in classes:
        assert e.from_code(cls.code) is cls
        assert e.user_message_for(cls.code) == cls().user_message
    assert e.from_code("image_moderation_failed") is e.PromptRefused
    assert e.from_code("whatever") is e.UnknownApiError


def test_every_sentence_is_its_own_and_leaves_the_credits_to_others() -> None:
    raised = [cls for cls in every_class() if cls is not e.ApiError]  # the one that only gathers others
    words = [cls().user_message for cls in raised]
    assert len(set(words)) == len(words)
    for sentence in words:
        assert sentence.endswith(".")
        assert not any(bad in sentence.lower() for bad in ("credit", "charge", "paid", "!", "http", "error"))


@pytest.mark.parametrize(
    ("code", "message", "cls", "account_problem"),
    [
        ("generation_failed", "", e.GenerationFailed, False),
        ("generation_failed", "Rejected by our Safety system", e.PromptRefused, False),
        ("content_policy", "", e.PromptRefused, False),
        ("insufficient_credits", "", e.InsufficientCredits, True),
        ("api_key_revoked", "", e.ApiKeyRevoked, True),
        ("rate_limited", "", e.GenerationFailed, False),
        ("idempotency_conflict", "", e.GenerationFailed, False),
        ("brand_new", "", e.GenerationFailed, False),
    ],
)
def test_a_failed_task(code: str, message: str, cls: type, account_problem: bool) -> None:
    error = e.failed_task(code, message)
    assert type(error) is cls
    assert error.definitive
    assert not error.retryable
    assert (error.account_problem, error.provider_code, error.provider_message) == (account_problem, code, message)
