"""All rows of the fault table, and the choice of them that runs in ``make test``."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from tests.faults import discord_rows, mention_rows, rivya_rows, trouble_rows, way_rows
from tests.faults.rows import Group

GROUPS: tuple[Group, ...] = (
    *rivya_rows.GROUPS,
    *discord_rows.GROUPS,
    *mention_rows.GROUPS,
    *trouble_rows.GROUPS,
    *way_rows.GROUPS,
)

_AT_EACH_CALL = ("error 400", "error 429", "error 500", "bare 502, done", "lost after", "malformed")
_SHORT = {
    **{
        f"Rivya {route}": tuple(f"{route} {name}" for name in _AT_EACH_CALL) for route in ("upload", "status", "result")
    },
    "Rivya create": (),
    "Rivya tasks": (),
    "Rivya account": (
        "create error 402",
        "upload error 403",
        "status error 401",
        "key revoked, then restored",
        "account empty, then filled",
    ),
    "Rivya for a while": (),
    "Rivya time-outs": ("create time-out",),
    "Rivya at the start": (
        "credits and models error 503",
        "credits and models error 401",
        "credits and models lost after, six times",
    ),
    "Discord acknowledgement": (
        "callback 500, done",
        "callback 500 five times, done",
        "callback reset",
        "callback reset, done",
        "get_original 500 five times",
    ),
    "Discord public": (
        "first card, edit_original reset",
        "card, edit 502",
        "result, edit 429",
        "result, edit 500 five times, done",
        "result, edit reset, done",
        "result by the interaction's token, edit_original reset, done",
    ),
    "Discord mentions": ("get_permissions reset twice", "get_message reset twice"),
    "Discord private": ("private card, edit_original 500", "private result, edit_original reset, done"),
    "Discord attachments": ("attachment 500", "attachment 404"),
    "Discord own message": ("send 500 five times, done", "send reset, done", "send lost, searched for", "history 500"),
    "Discord direct": ("open_dm reset", "send to a direct channel reset, done"),
    "Discord deletion": ("delete 500", "delete reset"),
    "Discord ping": ("ping, send 500", "private ping, send reset, done"),
    "Discord time-outs": ("callback time-out, done", "card, edit time-out"),
    "Ways, acknowledgement": (
        "form, callback reset, done",
        "refusal, callback reset, done",
        "menu, opening its form, callback reset",
        "rewriting, callback reset, done",
        "mention, reply reset, done",
    ),
    "Ways, time-outs at the acknowledgement": ("mention, reply time-out, done",),
    "Ways, posting": (
        "button, result, edit reset, done",
        "mention, own message, send reset, done",
        "question, own message, send reset, done",
        "question, taking it away from the channel 403/50013",
    ),
    "Ways, create": ("menu, create lost after", "confirmation, create bare 502, done"),
    "Trouble with rights": (
        "Attach Files taken away (50013)",
        "View Channel taken away, token dead, direct messages closed",
        "channel deleted (10003)",
        "channel deleted before there is a card",
        "private, channel deleted",
        "message deleted (10008)",
        "private, token dead (50027)",
        "bot removed from the server, token dead",
    ),
    "Trouble with acknowledging": ("acknowledged too late (10062)",),
    "Trouble with notices": ("notice of a kept picture, followup reset",),
    "Trouble with the connection": ("gateway drop", "gateway op 7", "gateway op 9", "outage"),
    "Trouble with the token": ("bot's token refused for a while (401)", "gateway closes for the bot's token (4004)"),
    "Trouble with size": ("result too large once (413/40005)",),
    "Trouble at the start": ("login reset", "application 500"),
    "Trouble at the first start": ("commands reset",),
}
"""By group; an empty choice is all of its rows. What takes long waits is left to the long form."""
_ROWS_IN_A_WORLD = 14


def short_form() -> list[Group]:
    """Return the short form, with groups that are alike put together, in parts for several workers."""
    chosen = [_chosen(group) for group in GROUPS if group.name in _SHORT]
    parts: list[Group] = []
    for _, found in groupby(sorted(chosen, key=_likeness), key=_likeness):
        alike = list(found)
        rows = tuple(row for group in alike for row in group.rows)
        names = "faults" if len(alike) > 1 else alike[0].name
        whole = replace(alike[0], name=names, rows=rows)
        of = -(-len(rows) // _ROWS_IN_A_WORLD)
        parts += [whole.part(number, of) for number in range(of)]
    return parts


def _chosen(group: Group) -> Group:
    names = _SHORT[group.name]
    return group.only(*names) if names else group


def _likeness(group: Group) -> str:
    return repr((group.speed, group.pace, group.fresh, group.variants, group.settings, group.rules))
