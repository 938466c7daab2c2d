"""What a row of the fault table is: one request, what goes wrong with it, and what is to come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from bot.sandbox.rivya import Fault, FaultKind
from bot.sandbox.wire import WireFault, WireFaultKind
from tests.crash.pictures import image
from tests.crash.ways import Way
from tests.crash.world import SPEED, Ask, World

PACE = 20.0
"""Time-outs of the bot are so many times shorter: one of 300 s takes 15."""

Deed = Callable[[World, Ask], Awaitable[Any]]
"""What is done beside a request. Returning False says that it could not be done, and the row is wrong."""

PICTURE = "1 fetched"
KEPT = "1 fetched, kept"
WITHDRAWN = "1 fetched, withdrawn"
UNKNOWN = "1 lost (create_unknown)"
VOID = "void"
REFERENCES = {"image_1": image("red"), "image_2": image("blue", "JPEG")}


def failed(code: str) -> str:
    """Return the outcome of a request that brought one clear failure."""
    return f"1 failed ({code})"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One request, its faults, and what the books must say in the end (``judge.outcome_of``).

    ``before`` happens first, ``meddle`` while the request is in work, ``after`` when it has come to rest and whatever
    was wrong is well again by ``heal``. Every fault must have struck, and every deed must have been done. ``says`` are
    words that the person must have been shown. ``way``: how it is asked for, where it is not by /imagine; what it
    begins from is there before the faults are. ``asleep``: the bot is killed while the request is painted, and
    started again under the faults.
    """

    name: str
    expected: str = PICTURE
    options: dict[str, Any] = field(default_factory=dict)
    rivya: tuple[Fault, ...] = ()
    wire: tuple[WireFault, ...] = ()
    before: Callable[[World], Any] | None = None
    meddle: Deed | None = None
    heal: Callable[[World], Any] | None = None
    after: Deed | None = None
    says: str = ""
    way: Way | None = None
    asleep: bool = False

    @property
    def times_out(self) -> bool:
        """Whether one of Discord's answers never comes, so that the bot has to give it up."""
        return "time-out" in self.name and not any(fault.kind is FaultKind.HANG for fault in self.rivya)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows that share one world and one bot, one after the other.

    ``speed`` is that of the clocks; ``pace`` is how many times shorter long time-outs are in the bot.
    """

    name: str
    rows: tuple[Row, ...]
    variants: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    speed: float = SPEED
    pace: float = PACE
    fresh: bool = False
    """Each row has a world of its own, and the bot starts under its faults."""

    def chosen(self, words: str = "") -> Group:
        """Return the group with the rows whose name, after the group's, has ``words``."""
        return replace(self, rows=tuple(row for row in self.rows if words in f"{self.name}: {row.name}"))

    def only(self, *names: str) -> Group:
        """Return the group with these rows only."""
        unknown = set(names) - {row.name for row in self.rows}
        if unknown:
            raise ValueError(f"{self.name} has no such rows: {sorted(unknown)}")
        return replace(self, rows=tuple(row for row in self.rows if row.name in names))

    def part(self, number: int, of: int) -> Group:
        """Return one of ``of`` parts."""
        return replace(self, name=f"{self.name} ({number + 1} of {of})", rows=self.rows[number::of])


def in_time(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return the rows that wait for no time-out."""
    return tuple(row for row in rows if not row.times_out)


def timing_out(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return the rows that wait for one, some fifteen real seconds each."""
    return tuple(row for row in rows if row.times_out)


def wire_faults(route: str, *, effects: bool = True, files: bool | None = None) -> dict[str, WireFault]:
    """Return what may go wrong once on a route of Discord's, by name; a time-out costs real seconds."""

    def error(status: int, **values: Any) -> WireFault:
        return WireFault(kind=WireFaultKind.ERROR, route=route, status=status, files=files, **values)

    found = {
        "429": error(429, delay_s=0.5),
        "500": error(500),
        "502": error(502),
        "500 five times": error(500, times=5),
        "reset": WireFault(kind=WireFaultKind.RESET, route=route, files=files),
        "time-out": WireFault(kind=WireFaultKind.HANG, route=route, files=files),
    }
    if effects:
        done = {f"{name}, done": replace(fault, effect=True) for name, fault in found.items() if name != "429"}
        found |= done
    return found
