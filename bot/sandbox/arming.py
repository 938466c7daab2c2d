"""Faults that are switched on, count their occasions, and switch themselves off; what both sandboxes share of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Countable(Protocol):
    """A fault that strikes ``times`` occasions (``None``: for ever) after the first ``after``."""

    @property
    def times(self) -> int | None:
        """How many occasions it strikes."""
        ...

    @property
    def after(self) -> int:
        """How many it lets pass before."""
        ...


F = TypeVar("F", bound=Countable)


class ArmedFaults(Generic[F]):
    """The faults that are switched on, oldest first. What an occasion is, a subclass says."""

    def __init__(self) -> None:
        self._armed: list[Armed[F]] = []
        self.struck: list[F] = []
        """Each fault as often as it has struck, in order."""

    def add(self, fault: F) -> None:
        """Switch ``fault`` on."""
        self._armed.append(Armed(fault))

    def clear(self) -> None:
        """Switch all off."""
        self._armed.clear()

    @property
    def waiting(self) -> list[F]:
        """The faults that can still strike."""
        return [armed.fault for armed in self._armed]

    def _strikes(self, armed: Armed[F]) -> bool:
        """Count one occasion; a fault that has done its times is switched off."""
        armed.seen += 1
        if armed.seen <= armed.fault.after:
            return False
        self.struck.append(armed.fault)
        if armed.fault.times is not None and armed.seen >= armed.fault.after + armed.fault.times:
            self._armed.remove(armed)
        return True


@dataclass(eq=False)
class Armed(Generic[F]):
    """A fault, and how many occasions it has seen."""

    fault: F
    seen: int = 0
