"""What the contract leaves open, and the provider's own settings, as switches."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Variants:
    """How this sandbox answers where the contract is silent; every field may be changed while it runs.

    Seconds are of the sandbox's clock, but for the two latencies, which are real. Prices go by ``(model, resolution)``,
    with ``""`` for a model that has no resolution, and count for tasks created after the change.
    """

    create_status: int = 200
    """Of an accepted task: 200, 201 or 202."""
    replay_status: int = 200
    """Of a replay under a known Idempotency-Key."""
    upload_status: int = 200
    """Of an accepted file."""
    bare_upload_answer: bool = False
    """An accepted file is answered with its ``url`` only."""
    key_life_s: float | None = None
    """How long an Idempotency-Key is known: ``None`` for ever; 0 never, so that a replay makes a second task."""
    retry_after_s: float | None = None
    """Sent as Retry-After with 429 and 503; ``None``: not sent."""
    rate_limit_per_minute: int | None = None
    """Calls with a key that are answered within one minute; more get 429."""
    insufficient_status: int = 402
    """Of ``insufficient_credits``."""
    insufficient_as_failed_task: bool = False
    """An empty account shows as a task that fails, not as a refusal."""
    task_s: tuple[float, float] = (6.0, 12.0)
    """Shortest and longest time of a task; drawn from the seed."""
    price_credits: dict[tuple[str, str], int] = field(default_factory=dict)
    """Credits reserved, where other than the model's page says."""
    final_credits: dict[tuple[str, str], int] = field(default_factory=dict)
    """Credits finally taken, where other than reserved."""
    result_url_life_s: float | None = None
    """After this a result's URL answers 403 and the status endpoint gives a fresh one."""
    upload_url_life_s: float | None = None
    """After this an uploaded file can't be referred to, and its URL answers 403."""
    unavailable_models: set[str] = field(default_factory=set)
    """Models shown as ``coming_soon`` and refused."""
    heavy_pictures: bool = False
    """Pictures get a photograph's grain, so that a 4K PNG exceeds 10 MiB, as in life."""
    quick_pictures: bool = False
    """Pictures are 64 pixels wide or high, for tests."""
    current_credits: int = 100_000
    """Credits of the account at the start; later changed by ``set_credits``."""
    latency_s: float = 0.0
    """Real seconds before any answer."""
    min_upload_latency_s: float = 0.0
    """Real seconds, on top of these, before an upload is answered."""
    webhook_loopback: bool = False
    """Webhooks may point at http URLs on this machine."""
