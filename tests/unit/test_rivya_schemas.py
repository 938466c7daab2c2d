"""Answers are read with tolerance: only what we can't do without is required."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from bot.rivya import GenerationFailed, ModelInfo, Task, TaskStatus, UploadedFile
from bot.rivya.schemas import AccountCredits

CREATED = {
    "id": "task_1",
    "status": "queued",
    "model": "nano-banana-pro",
    "reserved_credits": 8,
    "final_credits": 0,
    "created_at": "2026-05-11T00:00:00.000Z",
    "updated_at": "2026-05-11T00:00:00.000Z",
    "result": None,
    "error": None,
}


def test_the_answer_of_the_page() -> None:
    task = Task.model_validate(CREATED)
    assert (task.id, task.status, task.model, task.reserved_credits) == ("task_1", "queued", "nano-banana-pro", 8)
    assert task.created_at == datetime(2026, 5, 11, tzinfo=UTC)
    assert task.result_urls == ()
    assert task.charged_credits is None
    assert not task.status.terminal


def test_a_finished_task() -> None:
    result = {"primary_url": "https://r/1", "urls": ["https://r/1", "https://r/2"]}
    task = Task.model_validate(CREATED | {"status": "succeeded", "result": result, "final_credits": 12})
    assert task.result_urls == ("https://r/1", "https://r/2")
    assert task.charged_credits == 12
    assert task.status.terminal


def test_a_failed_task_costs_nothing_and_says_why() -> None:
    error = {"code": "generation_failed", "message": "no"}
    task = Task.model_validate(CREATED | {"status": "failed", "error": error})
    assert task.charged_credits == 0
    assert Task(id="task_1", status=TaskStatus.FAILED).charged_credits == 0
    assert Task(id="task_1", status=TaskStatus.FAILED, final_credits=8).charged_credits == 8, "against the contract"
    failure = task.failure()
    assert isinstance(failure, GenerationFailed)
    assert failure.provider_message == "no"


@pytest.mark.parametrize("error", [None, {}, {"code": None, "message": 7}, "boom", ["boom"], 3])
def test_a_failed_task_may_leave_its_reason_out(error: object) -> None:
    task = Task.model_validate(CREATED | {"status": "failed", "error": error})
    assert isinstance(task.failure(), GenerationFailed)


@pytest.mark.parametrize("status", ["paused", "SUCCEEDED ", "", None, 3, {}])
def test_an_unknown_status_is_still_at_work(status: object) -> None:
    assert Task.model_validate(CREATED | {"status": status}).status is TaskStatus.PROCESSING


def test_the_id_alone_is_enough() -> None:
    task = Task.model_validate({"id": "task_1", "new_field": {"a": 1}})
    assert task.status is TaskStatus.PROCESSING
    assert task.reserved_credits is None
    assert task.created_at is None


@pytest.mark.parametrize(
    ("value", "read"), [(8, 8), ("8", 8), (8.0, 8), (8.2, 9), (True, None), ("many", None), ([], None), (1e400, None)]
)
def test_credits_that_make_no_sense_are_not_said(value: object, read: int | None) -> None:
    task = Task.model_validate(CREATED | {"status": "succeeded", "final_credits": value, "created_at": "yesterday"})
    assert task.charged_credits == read


@pytest.mark.parametrize(
    ("result", "urls"),
    [
        (None, ()),
        ([], ()),
        ({}, ()),
        ({"primary_url": None, "urls": None}, ()),
        ({"primary_url": "https://r/1"}, ("https://r/1",)),
        ({"urls": ["https://r/1", None, 4, ""]}, ("https://r/1",)),
    ],
)
def test_a_result_in_pieces(result: object, urls: tuple[str, ...]) -> None:
    assert Task.model_validate(CREATED | {"status": "succeeded", "result": result}).result_urls == urls


@pytest.mark.parametrize("broken", [{"id": ""}, {"id": None}, {"status": "queued"}, []])
def test_a_task_without_an_id_is_none(broken: object) -> None:
    with pytest.raises(ValidationError):
        Task.model_validate(broken)


def test_an_upload_needs_its_url_only() -> None:
    assert UploadedFile.model_validate({"url": "https://r/1"}).id is None
    assert UploadedFile.model_validate({"url": "https://r/1", "id": 12, "x": 1}).id == "12"
    with pytest.raises(ValidationError):
        UploadedFile.model_validate({"id": "file_1"})


def test_a_balance_is_rounded_down_and_a_price_up() -> None:
    assert AccountCredits.model_validate({"current_credits": 12.9}).current_credits == 12
    assert ModelInfo.model_validate({"id": "m", "base_credits": 7.1}).base_credits == 8
    with pytest.raises(ValidationError):
        AccountCredits.model_validate({"current_credits": None})


@pytest.mark.parametrize("said", [1e300, 10**19, 1_000_001, -3, "1e999", float("nan"), True, "many"])
def test_credits_out_of_all_reason_count_as_not_said(said: object) -> None:
    with capture_logs() as logs:
        task = Task.model_validate({"id": "t", "status": "succeeded", "final_credits": said, "reserved_credits": 8})
        model = ModelInfo.model_validate({"id": "m", "base_credits": said})
    assert (task.final_credits, task.reserved_credits, model.base_credits) == (None, 8, None)
    assert [line["field"] for line in logs] == ["final_credits", "base_credits"]


def test_an_account_is_never_fuller_than_the_database_can_hold() -> None:
    assert AccountCredits.model_validate({"current_credits": 1e300}).current_credits == 10**12
    assert AccountCredits.model_validate({"current_credits": -(10**30)}).current_credits == -(10**12)
