"""The cards of the operator's desk: how everything stands, servers, what was borne, the log, the forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.generations.operator_desk import REASON_LIMIT, Allowance, DeskStands, Gate, ServerStands
from bot.generations.outlook import Outlook
from bot.generations.repository import BookRow, OperatorLogRow
from bot.ui import operator_ids as ids
from bot.ui.card import BANANA, EMBER, SLATE, Card, bar, button, fine, gap, lines, row, select
from bot.ui.form import Form
from bot.ui.kin import url_of
from bot.ui.notices import days_words, pace_words, why_closed, why_unread
from bot.ui.text import label, plain
from bot.ui.words import counted, grouped, in_credits, relative

Name = Callable[[int], str | None]
"""A server's own name, None where the bot is not."""

SERVERS_PAGE: Final = 8
_SHOWN: Final = 5
_NAME_LIMIT: Final = 40
_GONE: Final = "a server that I am not in"
_REASONS: Final = {
    "price above the one shown": "the price was above the one shown",
    "overdue": "it had not come after a day",
    "create_unknown": "it never became known whether it was made",
    "result_gone": "it was made, but could not be obtained",
    "result_too_large": "it was made, but is larger than can be stored",
    "damaged_result": "it was made, but what came was damaged",
}


def server_name(guild_id: int, name_of: Name) -> str:
    """Return a server's name, made inert; servers that the bot is not in have their id."""
    name = name_of(guild_id)
    return plain(name, _NAME_LIMIT) if name is not None else f"{_GONE} (`{guild_id}`)"


# --- how everything stands ---


def status_card(stands: DeskStands, name_of: Name) -> Card:
    """Return the first card: credits, pace, gate, what is in work, what was borne, who spends."""
    outlook, gate, desk = stands.outlook, stands.gate, stands.desk
    head, rest = _headline(outlook, gate)
    paused = _paused_line(stands.servers, name_of)
    return Card(
        EMBER if gate.closed_code is not None or (outlook.free_credits or 0) <= 0 else BANANA,
        lines(f"**{head}**", rest),
        fine(*_readings(outlook, gate)) or None,
        gap(line=True),
        lines(
            f"**In work** · {_in_work(desk.running, desk.waiting)} · {in_credits(desk.on_hold)} on hold",
            _late(stands),
            *_borne(stands.borne),
        ),
        gap(),
        lines("**Servers this month, in credits**", *_spenders(stands.servers, name_of)),
        gap() if paused else None,
        paused,
        row(
            button("Read again", ids.read_again(), style=discord.ButtonStyle.primary),
            button("Servers", ids.servers(1)),
            button("Books", ids.books(1)),
            button("Log", ids.log(1)),
        ),
    )


def _headline(outlook: Outlook, gate: Gate) -> tuple[str, str | None]:
    if gate.closed_code is not None:
        reason, advice = why_closed(gate.closed_code)
        since = f"Nothing is submitted since {relative(gate.closed_since_ms)}." if gate.closed_since_ms else None
        return f"{reason}.", lines(since, advice)
    if outlook.free_credits is None:
        return "The account has not been read yet.", "Submission is open."
    left = in_credits(max(outlook.free_credits, 0))
    days = outlook.days_left
    return (f"{left}, for {days_words(days)}" if days is not None else f"{left} left"), "Submission is open."


def _readings(outlook: Outlook, gate: Gate) -> list[str]:
    said = []
    if outlook.read_credits is not None and outlook.read_at_ms is not None:
        promised = outlook.read_credits - (outlook.free_credits or 0)
        less = f"; {grouped(promised)} of them are promised" if promised else ""
        said.append(f"{in_credits(outlook.read_credits)} read {relative(outlook.read_at_ms)}{less}.")
    if outlook.pace_credits_per_day:
        said.append(f"{pace_words(outlook.pace_credits_per_day, outlook.pace_days)}.")
    else:
        said.append("Nothing was spent in the last 7 days, so I can't say how long it lasts.")
    if gate.unread_code is not None and gate.unread_code != gate.closed_code:
        said.append(f"The last reading failed: {why_unread(gate.unread_code)}.")
    if gate.next_read_at_ms is not None:
        said.append(f"Asked again {relative(gate.next_read_at_ms)}.")
    return said


def _in_work(running: int, waiting: int) -> str:
    if not running and not waiting:
        return "nothing"
    return f"{counted(running, 'picture')} running, {grouped(waiting)} waiting"


def _late(stands: DeskStands) -> str | None:
    desk = stands.desk
    if not desk.late:
        return None
    since = f", the oldest sent {relative(desk.late_since_ms)}" if desk.late_since_ms is not None else ""
    reference = f" · ref {desk.late_request_id[-6:]}" if desk.late_request_id is not None else ""
    return f"**Late** · {counted(desk.late, 'picture')}{since}{reference}"


def _borne(borne: Mapping[str, tuple[int, int]]) -> list[str]:
    said = []
    for kind, title in (("variance", "Variance"), ("loss", "Loss")):
        month, ever = borne.get(kind, (0, 0))
        said.append(f"**{title}** · {grouped(month)} this month, {grouped(ever)} ever")
    return said


def _spenders(servers: Sequence[ServerStands], name_of: Name) -> list[str]:
    shown = [one for one in servers if one.used_credits][:_SHOWN]
    said = [f"{server_name(one.guild_id, name_of)} · {_used(one)}" for one in shown]
    return said or ["No server has spent anything yet."]


def _paused_line(servers: Sequence[ServerStands], name_of: Name) -> str | None:
    paused = [one for one in servers if one.paused_at_ms is not None]
    if not paused:
        return None
    names = ", ".join(server_name(one.guild_id, name_of) for one in paused[:_SHOWN])
    more = f" and {len(paused) - _SHOWN} more" if len(paused) > _SHOWN else ""
    return f"**Paused** · {names}{more}"


def _used(one: ServerStands) -> str:
    of = f" of {grouped(one.allowance.credits)}" if one.allowance.credits is not None else ""
    return f"{grouped(one.used_credits)}{of}"


# --- servers ---


def servers_card(servers: Sequence[ServerStands], page: int, name_of: Name, *, default_credits: int | None) -> Card:
    """Return a page (1 is the first) of all servers, with a select to look at one of them."""
    pages = max(-(-len(servers) // SERVERS_PAGE), 1)
    page = min(max(page, 1), pages)
    shown = servers[(page - 1) * SERVERS_PAGE : page * SERVERS_PAGE]
    return Card(
        BANANA if shown else SLATE,
        lines(
            f"**{counted(len(servers), 'server')}**" if servers else "**No servers yet.**",
            fine(
                "What each spent this month, in credits, of what it may.",
                f"Where nothing is set: {allowance_words(Allowance(own=False, credits=default_credits))}.",
            ),
        ),
        gap() if shown else None,
        lines(*(_server_line(one, name_of) for one in shown)) or None,
        select(
            "Look at a server …",
            ids.pick(),
            [
                discord.SelectOption(
                    label=label(name_of(one.guild_id) or "Not there any more", 100),
                    value=str(one.guild_id),
                    description=label(f"{_used(one)} credits this month{' · paused' if one.paused_at_ms else ''}", 100),
                )
                for one in shown
            ],
        )
        if shown
        else None,
        _pager(page, pages, ids.servers),
        row(button("Status", ids.status())),
    )


def _server_line(one: ServerStands, name_of: Name) -> str:
    marks = [_used(one)]
    if one.allowance.own:
        marks.append("its own allowance")
    if one.paused_at_ms is not None:
        marks.append("**paused**")
    return f"{server_name(one.guild_id, name_of)}\n{fine(' · '.join(marks))}"


def server_card(stands: ServerStands, name_of: Name, *, default_credits: int | None, said: str | None = None) -> Card:
    """Return one server: allowance, used, pause, its last changes; with what can be changed."""
    allowance, paused = stands.allowance, stands.paused_at_ms is not None
    share = stands.used_credits / allowance.credits if allowance.credits else None
    return Card(
        SLATE if paused else BANANA,
        lines(f"**{server_name(stands.guild_id, name_of)}**", said),
        lines(
            f"{_used(stands)} credits this month",
            bar(share) if share is not None else None,
            f"{_left(stands)} Begins anew {relative(stands.resets_at_ms)}.",
        ),
        gap(),
        lines(
            f"**Allowance** · {allowance_words(allowance)}",
            fine(f"Without it: {allowance_words(Allowance(own=False, credits=default_credits))}.")
            if allowance.own
            else None,
            f"**Paused** {relative(stands.paused_at_ms or 0)}{_why(stands.pause_reason)}"
            if paused
            else "**Not paused**",
            fine("New requests are refused and cost nothing. What was submitted goes on.") if paused else None,
        ),
        gap(line=True) if stands.changes else None,
        fine(*(_change(line) for line in stands.changes)) or None,
        fine(f"id {stands.guild_id}"),
        row(
            button("Set allowance", ids.allow(stands.guild_id), style=discord.ButtonStyle.primary),
            button("Resume", ids.resume(stands.guild_id), style=discord.ButtonStyle.success)
            if paused
            else button("Pause", ids.pause(stands.guild_id)),
            button("Servers", ids.servers(1)),
            button("Status", ids.status()),
        ),
    )


def allowance_words(allowance: Allowance) -> str:
    """Return what a server may spend: "4,000 credits a month, the setting's"."""
    amount = "no limit" if allowance.credits is None else f"{in_credits(allowance.credits)} a month"
    return f"{amount}, {'its own' if allowance.own else 'as GUILD_CREDITS_PER_MONTH says'}"


def _left(stands: ServerStands) -> str:
    if stands.left_credits is None:
        return "No limit."
    return f"{in_credits(stands.left_credits)} left."


def _why(reason: str | None) -> str:
    return f": {plain(reason, REASON_LIMIT)}" if reason else ""


# --- books and log ---


def books_card(
    shown: Sequence[BookRow], page: int, pages: int, borne: Mapping[str, tuple[int, int]], name_of: Name
) -> Card:
    """Return a page of what the operator bore, newest first."""
    return Card(
        BANANA if not shown else SLATE,
        lines(
            "**What you bore**" if shown else "**You bore nothing so far.**",
            *_borne(borne),
            fine(
                "Variance: the image service took more than was shown. Loss: paid for, and never obtained; the member "
                "paid nothing."
            ),
        ),
        *(part for one in shown for part in (gap(), _book_entry(one, name_of))),
        _pager(page, pages, ids.books, newest_first=True),
        row(button("Status", ids.status())),
    )


def _book_entry(one: BookRow, name_of: Name) -> str:
    reason = plain(_REASONS.get(one.reason, one.reason.replace("_", " ")), 120)
    where = traced = None
    if one.request_id is not None:
        where = server_name(one.guild_id, name_of) if one.guild_id is not None else "personal use"
        traced = f"ref {one.request_id[-6:]}, picture {one.position}"
        if one.message_id is not None:
            traced += f" · [message]({url_of(one.guild_id, one.channel_id, one.message_id)})"
    return lines(
        f"**{in_credits(one.amount_credits)}** · {one.kind} · {reason}",
        fine(" · ".join(part for part in (f"#{one.id}", relative(one.created_at_ms), where, traced) if part)),
    )


def operator_log_card(shown: Sequence[OperatorLogRow], page: int, pages: int, name_of: Name) -> Card:
    """Return a page of the log, newest first."""
    return Card(
        BANANA if shown else SLATE,
        "**Who changed what**" if shown else "**Nothing was changed yet.**",
        *(
            part
            for line in shown
            for part in (gap(), lines(f"**{server_name(line.guild_id, name_of)}**", fine(_change(line))))
        ),
        _pager(page, pages, ids.log, newest_first=True),
        row(button("Status", ids.status())),
    )


def _change(line: OperatorLogRow) -> str:
    before, after = json.loads(line.value_before), json.loads(line.value_after)
    match line.action:
        case "pause":
            what = "paused"
        case "resume":
            what = "resumed"
        case _:
            what = f"allowance {_plain_allowance(before)} → {_plain_allowance(after)}"
    why = f": {plain(line.reason, 120)}" if line.reason else ""
    return f"#{line.id} · {what} by <@{line.operator_id}> {relative(line.created_at_ms)}{why}"


def _plain_allowance(values: Mapping[str, Any]) -> str:
    if not values["own"]:
        return "the setting's"
    return "no limit" if values["credits"] is None else grouped(int(values["credits"]))


def changed_words(line: OperatorLogRow, *, repeated: bool) -> str:
    """Return what was changed, for the card that shows how it stands then."""
    if repeated:
        return "This was done already."
    return {
        "pause": "Paused. What waited unsubmitted is given back, and its people are told.",
        "resume": "Resumed. Requests are taken again.",
    }.get(line.action, "The allowance is set. It holds for every request from now on.")


# --- forms ---


def allowance_form(stands: ServerStands, name: str) -> Form:
    """Return the form of a server's allowance."""
    allowance = stands.allowance
    now = "default" if not allowance.own else "unlimited" if allowance.credits is None else str(allowance.credits)
    return Form(
        label(f"Allowance of {name}", 45),
        ids.allow_form(stands.guild_id),
        ui.Label(
            text="Credits a month",
            description="A number, or: default, unlimited.",
            component=ui.TextInput(custom_id="credits", default=now, max_length=20),
        ),
        _reason("Why; it stands in the log."),
    )


def pause_form(guild_id: int, name: str) -> Form:
    """Return the form that pauses a server."""
    return Form(
        label(f"Pause {name}", 45),
        ids.pause_form(guild_id),
        _reason("Why; it stands in the log, and members don't see it."),
    )


def _reason(description: str) -> ui.Label[Any]:
    return ui.Label(
        text="Reason",
        description=description,
        component=ui.TextInput(custom_id="reason", required=False, max_length=REASON_LIMIT),
    )


def _pager(page: int, pages: int, id_of: Callable[[int], str], *, newest_first: bool = False) -> Any:
    if pages == 1:
        return None
    back, on = ("Newer", "Older") if newest_first else ("Back", "More")
    return row(
        button(back, id_of(max(page - 1, 1)), disabled=page <= 1),
        button(f"{page} of {pages}", f"{id_of(page)}:here", disabled=True),
        button(on, id_of(min(page + 1, pages)), disabled=page >= pages),
    )
