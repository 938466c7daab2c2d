"""What autocomplete offers while somebody types: values with what they cost, pictures and styles by name.

Discord shows at most 25 choices; names and values have at most 100 characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from discord import app_commands

from bot.generations.preferences import Style
from bot.generations.repository import PaidPicture
from bot.generations.states import PictureState
from bot.generations.values import MAX_PICTURES, RequestView
from bot.rivya import Catalogue, ModelSpec
from bot.ui.text import label
from bot.ui.words import counted, duration, in_credits

MOST: Final = 25
_NAME_LIMIT: Final = 100
_PROMPT_LIMIT: Final = 70
_LOOKED_AT: Final = 100
"""Characters of what is typed; nothing that is offered is longer."""

Choice = app_commands.Choice


def model_choices(
    catalogue: Catalogue, typed: str, *, specs: Iterable[ModelSpec], resolution: str | None, count: int
) -> list[Choice[str]]:
    """Return the models ``specs``, each with what the request would cost by it."""
    return _matching(
        typed,
        [Choice(name=_priced(spec.label, _price(catalogue, spec, resolution), count), value=spec.id) for spec in specs],
    )


def resolution_choices(catalogue: Catalogue, typed: str, *, spec: ModelSpec, count: int) -> list[Choice[str]]:
    """Return the resolutions that a model makes, each with what the request would cost; [] where it makes but one."""
    option = spec.options.get("resolution")
    values = option.choices if option is not None else ()
    return _matching(
        typed, [Choice(name=_priced(value, _price(catalogue, spec, value), count), value=value) for value in values]
    )


def count_choices(catalogue: Catalogue, *, spec: ModelSpec, resolution: str | None) -> list[Choice[int]]:
    """Return how many pictures can be asked for, each with what they would cost."""
    price = _price(catalogue, spec, resolution)
    return [
        Choice(name=f"{counted(count, 'picture')} · {in_credits(price * count)}", value=count)
        for count in range(1, MAX_PICTURES + 1)
    ]


def picture_choices(views: Iterable[RequestView]) -> list[Choice[str]]:
    """Return the kept pictures of requests, by prompt and age; a value is the picture's id."""
    found: list[Choice[str]] = []
    for view in views:
        kept = [picture for picture in view.pictures if picture.state is PictureState.FETCHED and picture.path]
        for picture in kept:
            which = f" · {picture.position} of {len(view.pictures)}" if len(view.pictures) > 1 else ""
            age = _age((view.now_ms - view.created_at_ms) // 60_000)
            found.append(Choice(name=f"{label(view.prompt, _PROMPT_LIMIT)}{which} · {age}", value=picture.id))
    return found[:MOST]


def style_choices(styles: Sequence[Style], typed: str) -> list[Choice[str]]:
    """Return a person's styles with the words that they add."""
    choices = [
        Choice(name=label(f"{style.name}: {style.suffix}", _NAME_LIMIT), value=style.name)
        for style in styles
        if len(style.name) <= _NAME_LIMIT
    ]
    wanted = _folded(typed)
    return [choice for choice in choices if wanted in _folded(choice.name)][:MOST]


def meant_model(catalogue: Catalogue, typed: str | None) -> str | None:
    """Return the id of the model that somebody picked, or typed in words; what is unknown stays as it was typed."""
    if typed is None:
        return None
    wanted = _folded(typed)
    for spec in catalogue.available():
        if wanted in {_folded(spec.id), _folded(spec.label)}:
            return spec.id
    return typed


def meant_value(spec: ModelSpec | None, option: str, typed: str | None) -> str | None:
    """Return the value of an option that somebody picked or typed ("2k" is "2K")."""
    if typed is None or spec is None or option not in spec.options:
        return typed
    wanted = _folded(typed)
    return next((value for value in spec.options[option].choices if _folded(value) == wanted), typed)


def _matching(typed: str, choices: list[Choice[str]]) -> list[Choice[str]]:
    """Return those that have what is typed in their names; all of them when none has: there are few."""
    wanted = _folded(typed)
    return ([choice for choice in choices if wanted in _folded(choice.name)] or choices)[:MOST]


def _folded(text: str) -> str:
    """Return what counts of a text: before the price, without case and spaces at the ends."""
    return text[:_LOOKED_AT].partition(" · ")[0].strip().casefold()


def _age(minutes: int) -> str:
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    hours = minutes // 60
    return f"{hours} h ago" if hours < 24 else f"{counted(hours // 24, 'day')} ago"


def _priced(words: str, price_credits: int, count: int) -> str:
    many = f" for {count} pictures" if count > 1 else ""
    return f"{words} · {in_credits(price_credits * count)}{many}"


def _price(catalogue: Catalogue, spec: ModelSpec, resolution: str | None) -> int:
    option = spec.options.get("resolution")
    if option is None:
        return catalogue.price_credits(spec.id, None)
    return catalogue.price_credits(spec.id, resolution if resolution in option.choices else option.default)


def models_of_rule_choices(catalogue: Catalogue, typed: str) -> list[Choice[str]]:
    """Return models for a list of them, each added to those that stand there already."""
    *before, last = [part.strip() for part in typed[:_LOOKED_AT].split(",")]
    before = [model for model in dict.fromkeys(before) if model]
    found = [] if before else [Choice(name="All models", value="all")]
    for spec in catalogue.available():
        if spec.id in before:
            continue
        value = ", ".join((*before, spec.id))
        name = ", ".join((*(catalogue.get(model).label for model in before if _is_known(catalogue, model)), spec.label))
        if len(value) <= _NAME_LIMIT:
            found.append(Choice(name=label(f"Only {name}", _NAME_LIMIT), value=value))
    wanted = last.casefold()
    return [choice for choice in found if wanted in choice.name.casefold() or wanted in choice.value.casefold()][:MOST]


def zone_choices(names: Iterable[str], typed: str) -> list[Choice[str]]:
    """Return time zones whose names have every word that is typed; those of cities first."""
    words = typed[:_LOOKED_AT].casefold().replace("_", " ").split()
    found = [name for name in names if all(word in name.casefold().replace("_", " ") for word in words)]
    found.sort(key=lambda name: (name != "UTC", "/" not in name, name.startswith("Etc/"), name))
    return [Choice(name=name.replace("_", " "), value=name) for name in found[:MOST]]


def refund_choices(pictures: Iterable[PaidPicture], typed: str, *, now_ms: int) -> list[Choice[str]]:
    """Return paid pictures by their words, price and age; of private ones only that there is one."""
    found = []
    words = typed[:_LOOKED_AT].casefold().split()
    for picture in pictures:
        what = "a private picture" if picture.private else picture.prompt
        age = duration((now_ms - picture.paid_at_ms) / 1000)
        rest = f"{in_credits(picture.left_credits)} · {age} ago · {picture.request_id[-6:]}"
        name = label(what, min(_PROMPT_LIMIT, _NAME_LIMIT - len(rest) - 3))
        if all(word in f"{name} {rest}".casefold() for word in words):
            found.append(Choice(name=f"{name} · {rest}", value=picture.id))
        if len(found) == MOST:
            break
    return found


def _is_known(catalogue: Catalogue, model: str) -> bool:
    return any(spec.id == model for spec in catalogue.available())
