"""What came of it, by the books of those who can't be fooled: Rivya's, the wire's, and the audit's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.crash.world import Ask, World


@dataclass
class Verdict:
    """What was counted over many requests. Everything but ``points``, ``rounds`` and ``doubled`` has to be 0."""

    points: int = 0
    rounds: int = 0
    kills: int = 0
    not_reached: int = 0
    lost: int = 0
    duplicated: int = 0
    double_charged: int = 0
    holds_left: int = 0
    silent: int = 0
    unclean: int = 0
    doubled: int = 0
    """Pictures that the provider made and charged twice, to the operator: only where it forgets keys."""
    outcomes: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    """The points that an undisturbed request passes, in order."""

    def add(self, other: Verdict) -> None:
        """Take in another's counts."""
        for name in (*_FAULTS, "points", "rounds", "kills", "not_reached", "doubled"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.outcomes += other.outcomes
        self.complaints += other.complaints

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not any(getattr(self, name) for name in _FAULTS)

    def complain(self, fault: str, ask: Ask, words: str) -> None:
        """Count a broken promise."""
        setattr(self, fault, getattr(self, fault) + 1)
        self.complaints.append(f"{fault}: {ask.prompt!r} killed at {ask.point or 'no point'}: {words}")


_FAULTS = ("lost", "duplicated", "double_charged", "holds_left", "silent", "unclean")


async def judge(world: World, verdict: Verdict, *, doubt: bool, doubles: bool) -> None:
    """Judge every ask of a world that is at rest, and its books as a whole."""
    for ask in world.asks:
        verdict.outcomes[_judge_one(world, ask, verdict, doubt=doubt, doubles=doubles)] += 1
    report = await world.audit()
    verdict.holds_left += report.open_holds
    verdict.unclean += len(report.findings)
    verdict.complaints += [f"audit: {finding.code} {finding.sentence}" for finding in report.findings]
    if report.open_holds:
        verdict.complaints.append(f"holds_left: {report.open_holds} ({report.on_hold_credits} credits)")
    known = {ask.prompt for ask in world.asks}
    verdict.unclean += sum(task.prompt not in known for task in world.rivya.books.tasks)


def _judge_one(world: World, ask: Ask, verdict: Verdict, *, doubt: bool, doubles: bool) -> str:
    tasks = [task for task in world.rivya.books.tasks if task.prompt == ask.prompt]
    charges = {charge.task_id: charge.credits for charge in world.rivya.books.charges}
    charged = sum(charges.get(task.id, 0) for task in tasks)
    messages = [
        message
        for message in world.wire.books.messages.values()
        if message.author_id == world.wire.bot_id and message.shown_ms and _speaks_of(message, ask.prompt)
    ]
    files = sum(file.is_picture for message in messages for file in message.files)
    row = world.row_of(ask)
    if row is None or row["state"] == "void":
        if tasks:
            verdict.complain("double_charged", ask, f"{len(tasks)} tasks for what was never taken")
        if messages:
            verdict.complain("duplicated", ask, "a picture for what was never taken")
        if row is not None and ask.interaction.acknowledged_ms and not world.void_was_said(ask):
            verdict.complain("silent", ask, "acknowledged, given back, and never told")
        return "void" if row is not None else "never arrived"

    pictures = world.rows("SELECT * FROM pictures WHERE request_id = ? ORDER BY position", row["id"])
    states = Counter(picture["state"] for picture in pictures)
    captured = world.rows(
        "SELECT coalesce(sum(e.amount_credits), 0) AS sum FROM entries e JOIN pictures p ON p.id = e.picture_id"
        " WHERE e.kind = 'capture' AND p.request_id = ?",
        row["id"],
    )[0]["sum"]
    came, given_up = states["fetched"], states["lost"] + states["unknown"]
    price = pictures[0]["price_credits"]
    made = Counter(task.client_request_id for task in tasks)
    twice = {picture: times for picture, times in made.items() if times > 1}

    if row["delivery"] not in {"shown"} or not world.at_rest(ask):
        verdict.complain("lost", ask, f"stuck: {row['state']}, {dict(states)}, delivery {row['delivery']}")
    if len(messages) > 1:
        verdict.complain("duplicated", ask, f"{len(messages)} messages with pictures")
    elif files > came:
        verdict.complain("duplicated", ask, f"{files} pictures posted, {came} made")
    if files < came:
        verdict.complain("lost", ask, f"{files} pictures posted, {came} made")
    if captured != came * price:
        verdict.complain("double_charged", ask, f"the member paid {captured} for {came} pictures")
    elif not doubles and twice:
        verdict.complain("double_charged", ask, f"tasks by picture: {twice}")
    elif not doubles and not given_up and captured != charged:
        verdict.complain("double_charged", ask, f"the member paid {captured}, the provider took {charged}")
    if max(made.values(), default=0) > 2:  # a kill leaves one call unanswered
        verdict.complain("double_charged", ask, f"tasks by picture: {twice}")
    if not doubt and given_up:
        verdict.complain("lost", ask, f"{given_up} given up")
    if states["failed"]:
        verdict.complain("lost", ask, f"failed: {[picture['failure_code'] for picture in pictures]}")
    if any(made[picture["id"]] for picture in pictures if picture["state"] == "cancelled"):
        verdict.complain("double_charged", ask, "cancelled, and made nevertheless")
    if not came and not _told_of_the_end(world, ask):
        verdict.complain("silent", ask, "no picture and no card that says so")
    verdict.doubled += sum(times - 1 for times in made.values())
    return " + ".join(f"{times} {state}" for state, times in sorted(states.items()))


def _speaks_of(message: object, prompt: str) -> bool:
    return any(prompt in version.text for version in message.versions)  # type: ignore[attr-defined]


def _told_of_the_end(world: World, ask: Ask) -> bool:
    words = ("No picture", "Cancelled", "cancelled")
    return any(
        message.deleted_ms is None and ask.prompt in message.text and any(word in message.text for word in words)
        for message in world.wire.books.messages.values()
    )
