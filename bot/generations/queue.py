"""Who is next: fair between guilds, and in a guild between its members."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ticket:
    """A picture that waits for its turn. ``guild_id`` 0 stands for personal use."""

    picture_id: str
    request_id: str
    guild_id: int
    user_id: int


_Counts = Counter[tuple[int, int | None]]
"""Pictures in work, by guild and member; None stands for all of a guild's."""


class FairQueue:
    """First in, first out for one member; between members and guilds whoever has least in work and waited longest.

    The order is kept in memory only: after a restart it is rebuilt from the rows, oldest first.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, dict[int, deque[Ticket]]] = {}
        self._running: dict[str, Ticket] = {}
        self._counts: _Counts = Counter()
        self._guild_turn: dict[int, int] = {}
        self._member_turn: dict[tuple[int, int], int] = {}
        self._turn = 0
        self._order: list[str] | None = None

    def __len__(self) -> int:
        return sum(len(tickets) for members in self._waiting.values() for tickets in members.values())

    @property
    def running(self) -> int:
        """How many were taken and not done yet."""
        return len(self._running)

    @property
    def taken(self) -> set[str]:
        """The pictures that were taken and not done yet."""
        return set(self._running)

    def push(self, ticket: Ticket) -> None:
        """Add a ticket behind the others of its member."""
        self._waiting.setdefault(ticket.guild_id, {}).setdefault(ticket.user_id, deque()).append(ticket)
        self._order = None

    def resume(self, ticket: Ticket) -> None:
        """Count a picture that was in work before a restart as running."""
        if ticket.picture_id not in self._running:
            self._run(ticket)

    def pop(self) -> Ticket | None:
        """Take the next one; it counts as running until ``done``."""
        ticket = _choose(self._waiting, self._counts, self._guild_turn, self._member_turn)
        if ticket is None:
            return None
        self._take(ticket)
        self._turn += 1
        self._guild_turn[ticket.guild_id] = self._turn
        self._member_turn[ticket.guild_id, ticket.user_id] = self._turn
        self._run(ticket)
        return ticket

    def done(self, picture_id: str) -> None:
        """Free the place of a running picture."""
        ticket = self._running.pop(picture_id, None)
        if ticket is not None:
            for key in _counted_by(ticket):
                self._counts[key] -= 1
                if not self._counts[key]:
                    del self._counts[key]
            self._order = None

    def discard(self, picture_id: str) -> None:
        """Forget a waiting picture (it was cancelled)."""
        for members in self._waiting.values():
            for tickets in members.values():
                for ticket in tickets:
                    if ticket.picture_id == picture_id:
                        self._take(ticket)
                        self._order = None
                        return

    def has(self, picture_id: str) -> bool:
        """Tell whether a picture waits."""
        return any(
            ticket.picture_id == picture_id
            for members in self._waiting.values()
            for tickets in members.values()
            for ticket in tickets
        )

    def position(self, request_id: str) -> int | None:
        """Return the place in the queue of a request's first waiting picture, 1 being the next; None if none waits."""
        if self._order is None:
            self._order = self._foresee()
        return self._order.index(request_id) + 1 if request_id in self._order else None

    def _take(self, ticket: Ticket) -> None:
        members = self._waiting[ticket.guild_id]
        members[ticket.user_id].remove(ticket)
        if not members[ticket.user_id]:
            del members[ticket.user_id]
        if not members:
            del self._waiting[ticket.guild_id]

    def _run(self, ticket: Ticket) -> None:
        self._running[ticket.picture_id] = ticket
        self._counts.update(_counted_by(ticket))
        self._order = None

    def _foresee(self) -> list[str]:
        waiting = {
            guild: {user: deque(tickets) for user, tickets in members.items()}
            for guild, members in self._waiting.items()
        }
        counts = self._counts.copy()
        guild_turn, member_turn = dict(self._guild_turn), dict(self._member_turn)
        order: list[str] = []
        turn = self._turn
        while (ticket := _choose(waiting, counts, guild_turn, member_turn)) is not None:
            members = waiting[ticket.guild_id]
            members[ticket.user_id].popleft()
            if not members[ticket.user_id]:
                del members[ticket.user_id]
            if not members:
                del waiting[ticket.guild_id]
            turn += 1
            guild_turn[ticket.guild_id] = turn
            member_turn[ticket.guild_id, ticket.user_id] = turn
            counts.update(_counted_by(ticket))
            order.append(ticket.request_id)
        return order


def _counted_by(ticket: Ticket) -> tuple[tuple[int, int | None], ...]:
    return (ticket.guild_id, None), (ticket.guild_id, ticket.user_id)


def _choose(
    waiting: dict[int, dict[int, deque[Ticket]]],
    running: _Counts,
    guild_turn: dict[int, int],
    member_turn: dict[tuple[int, int], int],
) -> Ticket | None:
    if not waiting:
        return None
    guild = min(waiting, key=lambda guild: (running[guild, None], guild_turn.get(guild, 0)))
    members = waiting[guild]
    user = min(members, key=lambda user: (running[guild, user], member_turn.get((guild, user), 0)))
    return members[user][0]
