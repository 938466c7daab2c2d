"""The client against the sandbox, over real HTTP: the contract, its faults, and what it leaves open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx
import pytest
from PIL import Image
from pydantic import SecretStr

from bot.rivya import (
    ApiKeyExpired,
    ApiKeyInvalid,
    ApiKeyRevoked,
    ApiScopeDenied,
    BadAnswer,
    Catalogue,
    GenerationFailed,
    IdempotencyConflict,
    InsufficientCredits,
    NoAnswer,
    NotFound,
    NotSent,
    PromptRefused,
    PublicApiDisabled,
    RateLimited,
    ReferenceUrl,
    ResultGone,
    RivyaClient,
    RivyaError,
    ServerTrouble,
    Task,
    TaskStatus,
    Timeouts,
    UnknownApiError,
    ValidationFailed,
    open_http,
)
from bot.sandbox.rivya import Fault, FaultKind, RivyaSandbox, Variants
from tests.clocks import TestClock

PRO = Catalogue().default


class JumpClock(TestClock):
    """The client's clock: its waits take no time, and no slow machine can use up what it allows for retries."""

    def __init__(self) -> None:
        super().__init__()
        self._ms = super().now_ms()

    def now_ms(self) -> int:
        return self._ms

    async def sleep(self, seconds: float) -> None:
        self._ms += round(seconds * 1000)


@dataclass
class World:
    clock: TestClock
    sandbox: RivyaSandbox
    client: RivyaClient

    async def create(self, prompt: str = "a red panda", key: str = "key-1", **options: str) -> Task:
        return await self.client.create(body_of(prompt, **options), idempotency_key=key)

    async def finished(self, task_id: str) -> Task:
        self.clock.advance(60)
        return await self.client.status(task_id)


def body_of(prompt: str = "a red panda", *references: ReferenceUrl, **options: str) -> bytes:
    complete = PRO.check(prompt=prompt, options=options, reference_count=len(references))
    return PRO.body(prompt, complete, references, "req-1")


@asynccontextmanager
async def a_world(*, create_timeout_s: float = 30, **variants: object) -> AsyncIterator[World]:
    clock = TestClock()
    played = Variants(quick_pictures=True)
    for name, value in variants.items():
        setattr(played, name, value)
    async with RivyaSandbox(clock=clock, variants=played) as sandbox, open_http(sandbox.url) as http:
        client = RivyaClient(
            http,
            api_key=SecretStr(sandbox.api_key),
            clock=JumpClock(),
            rng=Random(1),
            timeouts=Timeouts(create_s=create_timeout_s),
        )
        yield World(clock, sandbox, client)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


@pytest.mark.parametrize("variants", [{}, {"create_status": 202, "upload_status": 201, "bare_upload_answer": True}])
async def test_from_a_reference_to_a_picture(tmp_path: Path, variants: dict[str, object]) -> None:
    reference = tmp_path / "ref"
    Image.new("RGB", (40, 40), "yellow").save(reference, "PNG")
    async with a_world(**variants) as world:
        uploaded = await world.client.upload(
            reference, filename="gelbe Tür.png", mime="image/png", model=PRO.id, client_request_id="req-1"
        )
        body = body_of(
            "a red panda 🦝",
            ReferenceUrl(uploaded.url, "gelbe Tür.png", "image/png"),
            resolution="2K",
            aspect_ratio="16:9",
        )
        task = await world.client.create(body, idempotency_key="key-1")
        assert task.status is TaskStatus.QUEUED
        assert task.reserved_credits == 8
        done = await world.finished(task.id)
        assert done.status is TaskStatus.SUCCEEDED
        assert done.charged_credits == 8
        size_bytes = await world.client.download(done.result_urls[0], tmp_path / "out.png", max_bytes=50_000_000)

        [upload] = world.sandbox.books.uploads
        assert (upload.kind, upload.model, upload.name) == ("image", PRO.id, "gelbe Tür.png")
        assert upload.size_bytes == reference.stat().st_size
        [known] = world.sandbox.books.tasks
        assert known.body_bytes == body
        assert known.reference_ids == (upload.id,)
        assert world.sandbox.books.total_charged == 8
    assert size_bytes == (tmp_path / "out.png").stat().st_size
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.width > picture.height


async def test_models_and_credits(world: World) -> None:
    catalogue = Catalogue()
    models = await world.client.models()
    before = [(spec.id, spec.base_credits, spec.prompt_max_chars) for spec in catalogue.available()]
    catalogue.refresh(models)
    assert [(spec.id, spec.base_credits, spec.prompt_max_chars) for spec in catalogue.available()] == before
    assert await world.client.credits() == 100_000


async def test_every_option_of_every_model_is_taken(world: World) -> None:
    for spec in Catalogue().available():
        for name, option in spec.options.items():
            for choice in option.choices:
                complete = spec.check(prompt="a", options={name: choice}, reference_count=0)
                body = spec.body("a", complete, [], "req-1")
                task = await world.client.create(body, idempotency_key=f"{spec.id} {name} {choice}")
                assert task.reserved_credits == spec.base_credits


REFUSALS: list[tuple[int, str, type[RivyaError]]] = [
    (503, "public_api_disabled", PublicApiDisabled),
    (401, "api_key_revoked", ApiKeyRevoked),
    (403, "api_scope_denied", ApiScopeDenied),
    (429, "rate_limited", RateLimited),
    (400, "validation_failed", ValidationFailed),
    (402, "insufficient_credits", InsufficientCredits),
    (409, "idempotency_conflict", IdempotencyConflict),
    (400, "content_policy_violation", PromptRefused),
    (422, "brand_new", UnknownApiError),
    (500, "internal_error", ServerTrouble),
]


@pytest.mark.parametrize(("status", "code", "cls"), REFUSALS)
async def test_a_refused_create_started_nothing_where_it_says_so(
    world: World, status: int, code: str, cls: type[RivyaError]
) -> None:
    world.sandbox.faults.add(Fault(kind=FaultKind.ERROR, route="create", status=status, code=code))
    with pytest.raises(cls) as caught:
        await world.create()
    assert caught.value.request_id
    assert caught.value.provider_code == code
    if caught.value.definitive:
        assert world.sandbox.books.tasks == []


@pytest.mark.parametrize(
    ("fault", "cls"),
    [
        (Fault(kind=FaultKind.LOST_BEFORE, route="create"), NoAnswer),
        (Fault(kind=FaultKind.LOST_AFTER, route="create"), NoAnswer),
        (Fault(kind=FaultKind.MALFORMED, route="create"), BadAnswer),
        (Fault(kind=FaultKind.BARE_ERROR, route="create", status=502, effect=True), ServerTrouble),
        (Fault(kind=FaultKind.ERROR, route="create", status=500, effect=True), ServerTrouble),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else value.__name__,
)
async def test_a_doubtful_create_is_settled_by_the_same_bytes_under_the_same_key(
    world: World, fault: Fault, cls: type[RivyaError]
) -> None:
    world.sandbox.faults.add(fault)
    with pytest.raises(cls) as caught:
        await world.create()
    assert not caught.value.definitive
    assert caught.value.retryable
    assert len([r for r in world.sandbox.books.requests if r.route == "create"]) == 1, "create repeats nothing itself"
    task = await world.create()
    assert [known.id for known in world.sandbox.books.tasks] == [task.id]
    with pytest.raises(IdempotencyConflict):
        await world.create("another prompt")


async def test_a_create_that_hangs_ends_in_doubt() -> None:
    async with a_world(create_timeout_s=0.2) as world:
        world.sandbox.faults.add(Fault(kind=FaultKind.HANG, route="create", times=None))
        with pytest.raises(NoAnswer) as caught:
            await world.create()
        assert not caught.value.definitive


async def test_an_outage_is_certain(world: World) -> None:
    await world.sandbox.stop()
    with pytest.raises(NotSent) as caught:
        await world.create()
    assert caught.value.definitive
    await world.sandbox.start()
    await world.create()


async def test_the_key_and_its_scopes(world: World) -> None:
    world.sandbox.revoke_key()
    with pytest.raises(ApiKeyRevoked):
        await world.client.credits()
    world.sandbox.expire_key()
    with pytest.raises(ApiKeyExpired):
        await world.client.credits()
    world.sandbox.restore_key("rvya_sk_other")
    with pytest.raises(ApiKeyInvalid):
        await world.client.credits()
    world.sandbox.restore_key("rvya_sk_sandbox")
    world.sandbox.scopes.remove("credits:read")
    with pytest.raises(ApiScopeDenied):
        await world.client.credits()
    assert await world.client.models()


async def test_reading_calls_get_over_a_passing_trouble(world: World, tmp_path: Path) -> None:
    task = await world.create()
    done = await world.finished(task.id)
    for route in ("credits", "models", "status"):
        for kind in (FaultKind.LOST_BEFORE, FaultKind.MALFORMED, FaultKind.BARE_ERROR):
            world.sandbox.faults.add(Fault(kind=kind, route=route))
            await {
                "credits": world.client.credits,
                "models": world.client.models,
                "status": lambda: world.client.status(task.id),
            }[route]()
            assert world.sandbox.faults.waiting == []
    world.sandbox.faults.add(Fault(kind=FaultKind.TRUNCATED_RESULT))
    await world.client.download(done.result_urls[0], tmp_path / "out.png", max_bytes=50_000_000)
    with Image.open(tmp_path / "out.png") as picture:
        picture.load()


async def test_an_upload_gets_over_a_lost_answer(world: World, tmp_path: Path) -> None:
    reference = tmp_path / "ref"
    Image.new("RGB", (40, 40), "yellow").save(reference, "JPEG")
    world.sandbox.faults.add(Fault(kind=FaultKind.LOST_AFTER, route="upload"))
    uploaded = await world.client.upload(
        reference, filename="a.jpg", mime="image/jpeg", model=PRO.id, client_request_id="req-1"
    )
    assert [upload.size_bytes for upload in world.sandbox.books.uploads] == [reference.stat().st_size] * 2
    assert uploaded.url == world.sandbox.books.uploads[1].url


async def test_an_upload_of_something_else_is_refused_once(world: World, tmp_path: Path) -> None:
    reference = tmp_path / "ref"
    reference.write_bytes(b"not a picture")
    with pytest.raises(ValidationFailed) as caught:
        await world.client.upload(
            reference, filename="a.png", mime="image/png", model=PRO.id, client_request_id="req-1"
        )
    assert "signature" in caught.value.provider_message
    assert len(world.sandbox.books.requests) == 1


async def test_rate_limits_say_how_long_to_wait() -> None:
    async with a_world(rate_limit_per_minute=1, retry_after_s=17) as world:
        await world.create()
        with pytest.raises(RateLimited) as caught:
            await world.create(key="key-2")
        assert caught.value.retry_after_s == 17
        assert len(world.sandbox.books.tasks) == 1


@pytest.mark.parametrize("status", [400, 402, 403, 409])
async def test_an_empty_account_is_known_by_its_code_whatever_the_status(status: int) -> None:
    async with a_world(current_credits=7, insufficient_status=status) as world:
        with pytest.raises(InsufficientCredits) as caught:
            await world.create()
        assert caught.value.account_problem


async def test_an_empty_account_may_show_as_a_failed_task() -> None:
    async with a_world(current_credits=7, insufficient_as_failed_task=True) as world:
        done = await world.finished((await world.create()).id)
        assert done.status is TaskStatus.FAILED
        assert isinstance(done.failure(), InsufficientCredits)
        assert done.failure().account_problem
        assert done.charged_credits == 0


@pytest.mark.parametrize(
    "fault", [Fault(kind=FaultKind.TASK_FAILS), Fault(kind=FaultKind.TASK_FAILS, error_object=False)]
)
async def test_a_failed_task(world: World, fault: Fault) -> None:
    world.sandbox.faults.add(fault)
    done = await world.finished((await world.create()).id)
    assert isinstance(done.failure(), GenerationFailed)
    assert world.sandbox.books.total_charged == 0


async def test_a_task_that_is_not_found_and_one_without_a_result(world: World) -> None:
    world.sandbox.faults.add(Fault(kind=FaultKind.NOT_FOUND_TASK))
    world.sandbox.faults.add(Fault(kind=FaultKind.NO_RESULT))
    task = await world.create()
    with pytest.raises(NotFound):
        await world.client.status(task.id)
    done = await world.finished(task.id)
    assert done.status is TaskStatus.SUCCEEDED
    assert done.result_urls == ()


async def test_a_dead_address_is_replaced_by_asking_again(world: World, tmp_path: Path) -> None:
    world.sandbox.faults.add(Fault(kind=FaultKind.DEAD_URL_ONCE))
    task = await world.create()
    [first] = (await world.finished(task.id)).result_urls
    with pytest.raises(ResultGone):
        await world.client.download(first, tmp_path / "out.png", max_bytes=50_000_000)
    [second] = (await world.client.status(task.id)).result_urls
    assert second != first
    assert await world.client.download(second, tmp_path / "out.png", max_bytes=50_000_000) > 0


async def test_prices_above_the_pages_are_seen() -> None:
    async with a_world(price_credits={(PRO.id, "4K"): 12}, final_credits={(PRO.id, "4K"): 16}) as world:
        task = await world.create(resolution="4K")
        assert task.reserved_credits == 12
        assert (await world.finished(task.id)).charged_credits == 16


async def test_many_at_once_keep_their_answers_apart(world: World) -> None:
    tasks = await asyncio.gather(*(world.create(f"panda {n}", key=f"key-{n}") for n in range(40)))
    prompts = {known.id: json.loads(known.body_bytes)["prompt"] for known in world.sandbox.books.tasks}
    assert [prompts[task.id] for task in tasks] == [f"panda {n}" for n in range(40)]


async def test_the_key_goes_to_the_api_only(tmp_path: Path) -> None:
    seen: list[httpx.Headers] = []

    def cdn(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, content=b"picture")

    async with a_world() as world, open_http(world.sandbox.url, transport=httpx.MockTransport(cdn)) as http:
        client = RivyaClient(http, api_key=SecretStr("rvya_sk_x"), clock=world.clock, rng=Random(1))
        await client.download(f"{world.sandbox.url}/media/results/a.png", tmp_path / "a", max_bytes=100)
    assert "authorization" not in seen[0]
