"""Who is next: fair between servers and members, and the place that a person is told is true."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bot.generations.queue import FairQueue, Ticket


def ticket(name: str, guild: int = 1, user: int = 1) -> Ticket:
    return Ticket(f"{name}-1", name, guild, user)


def filled(*tickets: Ticket) -> FairQueue:
    queue = FairQueue()
    for each in tickets:
        queue.push(each)
    return queue


def order(queue: FairQueue) -> list[str]:
    names = []
    while (popped := queue.pop()) is not None:
        names.append(popped.request_id)
    return names


def test_one_member_is_served_in_order() -> None:
    assert order(filled(ticket("a"), ticket("b"), ticket("c"))) == ["a", "b", "c"]


def test_a_second_member_does_not_wait_for_all_of_the_first() -> None:
    queue = filled(ticket("a1"), ticket("a2"), ticket("a3"), ticket("b1", user=2))
    assert order(queue) == ["a1", "b1", "a2", "a3"]


def test_a_second_server_does_not_wait_for_all_members_of_the_first() -> None:
    queue = filled(*(ticket(f"a{user}", user=user) for user in range(5)), ticket("b", guild=2, user=9))
    assert order(queue).index("b") == 1


def test_who_has_a_picture_in_work_from_before_a_restart_comes_later() -> None:
    queue = filled(ticket("a2"), ticket("b1", user=2))
    queue.resume(ticket("a1"))
    assert queue.running == 1
    assert order(queue) == ["b1", "a2"]


def test_a_cancelled_one_leaves_the_queue() -> None:
    queue = filled(ticket("a"), ticket("b"))
    assert queue.has("a-1")
    queue.discard("a-1")
    assert not queue.has("a-1")
    assert queue.position("a") is None
    assert queue.position("b") == 1
    assert order(queue) == ["b"]
    queue.discard("b-1")  # it is not there: nothing happens
    assert len(queue) == 0


def test_a_place_comes_free_once() -> None:
    queue = filled(ticket("a"))
    queue.pop()
    assert queue.running == 1
    queue.done("a-1")
    queue.done("a-1")
    assert queue.running == 0
    assert queue.pop() is None


TICKETS = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=30).map(
    lambda pairs: [ticket(f"r{n}", guild, user) for n, (guild, user) in enumerate(pairs)]
)


@given(TICKETS)
def test_everyone_is_served_once_and_in_the_foretold_order(tickets: list[Ticket]) -> None:
    queue = filled(*tickets)
    foretold = sorted(tickets, key=lambda each: queue.position(each.request_id) or 0)
    assert [queue.position(each.request_id) for each in foretold] == list(range(1, len(tickets) + 1))
    assert order(queue) == [each.request_id for each in foretold]
    assert len(queue) == 0


@given(TICKETS, st.integers(1, 4), st.randoms(use_true_random=False))
def test_places_are_shared_evenly_while_there_is_someone_to_share_with(
    tickets: list[Ticket], places: int, rng: object
) -> None:
    """Whoever is popped has no more in work than any other server, or member of it, that waits."""
    queue = filled(*tickets)
    waiting = list(tickets)
    running: list[Ticket] = []
    while waiting:
        while len(running) < places and (popped := queue.pop()) is not None:
            guilds = Counter(each.guild_id for each in running)
            members = Counter((each.guild_id, each.user_id) for each in running)
            assert all(guilds[popped.guild_id] <= guilds[each.guild_id] for each in waiting)
            of_guild = [each for each in waiting if each.guild_id == popped.guild_id]
            mine = members[popped.guild_id, popped.user_id]
            assert all(mine <= members[each.guild_id, each.user_id] for each in of_guild)
            waiting.remove(popped)
            running.append(popped)
        if running:
            ended = running.pop(rng.randrange(len(running)))  # type: ignore[attr-defined]
            queue.done(ended.picture_id)


@given(st.integers(1, 6), st.integers(1, 3))
def test_nobody_starves_beside_a_server_that_never_stops(others: int, places: int) -> None:
    queue = FairQueue()
    for number in range(places + 1):
        queue.push(ticket(f"flood{number}"))
    for number in range(others):
        queue.push(ticket(f"other{number}", guild=10 + number, user=50 + number))
    running: list[Ticket] = []
    served: set[str] = set()
    for step in range(2 * others + places + 2):
        while len(running) < places and (popped := queue.pop()) is not None:
            running.append(popped)
            served.add(popped.request_id)
        queue.push(ticket(f"more{step}"))
        queue.done(running.pop(0).picture_id)
    assert {f"other{number}" for number in range(others)} <= served
