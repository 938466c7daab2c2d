"""A server's life at random against a plain model: rules, grants, crowds, failures, refunds, pauses, changing clocks.

What happens at the same time is begun at the same time, over the real database. In which order it was carried out the
database says; whatever that was, each of it must have come out as the model says for that order.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from bot.credits.audit import audit
from bot.generations.standing import stand
from bot.storage import Connection
from tests.quotas.acts import Ask, Drive, Give, GiveBackPaused, Pause, Refund, SetRule, Unseen, Zone
from tests.quotas.chance import (
    ARTIST,
    ASKED,
    BEGINNINGS,
    CHANNELS,
    KINDS,
    NTH,
    OFFSETS_MS,
    OTHER_ZONE,
    PATRON,
    PEOPLE,
    SAID,
    SOMETHING,
    STARTS,
    WHICH,
)
from tests.quotas.model import (
    DAY_MS,
    HOUR_MS,
    MODELS,
    Asked,
    Model,
    Person,
    Said,
    Which,
    next_change_of_clocks,
)
from tests.quotas.server import POLICY, Act, Bot, Server, open_bot

EXAMPLES = int(os.environ.get("QUOTA_MACHINE_EXAMPLES", "0"))
"""So many lives, other ones each time; 0: a few, always the same."""
LONG_AFTER_MS = int(datetime(2060, 1, 1, tzinfo=UTC).timestamp() * 1000)
LIVES_OF_A_BOT = 100
"""Every audit goes through all of a database."""


class ServerLife(RuleBasedStateMachine):
    """One server through some months; every example has a server of its own."""

    def __init__(self, runner: asyncio.Runner, bot: Bot) -> None:
        super().__init__()
        self.run_async = runner.run
        self.bot = bot
        self.model: Model | None = None

    @initialize(
        start=st.sampled_from(STARTS),
        prices=st.lists(st.integers(1, 12), min_size=7, max_size=7),
        beginning=st.sampled_from(BEGINNINGS),
        given=st.booleans(),
        rules=st.lists(st.tuples(WHICH, SAID), max_size=3),
    )
    def open_a_server(
        self,
        start: tuple[str, datetime],
        prices: list[int],
        beginning: dict[Which, Said],
        given: bool,
        rules: list[tuple[Which, Said]],
    ) -> None:
        zone, begun = start
        start_ms = int(begun.timestamp() * 1000)
        self.model = Model(start_ms, dict(zip(KINDS, prices, strict=True)))
        self.server = Server(self.bot, self.model)
        self.people = [
            Person(0, frozenset(), start_ms - 900 * DAY_MS),
            Person(1, frozenset({ARTIST}), start_ms - 2 * DAY_MS),
            Person(2, frozenset({ARTIST, PATRON}), start_ms - 900 * DAY_MS),
        ]
        self.together(Zone(zone), *(Give(person, 10, None) for person in self.people if given))
        self.together(*(SetRule(which, said) for which, said in beginning.items()))
        for which, said in rules:
            self.together(SetRule(which, said))

    @property
    def life(self) -> Model:
        assert self.model is not None
        return self.model

    def together(self, *acts: Act) -> None:
        self.run_async(self.server.together(acts))

    def happen(self, *things: Any, seen: bool = True) -> None:
        """Have all of it happen at the same time; what is asked for is shown, or (the first) is not."""
        acts: list[Act] = [self._act(thing) for thing in things]
        self.together(*acts)
        taken = [act.taken for act in acts if isinstance(act, Ask) and act.taken is not None]
        self.run_async(self._shown(taken if seen else taken[1:]))
        if taken and not seen:
            self.together(Unseen(taken[0]))
        if any(isinstance(act, Pause) for act in acts):
            self.together(GiveBackPaused())

    def _act(self, thing: Any) -> Any:
        match thing:
            case (int(who), int(channel), (str(model), size), int(pictures)):
                return Ask(Asked(self.people[who], channel, model, size, pictures), thread=bool(who))
            case (int(who), int(amount), days):
                return Give(self.people[who], amount, days)
        return thing

    async def _shown(self, requests: list[str]) -> None:
        doors = self.server.core.generations
        assert all(await asyncio.gather(*(doors.acknowledged(request, message_id=None) for request in requests)))

    # --- what happens ---

    @rule(hours=st.sampled_from([0.25, 0.5, 1, 3, 8, 24, 5 * 24, 32 * 24]))
    def time_passes(self, hours: float) -> None:
        self.life.now_ms += int(hours * HOUR_MS)

    @rule(crowd=st.lists(ASKED, min_size=1, max_size=6), seen=st.sampled_from([True, True, True, False]))
    def members_ask_at_the_same_time(self, crowd: list[Any], seen: bool) -> None:
        self.happen(*crowd, seen=seen)

    @rule(things=st.lists(st.one_of(ASKED, ASKED, SOMETHING), min_size=2, max_size=7))
    def everything_happens_at_the_same_time(self, things: list[Any]) -> None:
        self.happen(*things)

    @rule(which=WHICH, said=st.lists(st.one_of(SAID, st.none()), min_size=2, max_size=2), asked=st.tuples(ASKED, ASKED))
    def two_admins_change_a_rule_while_members_ask(self, which: Which, said: list[Any], asked: Any) -> None:
        self.happen(asked[0], *(SetRule(which, one) for one in said), asked[1])

    @rule(something=SOMETHING)
    def something_happens(self, something: Any) -> None:
        self.happen(something)

    @rule(
        days=st.sampled_from([1, 1, 2, 3, 8, 30]),
        offsets_ms=st.lists(OFFSETS_MS, min_size=1, max_size=3),
        asked=ASKED,
        zone=OTHER_ZONE,
    )
    def somebody_asks_around_midnight(self, days: int, offsets_ms: list[int], asked: Any, zone: str | None) -> None:
        self.ask_around(self.midnight(self.life.now_ms, days), offsets_ms, asked)
        if zone is not None:
            self.happen(Zone(zone))

    @rule(
        before_ms=st.sampled_from([6 * HOUR_MS, 12 * HOUR_MS, 20 * HOUR_MS]),
        offsets_ms=st.lists(OFFSETS_MS, min_size=1, max_size=3),
        asked=ASKED,
        daily=st.booleans(),
        zone=OTHER_ZONE,
    )
    def somebody_asks_around_a_change_of_clocks(
        self, before_ms: int, offsets_ms: list[int], asked: Any, daily: bool, zone: str | None
    ) -> None:
        """Also on the day before; and as that day ends, which is longer or shorter than others."""
        change_ms = next_change_of_clocks(self.life.now_ms, self.life.zone)
        if change_ms - self.life.now_ms > 60 * DAY_MS:
            return
        if daily:
            asked = (0, *asked[1:])
            self.together(SetRule(("member", 0), Said("day", 60)))
        self.ask_around(change_ms, [-before_ms, *offsets_ms], asked)
        if zone is not None:
            self.happen(Zone(zone))
        self.ask_around(self.midnight(change_ms, 1), [-1, *offsets_ms], asked)

    def midnight(self, at_ms: int, days: int) -> int:
        local = datetime.fromtimestamp(at_ms / 1000 + days * 86_400, ZoneInfo(self.life.zone))
        return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)

    def ask_around(self, moment_ms: int, offsets_ms: list[int], asked: Any) -> None:
        for offset_ms in sorted(offsets_ms):
            self.life.now_ms = max(self.life.now_ms, moment_ms + offset_ms)
            self.happen(self.one_that_may(asked))
            self.everybody_stands_as_the_model_says()

    def one_that_may(self, asked: Any) -> Any:
        """Return a request for one picture that is taken, as like this one as there is; else this one."""
        others = sorted(product(range(PEOPLE), CHANNELS, KINDS), key=lambda other: other != asked[:3])
        for who, channel, kind in others:
            if self.life.refusal(Asked(self.people[who], channel, *kind, 1)) is None:
                return who, channel, kind, 1
        return (*asked[:3], 1)

    @rule(
        asked=ASKED,
        offset_ms=st.one_of(st.none(), OFFSETS_MS),
        hours=st.sampled_from([0, 1, 1, 24, 3 * 24, 8 * 24]),
        amount=st.integers(1, 5),
    )
    def a_picture_is_made_and_refunded_later(self, asked: Any, offset_ms: int | None, hours: int, amount: int) -> None:
        if offset_ms is not None:
            self.life.now_ms = max(self.life.now_ms, self.midnight(self.life.now_ms, 1) + offset_ms)
        known = set(self.life.pictures)
        self.happen(self.one_that_may(asked))
        made = [picture for name, picture in self.life.pictures.items() if name not in known]
        self.together(*(Drive(0, "made", picture=picture) for picture in made))
        self.life.now_ms += hours * HOUR_MS
        self.together(*(Refund(0, amount, picture) for picture in made))

    @rule(
        others=st.lists(
            st.builds(Drive, NTH, st.sampled_from(["sent", "rests", "made", "made", "fails"])), min_size=1, max_size=8
        )
    )
    def pictures_come(self, others: list[Drive]) -> None:
        self.together(*others)

    # --- what must hold ---

    @invariant()
    def everybody_stands_as_the_model_says(self) -> None:
        model = self.model
        if model is None:
            return
        self.bot.clock.ms = model.now_ms

        async def look(tx: Connection) -> None:
            for person in self.people:
                for channel in CHANNELS[: 1 + (person.number == 2)]:
                    spender = self.server.spender(person, channel)
                    found = await stand(tx, POLICY, spender, now_ms=model.now_ms)
                    self._stands(model, person, channel, found)

        self.run_async(self.server.database.look(look))
        stands = self.run_async(self.server.operator.server(self.server.guild_id))
        assert stands.used_credits == model.spent(None, "month", "UTC") >= 0
        assert stands.allowance.credits == model.server_a_month
        assert (stands.paused_at_ms is not None) == model.paused

    def _stands(self, model: Model, person: Person, channel: int, found: Any) -> None:
        balance, bounds, crowd = found.balance, found.situation.bounds, found.crowd
        own, granted = model.own(person)[0], model.granted(person.number)
        assert balance.granted_credits == granted >= 0
        assert balance.own_credits == (None if own is None else own + granted)
        assert balance.left_credits == model.left(person, channel)
        assert balance.on_hold_credits == model.on_hold(person.number)
        assert balance.used_credits >= 0
        on_top = model.on_top(person, channel)
        most = model.most(person, "size", on_top)
        assert bounds.resolution == (None if most is None else f"{most}K")
        assert bounds.count == model.most(person, "count", on_top)
        assert {name for name in MODELS if bounds.allows_model(name)} == model.models(person, channel)
        assert {
            "member": bounds.running,
            "channel": bounds.running_in_channel,
            "guild": bounds.running_in_server,
        } == model.most_running(person, channel)
        assert (crowd.mine, crowd.running, crowd.running_in_channel, crowd.running_in_server) == (
            len(model.in_work(person.number)),
            model.running(person.number),
            model.running(channel=channel),
            model.running(),
        )
        assert found.situation.paused == model.paused

    def teardown(self) -> None:
        if self.model is None:
            return
        is_open = [picture for picture in self.model.pictures.values() if picture.state != "over"]
        self.together(
            *(Drive(0, ("made", "fails")[n % 2], picture=picture) for n, picture in enumerate(is_open))
        )  # fmt: skip
        self.everybody_stands_as_the_model_says()
        assert not any(self.model.on_hold(person.number) for person in self.people)
        ours = {"guild_id": self.server.guild_id}

        async def look(tx: Connection) -> None:
            findings = (await audit(tx, now_ms=LONG_AFTER_MS)).findings
            assert [finding for finding in findings if finding.code not in NOBODY_BRINGS] == []
            for query in UNSETTLED:
                assert not await tx.scalar(text(query), ours)
            sums = await tx.execute(text(BOOKED_AND_DRAWN), ours)
            assert [row for row in sums.all() if row.booked != row.drawn] == []

        self.run_async(self.server.database.look(look))


NOBODY_BRINGS = {"delivery_stuck"}
"""What `audit` finds of pictures that are shown nowhere: no courier works here."""

UNSETTLED = (
    "SELECT count(*) FROM open_holds JOIN accounts a ON a.id = account_id WHERE guild_id = :guild_id",
    "SELECT count(*) FROM requests WHERE guild_id = :guild_id AND state NOT IN ('settled', 'void')",
)
BOOKED_AND_DRAWN = """
    SELECT a.id,
      (SELECT coalesce(sum(CASE e.kind
          WHEN 'hold' THEN e.amount_credits WHEN 'void' THEN -e.amount_credits
          WHEN 'capture' THEN e.amount_credits - h.amount_credits WHEN 'refund' THEN -e.amount_credits
          WHEN 'grant' THEN CASE WHEN e.picture_id IS NULL OR e.actor = 'engine' THEN 0 ELSE e.amount_credits END
          END), 0)
        FROM entries e LEFT JOIN entries h ON h.id = e.settles_id WHERE e.account_id = a.id) AS booked,
      (SELECT coalesce(sum(l.amount_credits), 0) FROM legs l WHERE l.account_id = a.id) AS drawn
    FROM accounts a WHERE a.guild_id = :guild_id
"""
"""The sum of an account's entries is what its legs have drawn: held or taken, less what came back.

A refund that came late is a grant with its picture; what the bot itself grants anew came back by its void already.
"""


def bots(runner: asyncio.Runner, folder: Path, stack: ExitStack) -> Iterator[Bot]:
    """Give the bot of each life; after some lives it is another one, over another database."""
    number = 0
    while True:
        (folder / str(number)).mkdir()
        opening = open_bot(folder / str(number))
        bot = runner.run(opening.__aenter__())
        stack.callback(lambda opening=opening: runner.run(opening.__aexit__(None, None, None)))
        for _ in range(LIVES_OF_A_BOT):
            yield bot
        stack.pop_all().close()
        number += 1


@pytest.fixture
def few_logs() -> Iterator[None]:
    """Log errors only: of thousands of requests nobody reads the rest."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("few_logs")
def test_a_servers_life_of_rules_grants_crowds_and_refunds(tmp_path: Path) -> None:
    with asyncio.Runner() as runner, ExitStack() as stack:
        lives = bots(runner, tmp_path, stack)
        run_state_machine_as_test(
            lambda: ServerLife(runner, next(lives)),
            settings=settings(
                max_examples=EXAMPLES or 45,
                stateful_step_count=30,
                deadline=None,
                derandomize=not EXAMPLES,
                database=None,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
