"""The card that asks an operator before a server is paused or may spend less: what comes of it, and the button."""

from __future__ import annotations

import discord

from bot.generations.operator_desk import REASON_LIMIT, Allowance, Asked, ServerStands
from bot.generations.repository import ServerWorkRow
from bot.ui import operator_ids as ids
from bot.ui.card import SLATE, Card, button, fine, gap, lines, row
from bot.ui.operator import Name, allowance_words, server_name
from bot.ui.text import label, plain
from bot.ui.words import counted, grouped, in_credits, relative

_NAME_LIMIT = 40


def asked_card(asked: Asked, name_of: Name) -> Card:
    """Return what a pause or a cut would do, with the button that does it and the one that leaves it."""
    stands, allowance = asked.stands, asked.allowance
    name = server_name(stands.guild_id, name_of)
    short = label(name_of(stands.guild_id) or "this server", _NAME_LIMIT)
    if allowance is None:
        head, said = f"Pause {name}?", _pause_words(asked.work)
        do = f"Pause {short}"
    else:
        head, said = f"Lower what {name} may spend?", _cut_words(stands, allowance, asked.work)
        do = f"Lower it to {in_credits(allowance.credits or 0)}"
    return Card(
        SLATE,
        lines(f"**{head}**", *said),
        gap(),
        fine(
            f"Why: {plain(asked.reason, REASON_LIMIT)}" if asked.reason else None,
            "Nothing has been changed yet. This stands for 15 minutes.",
        ),
        row(
            button(label(do, 80), ids.do(asked.draft_id), style=discord.ButtonStyle.danger),
            button("Leave it as it is", ids.leave(stands.guild_id)),
        ),
    )


def _pause_words(work: ServerWorkRow) -> list[str]:
    said = ["New requests are refused from then on, and cost nothing."]
    if work.waiting:
        them, people = ("it", "its person is") if work.waiting_requests == 1 else ("them", "their people are")
        wait = "waits" if work.waiting_requests == 1 else "wait"
        said.append(
            f"{counted(work.waiting_requests, 'request')} that {wait} ({counted(work.waiting, 'picture')}) "
            f"will be given back: {in_credits(work.waiting_credits)}, and {people} told. "
            f"Resuming does not bring {them} back."
        )
    else:
        said.append("Nothing waits that would have to be given back.")
    if work.submitted:
        go = (
            "is paid for: it goes on and is posted"
            if work.submitted == 1
            else "are paid for: they go on and are posted"
        )
        said.append(f"{counted(work.submitted, 'picture')} at the image service {go}.")
    return said


def _cut_words(stands: ServerStands, allowance: Allowance, work: ServerWorkRow) -> list[str]:
    then, used = allowance.credits or 0, stands.used_credits
    said = [f"{allowance_words(stands.allowance)} → **{allowance_words(allowance)}**"]
    so_far = f"It has used {grouped(used)} this month, which begins anew {relative(stands.resets_at_ms)}"
    if used >= then:
        said.append(f"{so_far}: until then its members are refused.")
    else:
        said.append(f"{so_far}: {in_credits(then - used)} would be left.")
    if work.waiting or work.submitted:
        said.append(f"{counted(work.waiting + work.submitted, 'picture')} in work: what was taken goes on.")
    return said
