"""Everything about one result, for whoever asks: what it was made of, what it cost, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import discord
from discord import ui

from bot.generations.lineage import own_prompt
from bot.generations.previews import Preview
from bot.generations.repository import BookedRow
from bot.generations.values import PictureView, Relatives, RelativeView, RequestView
from bot.ui import ids
from bot.ui.actions import dimensions
from bot.ui.card import SLATE, TEXT_LIMIT, Card, button, fine, gap, lines, row, select
from bot.ui.fates import absent, at_work, came, fate_lines
from bot.ui.history import preview_text
from bot.ui.kin import A_FORGOTTEN_PICTURE, A_HIDDEN_PICTURE, ARROW, derived_words, message_url, result_link
from bot.ui.text import label, plain, units
from bot.ui.words import BOOKED, counted, day, duration, grouped, in_credits, listed, relative

PROMPT_FILE = "prompt.txt"
"""The whole prompt, attached where the card has no room for it."""

_PROMPT_LIMIT = 1000
_PROMPT_LINES = 20
_PROMPT_BEGINNING = 400
"""Of a prompt that is attached whole."""
_ENTRIES_LISTED = 12
_RELATIVES_LISTED = 8
_RELATIVES_CHOSEN = 25
_RELATIVE_LIMIT = 60
_FILENAME_LIMIT = 40

MaySee = Callable[[RelativeView], bool]


def details_card(
    view: RequestView,
    relatives: Relatives,
    may_see: MaySee,
    *,
    preview: Preview | None = None,
    booked: Sequence[BookedRow] = (),
) -> Card:
    """Return what there is to know of a request; ``may_see`` tells which relatives this person may look at.

    ``booked`` are the entries of its pictures, for whom they were booked alone.
    ``preview`` is attached and shows what it is, so that one sees where one is while walking from one to another.
    A prompt that does not fit is cut; then ``whole_prompt`` is attached as ``PROMPT_FILE``.
    """
    attached = whole_prompt(view) is not None
    about = lines(
        _made(view),
        fine(
            _options(view),
            *_references(view),
            f"style: {plain(view.style, 40)}" if view.style else None,
            *(_picture(picture, several=len(view.pictures) > 1) for picture in came(view)),
            _cost(view),
            _ledger(view, booked),
            " · ".join(part for part in (f"id {view.id}", f"ref {view.reference}", result_link(view)) if part),
        ),
    )
    fates = lines(*fate_lines(view))
    shown = _RELATIVES_LISTED
    kin = _kin(relatives, may_see, shown)
    taken = units(_TITLE) + units(about) + units(fates)
    while shown and TEXT_LIMIT - taken - units(kin) < _PROMPT_LIMIT:
        shown -= 1
        kin = _kin(relatives, may_see, shown)
    room = max(TEXT_LIMIT - taken - units(kin), _PROMPT_BEGINNING)
    prompt = plain(view.prompt, min(room, _PROMPT_BEGINNING if attached else _PROMPT_LIMIT), lines=_PROMPT_LINES)
    head: ui.Item[Any] | str = lines(_TITLE, prompt)
    if preview is not None and preview.path is not None:
        shown_small = ui.Thumbnail[Any](f"attachment://{preview.filename}", description=preview_text(view, preview))
        head = ui.Section(head, accessory=shown_small)
    return Card(
        SLATE,
        head,
        ui.File(f"attachment://{PROMPT_FILE}") if attached else None,
        gap(line=True),
        about,
        fates or None,
        gap(line=True) if kin else None,
        kin or None,
        _go_on(relatives, may_see),
        row(
            button("Again", ids.redo(view.id)) if view.prices else None,
            button("Edit", ids.edit(view.id)) if view.prices and _kept(view) else None,
            button("Remix", ids.remix(view.id)) if view.prices else None,
        ),
    )


def whole_prompt(view: RequestView) -> str | None:
    """Return the prompt where the card shows only its beginning."""
    long = units(view.prompt) > _PROMPT_LIMIT // 2 or view.prompt.count("\n") >= _PROMPT_LINES
    return view.prompt if long else None


def maker_card(view: RequestView) -> Card:
    """Return who asked for a public picture."""
    how = ""
    if view.parent is not None:
        how = f" It is {derived_words(view.parent.derived_as, view.parent.position)} of an earlier picture."
        if view.parent.position is not None and view.parent.position > 1:
            how = f" It is {derived_words(view.parent.derived_as, view.parent.position)} of an earlier result."
    return Card(SLATE, f"<@{view.user_id}> made this {relative(view.created_at_ms)}.{how}")


_TITLE = "**Details**"


def _made(view: RequestView) -> str:
    seen = "for their eyes only" if view.private else None
    finished = [picture.finished_at_ms for picture in came(view) if picture.finished_at_ms is not None]
    took = f"took {duration((max(finished) - view.created_at_ms) / 1000)}" if finished else None
    asked = f"asked for by <@{view.user_id}> {relative(view.created_at_ms)}, {day(view.created_at_ms)}"
    return "-# " + " · ".join(part for part in (asked, took, seen) if part)


def _options(view: RequestView) -> str:
    named = [f"{name.replace('_', ' ')} {plain(value, 20)}" for name, value in view.options.items()]
    return " · ".join([plain(view.model_label, 40), *named, counted(len(view.pictures), "picture")])


def _references(view: RequestView) -> list[str]:
    in_order = sorted(view.references, key=lambda image: image.position)
    gone = [str(image.position) for image in in_order if not image.kept]
    named = " · ".join(f"image {image.position}: {plain(image.filename, _FILENAME_LIMIT)}" for image in in_order)
    if not named:
        return []
    if not gone:
        return [named]
    if len(gone) == len(in_order):
        return [f"{named} (no longer kept)"]
    return [f"{named} (no longer kept: image{'s' if len(gone) > 1 else ''} {listed(gone)})"]


def _picture(picture: PictureView, *, several: bool) -> str:
    cost = in_credits(picture.charged_credits) if picture.charged_credits else "free"
    kept = None if picture.path is not None else "no longer kept"
    parts = (f"picture {picture.position}" if several else None, dimensions(picture), cost if several else None, kept)
    return " · ".join(part for part in parts if part)


def _cost(view: RequestView) -> str:
    parts = [f"{in_credits(view.charged_credits)} charged" if view.charged_credits else "nothing charged"]
    if view.held_credits:
        parts.append(f"{grouped(view.held_credits)} on hold")
    if at_work(view):
        parts.append("in work")
    elif absent(view) and not came(view):
        parts.append("no picture came")
    return " · ".join(parts)


def _ledger(view: RequestView, booked: Sequence[BookedRow]) -> str | None:
    """Return by which entries of the ledger a request was paid: "ledger: #12 held, #15 charged"."""
    # Corrections are between the operator and the service: they stand in no member's account.
    theirs = [entry for entry in booked if entry.kind in BOOKED]
    shown = theirs[-_ENTRIES_LISTED:]
    parts = []
    for picture in view.pictures:
        named = ", ".join(f"#{entry.id} {BOOKED[entry.kind]}" for entry in shown if entry.picture_id == picture.id)
        if named:
            parts.append(f"picture {picture.position}: {named}" if len(view.pictures) > 1 else named)
    if not parts:
        return None
    older = (
        f"{counted(len(theirs) - len(shown), 'older entry', 'older entries')} · " if len(shown) < len(theirs) else ""
    )
    return f"ledger: {older}{' · '.join(parts)}"


# --- the tree ---


def _kin(relatives: Relatives, may_see: MaySee, most: int) -> str:
    found = []
    if relatives.parent is not None:
        parent = relatives.parent
        found.append(f"**Came of** {_named(parent, may_see)}, as {derived_words(parent.derived_as, parent.position)}")
    children = relatives.children
    if children:
        shown = children[len(children) - most :] if most < len(children) else children
        found.append(
            f"**{counted(len(children), 'picture')} came of it**" if len(children) > 1 else "**One came of it**"
        )
        found += [f"· {derived_words(child.derived_as, child.position)}: {_named(child, may_see)}" for child in shown]
        if len(shown) < len(children):
            found.append(f"-# and {grouped(len(children) - len(shown))} older ones")
    return lines(*found)


def _named(relative_view: RelativeView, may_see: MaySee) -> str:
    if not relative_view.prompt:
        return A_FORGOTTEN_PICTURE
    if not may_see(relative_view):
        return A_HIDDEN_PICTURE
    url = message_url(relative_view)
    link = f" [{ARROW}]({url})" if url is not None and relative_view.removed_by is None else ""
    return f"“{plain(own_prompt(relative_view), _RELATIVE_LIMIT)}”{link}"


def _go_on(relatives: Relatives, may_see: MaySee) -> ui.ActionRow[Any] | None:
    options: list[discord.SelectOption] = []
    parent = relatives.parent
    if parent is not None and may_see(parent):
        options.append(_option(parent, "What it came of"))
    visible = [child for child in relatives.children if may_see(child)]
    newest = visible[-(_RELATIVES_CHOSEN - len(options)) :]
    options += [_option(child, derived_words(child.derived_as, child.position)) for child in newest]
    return select("Go on to …", ids.tree(), options) if options else None


def _option(relative_view: RelativeView, how: str) -> discord.SelectOption:
    return discord.SelectOption(
        label=label(own_prompt(relative_view), 100), value=relative_view.id, description=label(how, 100)
    )


def _kept(view: RequestView) -> Sequence[PictureView]:
    return [picture for picture in came(view) if picture.path is not None]
