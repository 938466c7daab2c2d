"""The sandbox's books: every task, charge, upload and request, exactly as they happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from bot.clock import Clock


class TaskStatus(StrEnum):
    """The four states of the contract."""

    QUEUED = "queued"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


TERMINAL = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED})


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a task will end, decided when it is created; ``ends_ms`` ``None`` means never."""

    starts_ms: int
    ends_ms: int | None
    succeeds: bool = True
    final_credits: int = 0
    error: dict[str, str] | None = None
    has_result: bool = True
    result_missing: bool = False
    first_url_dead: bool = False


@dataclass(kw_only=True)
class TaskRecord:
    """One task. ``key`` is the Idempotency-Key it came under, ``body_bytes`` the request as it was sent."""

    id: str
    number: int
    model: str
    prompt: str
    params: dict[str, Any]
    resolution: str
    key: str | None
    client_request_id: str | None
    body_bytes: bytes
    reference_ids: tuple[str, ...]
    reserved_credits: int
    created_ms: int
    outcome: Outcome
    status: TaskStatus = TaskStatus.QUEUED
    final_credits: int = 0
    updated_ms: int = 0
    replays: int = 0

    @property
    def error(self) -> dict[str, str] | None:
        """The error object of a failed task, where it has one."""
        return self.outcome.error if self.status is TaskStatus.FAILED else None

    @property
    def has_result(self) -> bool:
        """Whether there is a picture to be had."""
        return self.status is TaskStatus.SUCCEEDED and self.outcome.has_result


@dataclass(frozen=True)
class Charge:
    """Credits finally taken for one task."""

    task_id: str
    credits: int
    at_ms: int


@dataclass(frozen=True, kw_only=True)
class UploadRecord:
    """One file that was accepted; ``url`` as it was answered."""

    id: str
    url: str
    kind: str
    name: str
    mime_type: str
    size_bytes: int
    model: str | None
    client_request_id: str | None
    created_ms: int
    path: Path


@dataclass(kw_only=True)
class RequestRecord:
    """One request; ``status`` is what was answered, ``None`` where no answer went out."""

    at_ms: int
    method: str
    path: str
    route: str
    idempotency_key: str | None
    status: int | None = None


@dataclass
class Books:
    """Everything that is counted.

    A task's end is a matter of the clock: whoever looks at the books sees every task and charge that is due by now,
    whether or not anyone asked for its status. The account is a sum: funded − reserved by open tasks − finally taken.
    """

    clock: Clock
    funded_credits: int
    on_end: Callable[[TaskRecord], None] = field(default=lambda _task: None)
    uploads: list[UploadRecord] = field(default_factory=list)
    requests: list[RequestRecord] = field(default_factory=list)
    _tasks: dict[str, TaskRecord] = field(default_factory=dict)
    _open: dict[str, TaskRecord] = field(default_factory=dict)
    _charges: list[Charge] = field(default_factory=list)

    @property
    def tasks(self) -> list[TaskRecord]:
        """All tasks, oldest first."""
        self.settle()
        return list(self._tasks.values())

    @property
    def charges(self) -> list[Charge]:
        """One charge for each task that succeeded."""
        self.settle()
        return list(self._charges)

    @property
    def total_charged(self) -> int:
        """Credits finally taken."""
        return sum(charge.credits for charge in self.charges)

    @property
    def reserved_credits(self) -> int:
        """Credits held by tasks that have not ended."""
        self.settle()
        return sum(task.reserved_credits for task in self._open.values())

    @property
    def current_credits(self) -> int:
        """What the account has left, as the credits endpoint says it."""
        return self.funded_credits - self.reserved_credits - self.total_charged

    def task(self, task_id: str) -> TaskRecord | None:
        """One task as it is now."""
        self.settle()
        return self._tasks.get(task_id)

    def open_task(self, task: TaskRecord) -> None:
        """Enter a new task; its credits are reserved from now on."""
        self._tasks[task.id] = self._open[task.id] = task

    def fund(self, current_credits: int) -> None:
        """Set what the account has left."""
        self.funded_credits += current_credits - self.current_credits

    def as_json(self) -> dict[str, Any]:
        """Shape everything for the admin endpoint."""
        return {
            "current_credits": self.current_credits,
            "reserved_credits": self.reserved_credits,
            "total_charged": self.total_charged,
            "tasks": [_shown(task, "outcome", "body_bytes") | {"error": task.error} for task in self.tasks],
            "charges": [asdict(charge) for charge in self.charges],
            "uploads": [_shown(upload, "path") for upload in self.uploads],
            "requests": [asdict(request) for request in self.requests],
        }

    def settle(self) -> None:
        """Bring every open task to where the clock says it is: credits are taken at success, released at failure."""
        now_ms = self.clock.now_ms()
        due: list[TaskRecord] = []
        for task in self._open.values():
            outcome = task.outcome
            if outcome.ends_ms is not None and outcome.ends_ms <= now_ms:
                due.append(task)
            elif outcome.starts_ms <= now_ms and task.status is TaskStatus.QUEUED:
                task.status, task.updated_ms = TaskStatus.PROCESSING, outcome.starts_ms
        for task in sorted(due, key=lambda task: (task.outcome.ends_ms or 0, task.number)):
            del self._open[task.id]
            task.updated_ms = task.outcome.ends_ms or now_ms
            if task.outcome.succeeds:
                task.status, task.final_credits = TaskStatus.SUCCEEDED, task.outcome.final_credits
                self._charges.append(Charge(task.id, task.final_credits, task.updated_ms))
            else:
                task.status = TaskStatus.FAILED
            self.on_end(task)


def _shown(record: TaskRecord | UploadRecord, *hidden: str) -> dict[str, Any]:
    return {name: value for name, value in asdict(record).items() if name not in hidden}
