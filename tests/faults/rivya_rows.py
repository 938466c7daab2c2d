"""The image service's faults, at every call that a request makes of it.

It makes four: upload, create, status and result; in the background the bot asks for credits and models. The sandbox's
routes file, media, webhooks and openapi are never called by it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.sandbox.rivya import Fault, FaultKind
from tests.crash.world import Ask, World
from tests.faults.rows import PICTURE, REFERENCES, UNKNOWN, Group, Row, failed
from tests.faults.table import account_is_open, ask_again, pause

ROUTES = ("upload", "create", "status", "result")
_ACCOUNT = {401: "api_key_invalid", 402: "insufficient_credits", 403: "api_scope_denied"}
_REFUSALS = {400: "validation_failed", **_ACCOUNT, 404: "not_found"}
"""What ends a request at upload and create, since nothing was made: one clear failure, the credits are back."""
TRUST_S = 50
FAST = 60.0
"""For rows that wait for long. Not faster: what is not acknowledged within a minute is void."""


def refusals(route: str, status: int) -> int:
    """Return how many calls must be refused so that nothing comes of it: a reference goes up early, and once more."""
    return len(REFERENCES) + 1 if route == "upload" and status in {*_REFUSALS, 409} else 1


def once(route: str) -> dict[str, Fault]:
    """Return what may go wrong with one call, by name, but for what closes the account and for time-outs."""

    def of(kind: FaultKind, **values: Any) -> Fault:
        return Fault(kind=kind, route=route, **values)

    return {
        **{
            f"error {status}": of(FaultKind.ERROR, status=status, times=refusals(route, status))
            for status in (400, 404, 409, 429, 500, 503)
        },
        "error 500, done": of(FaultKind.ERROR, status=500, effect=True),
        "bare 502": of(FaultKind.BARE_ERROR, status=502),
        "bare 502, done": of(FaultKind.BARE_ERROR, status=502, effect=True),
        "bare 429": of(FaultKind.BARE_ERROR, status=429),
        "lost before": of(FaultKind.LOST_BEFORE),
        "lost after": of(FaultKind.LOST_AFTER),
        "malformed": of(FaultKind.MALFORMED),
        "slow": of(FaultKind.SLOW, delay_s=0.4),
    }


def expected_of(route: str, name: str) -> str:
    status = int(name.removeprefix("error ")) if name.startswith("error ") and name[6:].isdigit() else None
    if route not in {"upload", "create"}:
        return PICTURE  # it is made, and asked for until it is here
    if status == 409:
        # Something was accepted under this key: never sent again, and free after a while.
        return UNKNOWN if route == "create" else failed("idempotency_conflict")
    return failed(_REFUSALS[status]) if status in _REFUSALS else PICTURE


def _rows(route: str) -> tuple[Row, ...]:
    options = REFERENCES if route == "upload" else {}
    rows = [
        Row(
            name=f"{route} {name}",
            rivya=(fault,),
            options=options,
            expected=expected_of(route, name),
            says="never sent twice" if expected_of(route, name) == UNKNOWN else "",
        )
        for name, fault in once(route).items()
    ]
    several = Fault(kind=FaultKind.ERROR, route=route, status=503, times=6)
    rows += [
        Row(name=f"{route} error 503 six times", rivya=(several,), options=options),
        Row(
            name=f"{route} error 429 with Retry-After",
            rivya=(Fault(kind=FaultKind.ERROR, route=route, status=429, times=2),),
            options=options,
            before=lambda world: setattr(world.rivya.variants, "retry_after_s", 7.0),
            heal=lambda world: setattr(world.rivya.variants, "retry_after_s", None),
        ),
        Row(
            name=f"{route} lost after, six times",
            rivya=(Fault(kind=FaultKind.LOST_AFTER, route=route, times=6),),
            options=options,
        ),
    ]
    return tuple(rows)


_TASKS = (
    Row(
        name="task fails",
        rivya=(Fault(kind=FaultKind.TASK_FAILS),),
        expected=failed("generation_failed"),
    ),
    Row(
        name="task fails without an error object",
        rivya=(Fault(kind=FaultKind.TASK_FAILS, error_object=False),),
        expected=failed("generation_failed"),
    ),
    Row(
        name="task fails for its prompt",
        rivya=(Fault(kind=FaultKind.TASK_FAILS, code="moderation_blocked"),),
        expected=failed("prompt_refused"),
        says="turned the prompt down",
    ),
    Row(
        name="one of two tasks fails",
        rivya=(Fault(kind=FaultKind.TASK_FAILS),),
        options={"count": 2},
        expected="1 failed (generation_failed) + 1 fetched",
    ),
    Row(
        name="one of two creates is refused",
        rivya=(Fault(kind=FaultKind.ERROR, route="create", status=400, after=1),),
        options={"count": 2},
        expected="1 failed (validation_failed) + 1 fetched",
    ),
    Row(
        name="one of two creates is lost after",
        rivya=(Fault(kind=FaultKind.LOST_AFTER, route="create", after=1),),
        options={"count": 2, **REFERENCES},
        expected="2 fetched",
    ),
    Row(name="task slow", rivya=(Fault(kind=FaultKind.TASK_SLOW, delay_s=30),)),
    Row(name="not found task", rivya=(Fault(kind=FaultKind.NOT_FOUND_TASK),)),
    Row(name="dead url once", rivya=(Fault(kind=FaultKind.DEAD_URL_ONCE),)),
    Row(name="truncated result", rivya=(Fault(kind=FaultKind.TRUNCATED_RESULT, times=2),)),
    Row(name="wrong type result", rivya=(Fault(kind=FaultKind.WRONG_TYPE_RESULT, times=2),)),
)


# --- the account ---


def _account_rows() -> tuple[Row, ...]:
    rows = []
    for route in ("upload", "create", "status", "result"):
        for status, code in _ACCOUNT.items():
            ends = route in {"upload", "create"}
            rows.append(
                Row(
                    name=f"{route} error {status}",
                    rivya=(Fault(kind=FaultKind.ERROR, route=route, status=status, times=refusals(route, status)),),
                    options=REFERENCES if route == "upload" else {},
                    expected=failed(code) if ends else PICTURE,
                    after=_goes_on,
                )
            )
    rows += [
        Row(
            name="key revoked, then restored",
            before=lambda world: world.rivya.revoke_key(),
            expected=failed("api_key_revoked"),
            meddle=_is_refused_meanwhile,
            heal=lambda world: world.rivya.restore_key(),
            after=_goes_on,
        ),
        Row(
            name="key expired while it is painted",
            rivya=(Fault(kind=FaultKind.TASK_SLOW, delay_s=30),),
            meddle=_while_painting(lambda world: world.rivya.expire_key(), lambda world: world.rivya.restore_key()),
            says="operator has to look at its account",
            after=_goes_on,
        ),
        Row(
            name="account empty, then filled",
            before=lambda world: world.rivya.set_credits(3),
            expected=failed("insufficient_credits"),
            meddle=_is_refused_meanwhile,
            heal=lambda world: world.rivya.set_credits(1_000_000),
            after=_goes_on,
        ),
        Row(
            name="account empty, as a failed task",
            before=_empty_as_a_failed_task,
            expected=failed("insufficient_credits"),
            meddle=_is_refused_meanwhile,
            heal=_filled_again,
            after=_goes_on,
        ),
        Row(
            name="account filled for one of two",
            before=lambda world: world.rivya.set_credits(8),
            options={"count": 2},
            expected="1 failed (insufficient_credits) + 1 fetched",
            heal=lambda world: world.rivya.set_credits(1_000_000),
            after=_goes_on,
        ),
    ]
    return tuple(rows)


def _empty_as_a_failed_task(world: World) -> None:
    world.rivya.variants.insufficient_as_failed_task = True
    world.rivya.set_credits(3)


def _filled_again(world: World) -> None:
    world.rivya.variants.insufficient_as_failed_task = False
    world.rivya.set_credits(1_000_000)


async def _is_refused_meanwhile(world: World, ask: Ask) -> bool:
    """While the account can't be used, the next one is turned down in words, and pays nothing."""
    await world.until(lambda: world.at_rest(ask) and not account_is_open(world))
    another = await ask_again(world, ask, "asked meanwhile")
    another.expected = "refused"
    return await world.until(lambda: world.refused(another))


async def _goes_on(world: World, ask: Ask) -> bool:
    """Without anyone doing anything at the bot, the next picture comes."""
    another = await ask_again(world, ask, "afterwards")
    return await world.until(lambda: world.at_rest(another)) and not world.refused(another)


def _while_painting(breaks: Any, heals: Any) -> Any:
    async def meddle(world: World, ask: Ask) -> bool:
        painted = await world.until(lambda: any(task.prompt == ask.prompt for task in world.rivya.books.tasks))
        breaks(world)
        asked = len(world.rivya.books.requests)
        heard = await world.until(
            lambda: [r for r in world.rivya.books.requests[asked:] if r.route == "status" and r.status == 401]
        )
        await pause(0.3)
        heals(world)
        return painted and heard

    return meddle


# --- for ever, and time-outs ---


async def _heals_after_ten(world: World, _ask: Ask) -> bool:
    """The fault goes on until it has struck ten times, in whatever call; then all is well."""
    before = len(world.rivya.faults.struck)
    many = await world.until(lambda: len(world.rivya.faults.struck) >= before + 10)
    world.rivya.faults.clear()
    return many


async def _outage(world: World, ask: Ask) -> bool:
    painted = await world.until(lambda: any(task.prompt == ask.prompt for task in world.rivya.books.tasks))
    await world.rivya.stop()
    await pause(0.5)
    await world.rivya.start()
    return painted


_LONG = (
    Row(
        name="closed for a while",
        rivya=(Fault(kind=FaultKind.ERROR, status=503, times=None),),
        options=REFERENCES,
        meddle=_heals_after_ten,
    ),
    Row(
        name="silent for a while",
        rivya=(Fault(kind=FaultKind.LOST_BEFORE, times=None),),
        options=REFERENCES,
        meddle=_heals_after_ten,
    ),
    Row(name="outage while it is painted", rivya=(Fault(kind=FaultKind.TASK_SLOW, delay_s=30),), meddle=_outage),
)

_PATIENCE = (
    Row(
        name="create closed for ever",
        rivya=(Fault(kind=FaultKind.ERROR, route="create", status=503, times=None),),
        expected=failed("public_api_disabled"),
    ),
    Row(
        name="upload without an answer for ever",
        rivya=(Fault(kind=FaultKind.LOST_AFTER, route="upload", times=None),),
        options=REFERENCES,
        expected=failed("no_answer"),
    ),
    Row(
        name="create without an answer for ever",
        rivya=(Fault(kind=FaultKind.LOST_BEFORE, route="create", times=None),),
        expected=UNKNOWN,
        says="never sent twice",
    ),
    Row(
        name="create done and without an answer for ever",
        rivya=(Fault(kind=FaultKind.LOST_AFTER, route="create", times=None),),
        expected=UNKNOWN,
        says="never sent twice",
    ),
    Row(name="no result", rivya=(Fault(kind=FaultKind.NO_RESULT),), expected="1 lost (result_gone)", says="could not"),
    Row(
        name="missing result",
        rivya=(Fault(kind=FaultKind.MISSING_RESULT),),
        expected="1 lost (result_gone)",
        says="could not be obtained",
    ),
    Row(
        name="wrong type result for ever",
        rivya=(Fault(kind=FaultKind.WRONG_TYPE_RESULT, times=None),),
        expected="1 lost (damaged_result)",
        says="what came was damaged",
    ),
    Row(
        name="task late",
        rivya=(Fault(kind=FaultKind.TASK_SLOW, delay_s=400),),
        says="much longer than usual",
        after=lambda world, ask: world.until(lambda: world.wire.books.pictures(containing=ask.prompt)),
    ),
    Row(
        name="task endless",
        rivya=(Fault(kind=FaultKind.TASK_ENDLESS),),
        expected="1 lost (overdue)",
        says="much longer than usual",
    ),
)


def _start_rows(faults: dict[str, Fault]) -> tuple[Row, ...]:
    """Credits and models are asked for at the start; one row strikes both."""
    rows = []
    for name, fault in faults.items():
        other = Fault(**{**vars(fault), "route": "models"})
        rows.append(Row(name=f"credits and models {name}", rivya=(fault, other), asleep=True, after=_goes_on))
    return tuple(rows)


def _six_times() -> dict[str, Fault]:
    """More than one reading asks: the next one a minute later has the rest."""
    return {
        "error 503 six times": Fault(kind=FaultKind.ERROR, route="credits", status=503, times=6),
        "lost after, six times": Fault(kind=FaultKind.LOST_AFTER, route="credits", times=6),
    }


def _paused_row() -> Row:
    return replace(
        _start_rows({"error 429 with Retry-After": Fault(kind=FaultKind.ERROR, route="credits", status=429, times=2)})[
            0
        ],
        before=lambda world: setattr(world.rivya.variants, "retry_after_s", 7.0),
        heal=lambda world: setattr(world.rivya.variants, "retry_after_s", None),
    )


def _account_faults() -> dict[str, Fault]:
    return {f"error {status}": Fault(kind=FaultKind.ERROR, route="credits", status=status) for status in _ACCOUNT}


GROUPS = (
    *(Group(name=f"Rivya {route}", rows=_rows(route)) for route in ROUTES),
    Group(name="Rivya tasks", rows=_TASKS),
    Group(name="Rivya account", rows=_account_rows(), speed=FAST),
    Group(name="Rivya for a while", rows=_LONG),
    Group(
        name="Rivya for ever",
        rows=_PATIENCE,
        speed=FAST,
        settings={"IDEMPOTENCY_TRUST_S": str(TRUST_S), "TASK_DEADLINE_S": "120"},
        rules={"token_life_s": 9000.0},
    ),
    Group(
        name="Rivya time-outs",
        rows=tuple(
            Row(
                name=f"{route} time-out",
                rivya=(Fault(kind=FaultKind.HANG, route=route),),
                options=REFERENCES if route == "upload" else {},
            )
            for route in ROUTES
        ),
    ),
    Group(
        name="Rivya at the start",
        rows=(*_start_rows({**once("credits"), **_account_faults(), **_six_times()}), _paused_row()),
        speed=FAST,
    ),
    Group(
        name="Rivya time-outs at the start",
        rows=_start_rows({"time-out": Fault(kind=FaultKind.HANG, route="credits")}),
        speed=FAST,
    ),
)
