"""What came of it, by the books of those who can't be fooled: Rivya's, the wire's, and the audit's."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass, field

from bot.sandbox.wire import MessageRecord
from tests.crash.world import Ask, World


@dataclass
class Verdict:
    """What was counted over many requests. Everything but the first four and ``doubled`` has to be 0."""

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
    otherwise: int = 0
    """What became of a request is not what was expected of it, or its fault did not strike: the table is wrong."""
    doubled: int = 0
    """Pictures that the provider made and charged twice, to the operator: only where it forgets keys."""
    outcomes: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    """What people did in storms, by kind."""
    complaints: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    """The points that an undisturbed request passes, in order."""

    def add(self, other: Verdict) -> None:
        """Take in another's counts."""
        for name in (*_FAULTS, "points", "rounds", "kills", "not_reached", "doubled"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.outcomes += other.outcomes
        self.deeds += other.deeds
        self.complaints += other.complaints

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not any(getattr(self, name) for name in _FAULTS)

    @property
    def reached(self) -> bool:
        """Whether the bot did die at the points where it was to, but for a few that not every round passes."""
        return self.not_reached <= self.points * 0.2 + 1

    def complain(self, fault: str, ask: Ask, words: str) -> None:
        """Count a broken promise."""
        setattr(self, fault, getattr(self, fault) + 1)
        where = f" killed at {ask.point}" if ask.point else ""
        self.complaints.append(f"{fault}: {ask.prompt!r}{where}: {words}")


_FAULTS = ("lost", "duplicated", "double_charged", "holds_left", "silent", "unclean", "otherwise")


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
    strange = [
        task.prompt for task in world.rivya.books.tasks if not any(ask.is_painted_by(task.prompt) for ask in world.asks)
    ]
    verdict.unclean += len(strange)
    verdict.complaints += [f"unclean: nobody asked for {prompt!r}" for prompt in strange]


def _judge_one(world: World, ask: Ask, verdict: Verdict, *, doubt: bool, doubles: bool) -> str:
    others = _others_with_its_words(world, ask)
    tasks = [
        task
        for task in world.rivya.books.tasks
        if ask.is_painted_by(task.prompt) and (task.client_request_id or "").partition("-")[0] not in others
    ]
    charges = {charge.task_id: charge.credits for charge in world.rivya.books.charges}
    charged = sum(charges.get(task.id, 0) for task in tasks)
    messages = [
        message
        for message in world.wire.books.messages.values()
        if message.author_id == world.wire.bot_id
        and message.shown_ms
        and _speaks_of(message, ask.prompt)
        and not any(shows_a_picture_of(message, other) for other in others)
    ]
    files = sum(file.is_picture for message in messages for file in message.files)
    row = world.row_of(ask)
    outcome = outcome_of(world, ask)
    if ask.expected and outcome != ask.expected:
        shown = world.answer_to(ask)
        card = shown.text if shown is not None else "no message"
        verdict.complain("otherwise", ask, f"{outcome}, where {ask.expected} was expected: {card!r}")
    if isinstance(ask.source, MessageRecord) and len(world.replies_to(ask.source)) > 1:
        verdict.complain("duplicated", ask, "more than one reply to one mention")
    if row is None or row["state"] == "void":
        if tasks:
            verdict.complain("double_charged", ask, f"{len(tasks)} tasks for what was never taken")
        if messages:
            verdict.complain("duplicated", ask, "a picture for what was never taken")
        if row is not None and world.owes_a_word(ask) and not world.void_was_said(ask):
            verdict.complain("silent", ask, "acknowledged, given back, and never told")
        return outcome

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

    hidden = ask.expected == outcome and row["delivery"] in {"kept", "withdrawn"}
    hidden = hidden or (ask.taken_away and row["delivery"] == "withdrawn")
    if not (hidden or row["delivery"] == "shown") or not world.at_rest(ask):
        verdict.complain("lost", ask, f"stuck: {row['state']}, {dict(states)}, delivery {row['delivery']}")
    if len(messages) > 1:
        verdict.complain("duplicated", ask, f"{len(messages)} messages with pictures")
    elif files > came:
        verdict.complain("duplicated", ask, f"{files} pictures posted, {came} made")
    if hidden:
        missing = [picture["id"] for picture in pictures if not _is_kept(world, picture)]
        if missing:
            verdict.complain("lost", ask, f"neither shown nor kept: {missing}")
    elif files < came:
        verdict.complain("lost", ask, f"{files} pictures posted, {came} made")
    if captured != came * price:
        verdict.complain("double_charged", ask, f"the member paid {captured} for {came} pictures")
    elif not doubles and twice:
        verdict.complain("double_charged", ask, f"tasks by picture: {twice}")
    elif not doubles and not given_up and captured != charged:
        verdict.complain("double_charged", ask, f"the member paid {captured}, the provider took {charged}")
    if max(made.values(), default=0) > 2:  # a kill leaves one call unanswered
        verdict.complain("double_charged", ask, f"tasks by picture: {twice}")
    as_expected = bool(ask.expected) and outcome == ask.expected
    if not doubt and given_up and not as_expected:
        verdict.complain("lost", ask, f"{given_up} given up")
    if states["failed"] and not as_expected:
        verdict.complain("lost", ask, f"failed: {[picture['failure_code'] for picture in pictures]}")
    if any(made[picture["id"]] for picture in pictures if picture["state"] == "cancelled"):
        verdict.complain("double_charged", ask, "cancelled, and made nevertheless")
    if not came and not _told_of_the_end(world, ask):
        verdict.complain("silent", ask, "no picture and no card that says so")
    verdict.doubled += sum(times - 1 for times in made.values())
    return outcome


def outcome_of(world: World, ask: Ask) -> str:
    """Say what became of a request: "1 failed (rate_limited) + 1 fetched", "1 fetched, kept", "void", "refused"."""
    row = world.row_of(ask)
    if row is None:
        return "refused" if world.refused(ask) else "never arrived"
    if row["state"] == "void":
        return "void"
    pictures = world.rows("SELECT * FROM pictures WHERE request_id = ?", row["id"])
    ends = Counter(
        picture["state"] + (f" ({picture['failure_code']})" if picture["state"] in {"failed", "lost"} else "")
        for picture in pictures
    )
    words = " + ".join(f"{times} {end}" for end, times in sorted(ends.items()))
    return words if row["delivery"] == "shown" else f"{words}, {row['delivery']}"


def shows_a_picture_of(message: MessageRecord, request_id: str) -> bool:
    """Tell whether a message shows, or once showed, a picture of that request."""
    return any(f"-{request_id[-6:]}-" in file.filename for version in message.versions for file in version.files)


def _others_with_its_words(world: World, ask: Ask) -> set[str]:
    """Return the ids of other requests with the same prompt: Again is one."""
    same = [other for other in world.asks if other is not ask and other.prompt == ask.prompt]
    return {row["id"] for row in map(world.row_of, same) if row is not None}


def _is_kept(world: World, picture: sqlite3.Row) -> bool:
    return picture["state"] != "fetched" or bool(picture["path"] and (world.folder / picture["path"]).is_file())


def _speaks_of(message: MessageRecord, prompt: str) -> bool:
    return any(prompt in version.text for version in message.versions)


def _told_of_the_end(world: World, ask: Ask) -> bool:
    words = ("No picture", "Cancelled", "cancelled", "I can't tell whether")
    return any(
        message.deleted_ms is None and ask.prompt in message.text and any(word in message.text for word in words)
        for message in world.wire.books.messages.values()
    )
