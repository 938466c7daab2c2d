"""What could be asked for instead: a refused or a dear request, changed by one thing, with its price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from bot.credits.quota_rules import Bounds
from bot.credits.quotas import LimitScope, QuotaExceeded
from bot.errors import BotError, ReferenceRefused, StorageDown
from bot.generations.refusals import (
    MissingPermissions,
    ModelNotAllowed,
    OutOfBounds,
    PrivateNotAllowed,
    Refused,
    TooManyAtOnce,
    TooManyRunning,
)
from bot.generations.values import Attachment, GenerationRequest, ReferenceImage
from bot.rivya import BadOption, Catalogue, ModelSpec

MOST_OFFERED = 2


class Change(StrEnum):
    """What is different about a mended request."""

    FEWER = "fewer"
    RESOLUTION = "resolution"
    MODEL = "model"
    USUAL_OPTION = "usual_option"
    FIRST_IMAGES = "first_images"
    WITHOUT_IMAGE = "without_image"
    WITHOUT_IMAGES = "without_images"
    WITHOUT_PART = "without_part"
    PRIVATE = "private"
    PUBLIC = "public"
    ELSEWHERE = "elsewhere"
    """In another channel of the server."""
    NOTHING = "nothing"
    """The same once more: what was in its way passes."""


class PartMissing(Refused):
    """Something that was asked for is not there; ``without`` is the request without it, ``part`` our word for it."""

    code = "part_missing"

    def __init__(self, user_message: str, *, part: str, without: GenerationRequest) -> None:
        super().__init__(user_message=user_message)
        self.part = part
        self.without = without


@dataclass(frozen=True, slots=True)
class Mended:
    """A request that may be asked for instead. ``subject`` names what changed: an option, a value, a model, a file."""

    request: GenerationRequest
    change: Change
    cost_credits: int
    subject: str = ""


def cost_of(catalogue: Catalogue, request: GenerationRequest) -> int | None:
    """Return what a request would cost in credits now; None when its model can't take it at all."""
    price = picture_price(catalogue, request)
    return None if price is None else price * request.count


def picture_price(catalogue: Catalogue, request: GenerationRequest) -> int | None:
    """Return what one picture of a request would cost in credits now; None when its model can't be had."""
    try:
        spec = catalogue.open_model(request.model)
    except BadOption:
        return None
    return _price(catalogue, spec, request)


def mended(error: BotError, request: GenerationRequest | None, catalogue: Catalogue) -> tuple[Mended, ...]:
    """Return what may be offered after ``error`` turned ``request`` down, the nearest to it first; () for nothing."""
    if isinstance(error, PartMissing):
        return tuple(_changed(error.without, catalogue, Change.WITHOUT_PART, error.part))
    return tuple(islice(_mended(error, request, catalogue), MOST_OFFERED)) if request is not None else ()


def cheaper(request: GenerationRequest, catalogue: Catalogue, bounds: Bounds | None = None) -> Mended | None:
    """Return the same request for less: one picture instead of several, a smaller one, or by another model.

    It keeps to ``bounds``.
    """
    price = picture_price(catalogue, request)
    if price is None:
        return None
    if request.count > 1:
        return Mended(request.model_copy(update={"count": 1}), Change.FEWER, price, "1")
    return next(_for_less(request, catalogue, price, price - 1, bounds), None)


def _mended(error: BotError, request: GenerationRequest, catalogue: Catalogue) -> Iterator[Mended]:
    match error:
        case QuotaExceeded(scope=LimitScope.PROVIDER) | TooManyRunning(limit=0):
            return
        case QuotaExceeded():
            yield from _affordable(request, catalogue, error.left_credits, error.bounds)
        case OutOfBounds():
            yield from _within(request, catalogue, error.bounds)
        case TooManyAtOnce():
            room = error.limit - error.running
            yield from _fewer(request, catalogue, room) if room > 0 else _same(request, catalogue)
        case BadOption():
            yield from _taken(error, request, catalogue)
        case ReferenceRefused():
            yield from _without(error.filename, request, catalogue)
        case MissingPermissions():
            yield from _changed(request, catalogue, Change.PRIVATE, private=True)
        case ModelNotAllowed():
            yield from _by_others(request, catalogue, error.allowed)
        case PrivateNotAllowed():
            yield from _changed(request, catalogue, Change.PUBLIC, private=False)
        case Refused(retryable=True) | StorageDown():
            yield from _same(request, catalogue)


def _affordable(
    request: GenerationRequest, catalogue: Catalogue, left_credits: int, bounds: Bounds | None
) -> Iterator[Mended]:
    price = picture_price(catalogue, request)
    if price is None:
        return
    yield from _fewer(request, catalogue, left_credits // price)
    yield from _for_less(request, catalogue, price, left_credits, bounds)


def _within(request: GenerationRequest, catalogue: Catalogue, bounds: Bounds) -> Iterator[Mended]:
    """Give what a server's rules allow: as large and as many as may be, by the same model or by those that may be."""
    spec = catalogue.open_model(request.model)
    for other in (spec,) if bounds.allows_model(spec.id) else _others(request, catalogue):
        if not bounds.allows_model(other.id):
            continue
        options = _options_for(other, request)
        size = other.options.get("resolution")
        smaller = None
        if size is not None and not bounds.allows_resolution(options.get("resolution", size.default)):
            smaller = next((value for value in reversed(size.choices) if bounds.allows_resolution(value)), None)
            if smaller is None:
                continue
            options["resolution"] = smaller
        count = request.count if bounds.count is None else min(request.count, bounds.count)
        changed = {"options": options, "count": count}
        if other is not spec:
            yield from _changed(request, catalogue, Change.MODEL, other.label, model=other.id, **changed)
        elif smaller is not None:
            yield from _changed(request, catalogue, Change.RESOLUTION, smaller, **changed)
        else:
            yield from _changed(request, catalogue, Change.FEWER, str(count), **changed)


def _fewer(request: GenerationRequest, catalogue: Catalogue, most: int) -> Iterator[Mended]:
    count = min(most, request.count - 1)
    if count > 0:
        yield from _changed(request, catalogue, Change.FEWER, str(count), count=count)


def _for_less(
    request: GenerationRequest, catalogue: Catalogue, price_credits: int, left_credits: int, bounds: Bounds | None
) -> Iterator[Mended]:
    """Give a smaller size, then another model, where one picture costs less than ``price_credits``."""
    spec = catalogue.open_model(request.model)
    size = spec.options.get("resolution")
    if size is not None:
        asked = request.options.get("resolution", size.default)
        smaller = size.choices[: size.choices.index(asked)] if asked in size.choices else ()
        for value in reversed(smaller):
            options = {**request.options, "resolution": value}
            found = _fitting(request, catalogue, left_credits, price_credits, bounds, options=options)
            if found is not None:
                yield Mended(found[0], Change.RESOLUTION, found[1], value)
                break
    dearest_first = sorted(_others(request, catalogue), key=lambda other: -_price(catalogue, other, request))
    for other in dearest_first:
        options = _options_for(other, request)
        found = _fitting(request, catalogue, left_credits, price_credits, bounds, model=other.id, options=options)
        if found is not None:
            yield Mended(found[0], Change.MODEL, found[1], other.label)
            break


def _fitting(
    request: GenerationRequest, catalogue: Catalogue, left_credits: int, under_credits: int, bounds: Bounds | None,
    **values: object,
) -> tuple[GenerationRequest, int] | None:  # fmt: skip
    """Change a request, and take as many pictures as fit; None where one is no cheaper, or can't be had."""
    changed = request.model_copy(update=values)
    price = picture_price(catalogue, changed)
    if bounds is not None and not _is_allowed(changed, catalogue, bounds):
        return None
    if price is None or price >= under_credits or price > left_credits:
        return None
    count = min(request.count, left_credits // price)
    return changed.model_copy(update={"count": count}), price * count


def _is_allowed(request: GenerationRequest, catalogue: Catalogue, bounds: Bounds) -> bool:
    spec = catalogue.open_model(request.model)
    size = spec.options.get("resolution")
    resolution = request.options.get("resolution", size.default) if size is not None else None
    return bounds.allows(spec.id, resolution, request.count)


def _taken(error: BadOption, request: GenerationRequest, catalogue: Catalogue) -> Iterator[Mended]:
    """Give what a model takes in the place of what it can't take."""
    if error.option in request.options:
        options = {name: value for name, value in request.options.items() if name != error.option}
        yield from _changed(request, catalogue, Change.USUAL_OPTION, error.option, options=options)
        return
    if error.option == "references":
        most = catalogue.open_model(request.model).max_references
        first = request.references[:most]
        yield from _changed(request, catalogue, Change.FIRST_IMAGES, str(most), references=first)
    if error.option in {"references", "prompt", "model"} and request.prompt.strip():
        yield from _by_others(request, catalogue)


def _by_others(
    request: GenerationRequest, catalogue: Catalogue, among: frozenset[str] | None = None
) -> Iterator[Mended]:
    for other in _others(request, catalogue):
        if among is None or other.id in among:
            options = _options_for(other, request)
            yield from _changed(request, catalogue, Change.MODEL, other.label, model=other.id, options=options)


def _without(filename: str, request: GenerationRequest, catalogue: Catalogue) -> Iterator[Mended]:
    """Leave out an image that can't be used; with one that is too large, all that are."""
    most_bytes = catalogue.open_model(request.model).reference_max_bytes
    gone = [image for image in request.references if _is_too_large(image, most_bytes)]
    if filename not in {image.filename for image in gone}:
        gone = [image for image in request.references if image.filename == filename]
    kept = tuple(image for image in request.references if image not in gone)
    parent = request.parent
    if parent is not None and parent.position is not None and kept[:1] != request.references[:1]:
        return  # a change of a picture without that picture is something else
    if gone:
        one = len(gone) == 1
        change = Change.WITHOUT_IMAGE if one else Change.WITHOUT_IMAGES
        yield from _changed(request, catalogue, change, filename if one else str(len(gone)), references=kept)


def _is_too_large(image: ReferenceImage, most_bytes: int) -> bool:
    return isinstance(image, Attachment) and image.size_bytes > most_bytes


def _same(request: GenerationRequest, catalogue: Catalogue) -> Iterator[Mended]:
    yield from _changed(request, catalogue, Change.NOTHING)


def _changed(
    request: GenerationRequest, catalogue: Catalogue, change: Change, subject: str = "", **values: object
) -> Iterator[Mended]:
    changed = request.model_copy(update=values)
    cost = cost_of(catalogue, changed)
    if cost is not None:
        yield Mended(changed, change, cost, subject)


def _others(request: GenerationRequest, catalogue: Catalogue) -> Sequence[ModelSpec]:
    """Return the other models that would take a request as it is, but for options that they don't have."""
    found = []
    for spec in catalogue.available():
        if request.model == spec.id or (request.model is None and spec.id == catalogue.default.id):
            continue
        fitting = all(not _is_too_large(image, spec.reference_max_bytes) for image in request.references)
        count = len(request.references)
        try:
            spec.check(prompt=request.prompt, options=_options_for(spec, request), reference_count=count)
        except BadOption:
            continue
        if fitting:
            found.append(spec)
    return found


def _options_for(spec: ModelSpec, request: GenerationRequest) -> dict[str, str]:
    return {
        name: value
        for name, value in request.options.items()
        if name in spec.options and value in spec.options[name].choices
    }


def _price(catalogue: Catalogue, spec: ModelSpec, request: GenerationRequest) -> int:
    size = spec.options.get("resolution")
    return catalogue.price_credits(spec.id, request.options.get("resolution", size.default) if size else None)
