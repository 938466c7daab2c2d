"""The cards of what a person prefers, and of the styles that they named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import discord
from discord import ui

from bot.errors import BotError
from bot.generations.preferences import MAX_STYLES, NAME_MAX_CHARS, SUFFIX_MAX_CHARS, Preferences, Style
from bot.rivya import BadOption, Catalogue, ModelSpec
from bot.ui import personal_ids as ids
from bot.ui.card import BANANA, EMBER, SLATE, Card, button, fine, gap, lines, row, select
from bot.ui.form import Form
from bot.ui.text import label, plain
from bot.ui.words import in_credits

USUAL = "usual"
"""The value of a select that takes a preference back."""

_LABEL_LIMIT = 100
_NAME_LIMIT = 50
_LISTED_WORDS = 70
_WHOLE_WORDS = 2400
_TYPED_LIMIT = 2400
_ANSWERS = {"private": ("Only I see them", "Everyone in the channel sees them"), "notify": ("Ping me", "Don't ping me")}
_TITLES = {
    "model": "Model",
    "aspect_ratio": "Aspect ratio",
    "resolution": "Resolution",
    "output_format": "Format",
    "private": "Who sees my pictures",
    "notify": "Ping when they are there",
}
_ABOUT = {
    "auto": "follows the first reference",
    "1K": "about a million pixels",
    "2K": "about four million pixels",
    "4K": "about sixteen million pixels",
    "png": "keeps every detail",
    "jpg": "smaller",
}


@dataclass(frozen=True, slots=True)
class Offered:
    """One thing that can be preferred: its value, its words, and what to know about it."""

    value: str
    words: str
    about: str | None = None


def offers(catalogue: Catalogue, preferences: Preferences) -> dict[str, list[Offered]]:
    """Return what can be chosen for each preference, by its name, prices included; what can't is left out."""
    spec = _spec(catalogue, preferences)
    found: dict[str, list[Offered]] = {
        "model": [
            Offered(model.id, model.label, f"{_cost(catalogue, model)} a picture") for model in catalogue.available()
        ]
    }
    prices = catalogue.prices(spec.id)
    for name in ("aspect_ratio", "resolution", "output_format"):
        if name not in spec.options:
            continue
        found[name] = [
            Offered(
                value,
                f"{value} · {in_credits(prices[value])} a picture"
                if name == "resolution" and value in prices
                else value,
                _ABOUT.get(value),
            )
            for value in spec.options[name].choices
        ]
    for name, (yes, no) in _ANSWERS.items():
        found[name] = [Offered("yes", yes), Offered("no", no)]
    return found


def preferences_card(catalogue: Catalogue, preferences: Preferences, styles: Sequence[Style]) -> Card:
    """Return how a person's preferences stand, with a select for each; "The bot's usual" takes one back."""
    offered = offers(catalogue, preferences)
    usual = _usual(catalogue, _spec(catalogue, preferences))
    return Card(
        BANANA,
        lines("**Your preferences**", "They hold wherever you choose nothing else, in every server."),
        gap(),
        lines(*(f"{title}: {_standing(name, catalogue, preferences)}" for name, title in _TITLES.items())),
        *(
            select(
                f"{title} …",
                ids.prefer(name),
                [
                    _usual_option(usual[name], offered[name]),
                    *(
                        discord.SelectOption(
                            label=label(offer.words, _LABEL_LIMIT), value=offer.value, description=offer.about
                        )
                        for offer in offered[name]
                    ),
                ],
            )
            for name, title in _TITLES.items()
            if name in offered
        ),
        row(button(f"My styles · {len(styles)}" if styles else "My styles", ids.styles())),
    )


def styles_card(styles: Sequence[Style]) -> Card:
    """Return a person's styles, with what they can do about them."""
    add = (
        button("Add a style", ids.style_add(), style=discord.ButtonStyle.primary) if len(styles) < MAX_STYLES else None
    )
    back = button("Preferences", ids.preferences())
    if not styles:
        return Card(
            SLATE,
            lines("**You have no styles yet.**", "A style is a name for words that you often put behind a prompt: "
                  "“film noir” for “black and white, hard shadows, 1947”. Choose it under style in /imagine."),
            row(add, back),
        )  # fmt: skip
    return Card(
        BANANA,
        f"**Your styles** · {len(styles)} of {MAX_STYLES}",
        lines(*(f"**{plain(style.name, _NAME_LIMIT)}** · {plain(style.suffix, _LISTED_WORDS)}" for style in styles)),
        fine("Choose one under style in /imagine; its words go behind the prompt."),
        select(
            "Change or remove …",
            ids.style_open(),
            [
                discord.SelectOption(
                    label=label(style.name, _LABEL_LIMIT),
                    value=str(style.id),
                    description=label(style.suffix, _LABEL_LIMIT),
                )
                for style in styles
            ],
        ),
        row(add, back),
    )


def style_card(style: Style) -> Card:
    """Return one style with all its words."""
    return Card(
        BANANA,
        f"**{plain(style.name, _NAME_LIMIT)}**",
        plain(style.suffix, _WHOLE_WORDS, lines=20),
        row(
            button("Change", ids.style_edit(style.id)),
            button("Remove", ids.style_remove(style.id)),
            button("My styles", ids.styles()),
        ),
    )


def remove_style_card(style: Style) -> Card:
    """Return the question before a style is removed."""
    return Card(
        EMBER,
        lines(
            f"**Remove the style “{plain(style.name, _NAME_LIMIT)}”?**",
            "Its words are gone then. Pictures that were made with it stay as they are.",
        ),
        row(
            button("Remove style", ids.style_gone(style.id), style=discord.ButtonStyle.danger),
            button("Keep it", ids.styles()),
        ),
    )


def style_refused_card(error: BotError, name: str, suffix: str, *, style_id: int | None) -> Card:
    """Return why a style can't be kept, with what was typed, so that it is not lost."""
    first, _, rest = error.user_message.partition(". ")
    again = button("Change", ids.style_edit(style_id)) if style_id is not None else button("Try again", ids.style_add())
    typed = lines(f"**{plain(name, _NAME_LIMIT)}**" if name.strip() else None,
                  plain(suffix, _TYPED_LIMIT, lines=20) if suffix.strip() else None)  # fmt: skip
    return Card(
        SLATE,
        lines(f"**{first.rstrip('.')}.**", rest or None),
        lines("You wrote:", typed) if typed else None,
        row(again, button("My styles", ids.styles())),
    )


def style_form(style: Style | None = None) -> Form:
    """Return the form of a new style, or of one that there is."""
    return Form(
        "Change a style" if style is not None else "A new style",
        ids.style_form(style.id if style is not None else None),
        ui.Label(
            text="Name",
            description="You pick it by this name in /imagine.",
            component=ui.TextInput(
                custom_id="name",
                default=style.name if style is not None else None,
                placeholder="film noir",
                max_length=NAME_MAX_CHARS,
            ),
        ),
        ui.Label(
            text="Words",
            description="They go behind your prompt.",
            component=ui.TextInput(
                custom_id="suffix",
                style=discord.TextStyle.paragraph,
                default=style.suffix if style is not None else None,
                placeholder="black and white, hard shadows, 1947",
                max_length=SUFFIX_MAX_CHARS,
            ),
        ),
    )


# --- how it stands ---


def _spec(catalogue: Catalogue, preferences: Preferences) -> ModelSpec:
    try:
        return catalogue.open_model(preferences.model) if preferences.model is not None else catalogue.default
    except BadOption:
        return catalogue.default


def _usual(catalogue: Catalogue, spec: ModelSpec) -> Mapping[str, str]:
    """Return what is taken where nothing is preferred, by name."""
    defaults = {name: option.default for name, option in spec.options.items()}
    return {
        "model": catalogue.default.label,
        **{name: defaults.get(name, "") for name in ("aspect_ratio", "resolution", "output_format")},
        "private": "everyone in the channel",
        "notify": "no ping",
    }


def _standing(name: str, catalogue: Catalogue, preferences: Preferences) -> str:
    spec = _spec(catalogue, preferences)
    usual = _usual(catalogue, spec)[name]
    if name in _ANSWERS:
        chosen = getattr(preferences, name)
        if chosen is None:
            return f"the bot's usual, {usual}"
        return {"private": ("**only you**", "**everyone in the channel**"), "notify": ("**yes**", "**no**")}[name][
            0 if chosen else 1
        ]
    if name == "model":
        return _model_words(catalogue, preferences.model, spec)
    value: str | None = getattr(preferences, name)
    option = spec.options.get(name)
    if option is None:
        return f"{spec.label} has none to choose" + (f"; **{plain(value, 20)}** with the others" if value else "")
    if value is None:
        return f"the bot's usual, {usual}"
    if value not in option.choices:
        return f"**{plain(value, 20)}**, which {spec.label} does not take; {usual} then"
    price = catalogue.prices(spec.id).get(value) if name == "resolution" else None
    return f"**{plain(value, 20)}**" + (f" · {in_credits(price)} a picture" if price is not None else "")


def _model_words(catalogue: Catalogue, chosen: str | None, spec: ModelSpec) -> str:
    if chosen is None:
        return f"the bot's usual, {spec.label}"
    if chosen == spec.id:
        return f"**{spec.label}**"
    try:
        name = catalogue.get(chosen).label
    except BadOption:
        name = plain(chosen, 40)
    return f"**{name}**, which can't be had right now; {spec.label} then"


def _usual_option(usual: str, offered: Sequence[Offered]) -> discord.SelectOption:
    """Return the option that takes a preference back, with what the bot's usual value costs where that is named."""
    same = next((offer for offer in offered if usual in {offer.value, offer.words}), None)
    named = same.words if same is not None else usual
    return discord.SelectOption(
        label=label(f"The bot's usual · {named}" if named else "The bot's usual", _LABEL_LIMIT),
        value=USUAL,
        description=same.about if same is not None else None,
    )


def _cost(catalogue: Catalogue, spec: ModelSpec) -> str:
    """Return what one picture costs by a model, by its least where sizes differ."""
    prices = set(catalogue.prices(spec.id).values())
    return f"{'' if len(prices) == 1 else 'from '}{in_credits(min(prices))}"
