"""The forms: change a picture, remix it, use it as a reference, report it; and what was filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import discord
from discord import ui

from bot.generations.moderation import REASON_MAX_CHARS
from bot.generations.states import PictureState
from bot.generations.values import MAX_PICTURES, Attachment, GenerationRequest, PictureView, RequestView
from bot.rivya.catalogue import Catalogue
from bot.ui import ids
from bot.ui.actions import dimensions
from bot.ui.card import fine, lines
from bot.ui.form import Form
from bot.ui.text import label, plain, units
from bot.ui.words import counted, grouped, in_credits

INPUT_MAX = 4000
"""Discord's limit for a text input's value."""
_DESCRIPTION_MAX = 100
_NAME_MAX = 24
_NAME_ABOVE_MAX = 32
"""Of a name that has a line to itself, as wide as a phone."""
_WORD_MAX = 60
_MAX_FILES = 10
_OPTION_NAMES = ("aspect_ratio", "resolution", "output_format")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a model takes, and what one picture costs now by resolution ("" where it has none)."""

    choices: Mapping[str, tuple[str, ...]]
    defaults: Mapping[str, str]
    prices: Mapping[str, int]
    max_references: int


def terms_of(catalogue: Catalogue, model_id: str | None) -> Terms:
    """Return a model's terms, the default model's for None; raises BadOption when it can't be had now."""
    spec = catalogue.open_model(model_id)
    return Terms(
        choices={name: option.choices for name, option in spec.options.items()},
        defaults={name: option.default for name, option in spec.options.items()},
        prices=catalogue.prices(spec.id),
        max_references=spec.max_references,
    )


class Submitted(Protocol):
    """What a person sent off; ``bot.presses.Submitted`` is one."""

    def text(self, custom_id: str, /) -> str:
        """Return what was typed, "" for nothing."""
        ...

    def values(self, custom_id: str, /) -> tuple[str, ...]:
        """Return what was chosen."""
        ...

    def images(self, custom_id: str, /) -> tuple[Attachment, ...]:
        """Return what was attached."""
        ...


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was filled in; ``named_credits`` is the price that its choices named."""

    prompt: str
    options: Mapping[str, str]
    count: int | None
    images: tuple[Attachment, ...]
    positions: tuple[int, ...]
    named_credits: int | None


def filled(submitted: Submitted) -> Filled:
    """Read any of the forms that ask for a picture."""
    options: dict[str, str] = {}
    each: int | None = None
    for name in _OPTION_NAMES:
        for value in submitted.values(name):
            options[name], credits_named = _unpriced(value)
            each = credits_named if credits_named is not None else each
    count: int | None = None
    for value in submitted.values("count"):
        number, credits_named = _unpriced(value)
        count = int(number)
        each = credits_named if each is None else each
    return Filled(
        prompt=submitted.text("prompt").strip(),
        options=options,
        count=count,
        images=submitted.images("files"),
        positions=tuple(int(value) for value in submitted.values("picture")),
        named_credits=None if each is None else each * (count or 1),
    )


def edit_form(view: RequestView, terms: Terms, *, position: int | None = None) -> Form:
    """Return the form that changes a picture, which is image 1 of the new request."""
    pictures = _to_choose(view, position)
    return Form(
        _titled("Edit this picture" if not pictures else "Edit a picture", terms),
        ids.edit_form(view.id, position),
        _prompt(
            "What should change?",
            "The picture is image 1; what you attach comes after it.",
            placeholder="Make it night, and keep the rest as it is.",
        ),
        *_which(pictures),
        *_choices(terms, view.options, ("aspect_ratio", "resolution")),
        *_upload(terms.max_references - 1, already=1),
    )


def remix_form(view: RequestView, terms: Terms) -> Form:
    """Return the form of the same request with prompt and options filled in; the references stay."""
    length = units(view.prompt)
    images = counted(len(view.references), "reference image")
    stays = f"The same {images} {'is' if len(view.references) == 1 else 'are'} used." if view.references else None
    if length <= INPUT_MAX:
        prompt = _prompt("Prompt", stays, value=view.prompt)
    else:
        prompt = _prompt(
            "Another prompt",
            f"It has {grouped(len(view.prompt))} characters, too many to show here. It is kept unless you write.",
            placeholder="Leave this empty to keep the whole prompt.",
            required=False,
        )
    return Form(
        "Remix",
        ids.remix_form(view.id),
        prompt,
        *_choices(terms, view.options, _OPTION_NAMES),
        _count(terms, len(view.pictures)),
    )


def reference_form(
    custom_id: str,
    terms: Terms,
    *,
    named: Sequence[str],
    options: Mapping[str, str] | None = None,
    pictures: Sequence[PictureView] = (),
    left_out: Sequence[str] = (),
) -> Form:
    """Return the form for a new picture of images that there are already; ``named`` are their file names, in order.

    ``pictures``: the images are some of these, to be chosen; ``options`` are pre-chosen; ``left_out`` are sentences
    about images that are not used. Names that are too long for the line under the label stand above it.
    """
    images = " · ".join(f"image {number}: {label(name, _NAME_MAX)}" for number, name in enumerate(named, start=1))
    above = []
    if units(images) > _DESCRIPTION_MAX:
        above.append(
            fine(*(f"image {number}: {plain(name, _NAME_ABOVE_MAX)}" for number, name in enumerate(named, start=1)))
        )
        images = ""
    if left_out:
        above.append(fine("Left out:", *left_out))
    return Form(
        _titled("Use as reference", terms),
        custom_id,
        *([ui.TextDisplay(lines(*above))] if above else []),
        _prompt(
            "What should I paint?",
            images or "Speak of your references as image 1, image 2, …",
            placeholder="The cat of image 1 on a bicycle.",
        ),
        *_which(pictures, several=True),
        *_choices(terms, options or {}, ("aspect_ratio", "resolution")),
        *_upload(terms.max_references - max(len(named), 1), already=len(named)),
    )


def rewrite_form(custom_id: str, request: GenerationRequest, terms: Terms, *, blocked: str | None) -> Form:
    """Return the form of a refused request with all that was asked for, to change its prompt.

    ``blocked`` is the word that it was refused for, None where it would not be now. The prompt is not longer than
    ``INPUT_MAX``.
    """
    return Form(
        _titled("Change the prompt", terms),
        custom_id,
        _prompt(
            "Prompt",
            f"This server blocks “{label(blocked, _WORD_MAX)}”." if blocked is not None else None,
            value=request.prompt,
        ),
        *_choices(terms, request.options, _OPTION_NAMES),
        _count(terms, request.count),
    )


def report_form(view: RequestView) -> Form:
    """Return the form of a report to the moderators."""
    return Form(
        "Report to the moderators",
        ids.report_form(view.id),
        ui.Label(
            text="What is wrong with it?",
            description="The moderators of this server see it, with your name.",
            component=ui.TextInput(custom_id="reason", style=discord.TextStyle.paragraph, max_length=REASON_MAX_CHARS),
        ),
    )


# --- the parts ---


def _titled(words: str, terms: Terms) -> str:
    """Return a form's title, with the price where no choice in the form changes it."""
    return words if "resolution" in terms.choices or not terms.prices else f"{words} · {in_credits(_one(terms))}"


def _one(terms: Terms) -> int:
    """Return what one picture costs at least."""
    return min(terms.prices.values())


def _prompt(
    words: str, about: str | None, *, placeholder: str | None = None, value: str | None = None, required: bool = True
) -> ui.Label[Any]:
    return ui.Label(
        text=words,
        description=label(about, _DESCRIPTION_MAX) if about else None,
        component=ui.TextInput(
            custom_id="prompt",
            style=discord.TextStyle.paragraph,
            placeholder=placeholder,
            default=value,
            required=required,
            max_length=INPUT_MAX,
        ),
    )


def _to_choose(view: RequestView, position: int | None) -> list[PictureView]:
    """Return the pictures that the form has to ask between; none where there is but one."""
    kept = [picture for picture in view.pictures if picture.state is PictureState.FETCHED and picture.path is not None]
    return kept if position is None and len(kept) > 1 else []


def _which(pictures: Sequence[PictureView], *, several: bool = False) -> list[ui.Label[Any]]:
    if not pictures:
        return []
    options = [
        discord.SelectOption(
            label=f"Picture {picture.position}",
            value=str(picture.position),
            description=dimensions(picture),
            default=picture is pictures[0],
        )
        for picture in pictures
    ]
    chosen: ui.Select[Any] = ui.Select(
        custom_id="picture", options=options, required=True, max_values=len(options) if several else 1
    )
    return [ui.Label(text="Which pictures?" if several else "Which picture?", component=chosen)]


def _choices(terms: Terms, chosen: Mapping[str, str], names: Sequence[str]) -> list[ui.Label[Any]]:
    parts: list[ui.Label[Any]] = []
    for name in names:
        values = terms.choices.get(name)
        if not values:
            continue
        current = chosen.get(name, terms.defaults[name])
        options = [_option(terms, name, value, default=value == current) for value in values]
        select: ui.Select[Any] = ui.Select(custom_id=name, options=options, required=True)
        parts.append(ui.Label(text=_NAMES[name], component=select))
    return parts


_NAMES = {"aspect_ratio": "Aspect ratio", "resolution": "Resolution", "output_format": "Format"}
_ABOUT = {
    "auto": "Follows the first reference",
    "1K": "About a million pixels",
    "2K": "About four million pixels",
    "4K": "About sixteen million pixels",
    "png": "Keeps every detail",
    "jpg": "Smaller",
}


def _option(terms: Terms, name: str, value: str, *, default: bool) -> discord.SelectOption:
    if name != "resolution" or value not in terms.prices:
        # Where nothing in the form changes the price, that of the title comes back with any choice.
        priced = f"{value}@{terms.prices['']}" if "" in terms.prices else value
        return discord.SelectOption(label=value, value=priced, description=_ABOUT.get(value), default=default)
    cost = terms.prices[value]
    return discord.SelectOption(
        label=f"{value} · {in_credits(cost)} a picture",
        value=f"{value}@{cost}",
        description=_ABOUT.get(value),
        default=default,
    )


def _count(terms: Terms, now: int) -> ui.Label[Any]:
    """Return the choice of how many. Where sizes differ in price each names the least."""
    same = len(set(terms.prices.values())) == 1
    options = [
        discord.SelectOption(
            label=counted(number, "picture")
            + (f" · {'' if same else 'from '}{in_credits(number * _one(terms))}" if terms.prices else ""),
            value=f"{number}@{_one(terms)}" if same else str(number),
            default=number == now,
        )
        for number in range(1, MAX_PICTURES + 1)
    ]
    return ui.Label(text="How many", component=ui.Select(custom_id="count", options=options, required=True))


def _upload(room: int, *, already: int) -> list[ui.Label[Any]]:
    if room < 1:
        return []
    most = min(room, _MAX_FILES)
    upload: ui.FileUpload[Any] = ui.FileUpload(custom_id="files", required=False, min_values=0, max_values=most)
    first = f"They are image {already + 1} and on. " if already else ""
    about = f"{first}Up to {most}: JPEG, PNG or WebP, 30 MB each."
    return [ui.Label(text="More references", description=about, component=upload)]


def _unpriced(value: str) -> tuple[str, int | None]:
    word, _, cost = value.partition("@")
    return (word, int(cost)) if cost.isdecimal() else (value, None)
