"""The composition root: the only place where everything meets."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import httpx

from bot.clock import Clock
from bot.config import Settings
from bot.credits.quotas import SpendingPolicy
from bot.generations.acceptance import Acceptance, Limits
from bot.generations.account import ProviderAccount
from bot.generations.courier import Courier
from bot.generations.engine import Engine
from bot.generations.erasing import Eraser
from bot.generations.gallery import Gallery
from bot.generations.house import House
from bot.generations.house_log import HouseLog
from bot.generations.moderation import Moderation
from bot.generations.notes import Notes
from bot.generations.operator_desk import OperatorDesk
from bot.generations.operator_news import OperatorNews, Threshold
from bot.generations.painter import Painter
from bot.generations.places import Places
from bot.generations.precedence import Precedence
from bot.generations.preferences import PreferencesBook
from bot.generations.privacy import Privacy
from bot.generations.protocols import Delivery, Fetcher
from bot.generations.queue import FairQueue
from bot.generations.quota_desk import QuotaDesk
from bot.generations.references import ReferenceStage
from bot.generations.repository import GenerationsRepository
from bot.generations.service import Generations
from bot.generations.stages import Patience, Tools
from bot.generations.store import FileStore
from bot.generations.tray import Tray, TrayLimits
from bot.generations.upkeep import Upkeep
from bot.generations.usage import UsageBook
from bot.generations.views import Views
from bot.keys import RivyaKey
from bot.rivya import Catalogue, DurationBook, RequestBudget, RivyaClient, Timeouts
from bot.storage import Database

MIN_CREATE_S = 10.0


@dataclass(frozen=True, slots=True)
class Core:
    """Everything below the ui, running."""

    generations: Generations
    engine: Engine
    catalogue: Catalogue
    store: FileStore
    account: ProviderAccount
    queue: FairQueue
    tray: Tray
    moderation: Moderation
    gallery: Gallery
    preferences: PreferencesBook
    house: House
    privacy: Privacy
    quotas: QuotaDesk
    operator: OperatorDesk
    usage: UsageBook
    precedence: Precedence


def new_id() -> str:
    """Return a request id: 16 hex characters, 64 random bits."""
    return secrets.token_hex(8)


def timeouts_within(trust_s: float) -> Timeouts:
    """Return time-outs under which a create call that is not answered can be repeated while its key is trusted."""
    usual = Timeouts()
    return replace(usual, create_s=min(usual.create_s, max(trust_s / 2, MIN_CREATE_S)))


async def build_core(
    settings: Settings,
    *,
    database: Database,
    http: httpx.AsyncClient,
    delivery: Delivery,
    fetcher: Fetcher,
    clock: Clock,
    rng: Random,
    ids: Callable[[], str] = new_id,
    timeouts: Timeouts | None = None,
    durations: DurationBook | None = None,
    key: RivyaKey | None = None,
) -> Core:
    """Put everything together over an open database and connection pool; nothing runs until the engine is entered.

    ``key`` stands for the settings' own, when it can be read again. ``durations`` may know already how long pictures
    take; what the database knows comes on top.
    """
    catalogue, durations = Catalogue(), durations or DurationBook()
    async with database.read() as tx:
        rows = GenerationsRepository(tx)
        catalogue.restore(await rows.memory.learned_prices())
        for model, resolution, seconds in await rows.pictures.durations(limit=1000):
            durations.record(model, resolution, seconds)
    key = key or RivyaKey(settings.rivya_api_key)
    client = RivyaClient(
        http,
        api_key=key,
        clock=clock,
        rng=rng,
        timeouts=timeouts or timeouts_within(settings.idempotency_trust_s),
        renew_key=key.renew,
    )
    spending = SpendingPolicy(
        settings.member_credits_per_month,
        settings.guild_credits_per_month,
        settings.account_credits_per_day,
        settings.personal_credits_per_month,
    )
    queue = FairQueue()
    precedence = Precedence(clock)
    store = FileStore(Path(settings.data_dir))
    account = ProviderAccount(database, client, clock, renew_key=key.renew)
    key.heard = account.ask
    views = Views(
        database=database,
        catalogue=catalogue,
        durations=durations,
        spending=spending,
        clock=clock,
        position=queue.position,
        max_running=settings.max_running,
    )
    notes = Notes(database, clock, lambda request_id: courier.changed(request_id))  # noqa: PLW0108 - it comes later
    references = ReferenceStage(
        database=database,
        client=client,
        catalogue=catalogue,
        fetcher=fetcher,
        store=store,
        notes=notes,
        clock=clock,
        has_place=lambda: queue.running < settings.max_running and not len(queue) and not account.closed,
    )

    def forget(request_id: str) -> None:
        notes.forget(request_id)
        references.forget(request_id)

    courier = Courier(
        database=database,
        delivery=delivery,
        views=views,
        store=store,
        clock=clock,
        precedence=precedence,
        forget=forget,
    )
    tools = Tools(
        database=database,
        client=client,
        catalogue=catalogue,
        references=references,
        account=account,
        durations=durations,
        budget=RequestBudget(clock, per_minute=settings.polls_per_minute),
        store=store,
        notes=notes,
        clock=clock,
        rng=rng,
        patience=Patience(trust_s=settings.idempotency_trust_s, deadline_s=settings.task_deadline_s),
        precedence=precedence,
        changed=courier.changed,
    )
    painter = Painter(tools)
    acceptance = Acceptance(
        database=database,
        catalogue=catalogue,
        limits=Limits(
            allowed_guilds=settings.allowed_guilds,
            spending=spending,
            max_running_per_member=settings.max_running_per_member,
            max_waiting=settings.max_waiting,
            disk_reserve_bytes=settings.disk_reserve_bytes,
        ),
        account=account,
        store=store,
        clock=clock,
        new_id=ids,
    )
    generations = Generations(
        database=database,
        acceptance=acceptance,
        spending=spending,
        views=views,
        clock=clock,
        wake=lambda request_id: engine.wake(request_id),  # noqa: PLW0108 - it comes later
    )
    places = Places(
        database=database,
        painter=painter,
        courier=courier,
        notes=notes,
        queue=queue,
        clock=clock,
        max_running=settings.max_running,
    )
    tray = Tray(
        database=database,
        store=store,
        fetcher=fetcher,
        clock=clock,
        limits=TrayLimits(disk_reserve_bytes=settings.disk_reserve_bytes),
    )
    eraser = Eraser(
        database=database, store=store, delivery=delivery, clock=clock, retention_days=settings.retention_days
    )
    engine = Engine(
        database=database,
        generations=generations,
        references=references,
        painter=painter,
        courier=courier,
        account=account,
        upkeep=Upkeep(database=database, store=store, clock=clock, results_max_bytes=settings.results_max_bytes),
        eraser=eraser,
        places=places,
        tray=tray,
        house_log=HouseLog(database=database, views=views, delivery=delivery, clock=clock),
        operator_news=OperatorNews(
            database=database,
            account=account,
            delivery=delivery,
            clock=clock,
            operator_ids=settings.operator_ids,
            threshold=Threshold(settings.low_credits, settings.low_credits_days),
        ),
        delivery=delivery,
        catalogue=catalogue,
        client=client,
        clock=clock,
        precedence=precedence,
        grace_s=settings.shutdown_grace_s,
    )
    return Core(
        generations=generations,
        engine=engine,
        catalogue=catalogue,
        store=store,
        account=account,
        queue=queue,
        tray=tray,
        moderation=Moderation(database, clock),
        gallery=Gallery(database, clock),
        preferences=PreferencesBook(database, clock),
        house=House(database, clock),
        usage=UsageBook(database, clock),
        privacy=Privacy(database=database, store=store, eraser=eraser, tray=tray, clock=clock),
        quotas=QuotaDesk(database, spending, clock),
        operator=OperatorDesk(database, account, spending, clock, paused=engine.give_back_paused),
        precedence=precedence,
    )
