"""What can be made of a result: the same again, a change of it, a larger one. Builds requests, spends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bot.generations.states import PictureState, ReferenceState
from bot.generations.values import (
    MAX_PICTURES,
    Derived,
    GenerationRequest,
    Parent,
    PictureView,
    ReferenceImage,
    ReferenceView,
    RelativeView,
    RequestView,
    StoredImage,
)

LARGER_PROMPT: Final = (
    "Paint image 1 once more at a higher resolution. Keep composition, faces, words, colours and style exactly as they "
    "are; only add finer detail."
)
"""A larger picture is painted anew from the smaller one; the words ask for nothing else."""
_SHOWS: Final = "\n\nIt shows: "
_SHOWN_MAX_CHARS: Final = 4000
"""Of the first picture's words; less than any model's limit leaves."""

_WHOLE: Final = frozenset({Derived.AGAIN, Derived.REMIX, Derived.VARIATIONS})
"""Made of the request; the others are made of one of its pictures."""


def derive(
    view: RequestView,
    derived_as: Derived,
    *,
    position: int | None = None,
    prompt: str | None = None,
    options: Mapping[str, str] | None = None,
    count: int | None = None,
    more: Sequence[ReferenceImage] = (),
    private: bool | None = None,
) -> GenerationRequest:
    """Return the request that comes of ``view``; what is not given is as it was there.

    ``position`` chooses the picture for EDIT, LARGER and REFERENCE (the first that is kept by default); ``more`` are
    references that come after. ``options`` change single ones. A private result's children are private too, unless
    ``private`` says otherwise. Raises LookupError when the picture that it needs is not kept.
    """
    parent_position = None
    references: tuple[ReferenceImage, ...]
    if derived_as in _WHOLE:
        references = tuple(reference_image(image) for image in view.references if image not in references_refused(view))
    else:
        picture = kept_picture(view, position)
        parent_position = picture.position
        references = (picture_image(view, picture),)
    chosen = {**view.options, **(options or {})}
    if derived_as is Derived.LARGER:
        prompt = f"{LARGER_PROMPT}{_SHOWS}{own_prompt(view)[:_SHOWN_MAX_CHARS]}"
    if count is None:
        count = {Derived.AGAIN: len(view.pictures), Derived.VARIATIONS: MAX_PICTURES}.get(derived_as, 1)
    return GenerationRequest(
        prompt=view.prompt if prompt is None else prompt,
        model=view.model,
        options=chosen,
        count=count,
        references=(*references, *more),
        private=view.private if private is None else private,
        notify=view.notify,
        parent=Parent(request_id=view.id, position=parent_position, derived_as=derived_as),
        style=view.style if derived_as in {Derived.AGAIN, Derived.VARIATIONS} else None,
    )


def own_prompt(view: RequestView | RelativeView) -> str:
    """Return the words that a person gave: of a larger picture, those of the one that it was made from."""
    asked, shows, prompt = view.prompt.partition(_SHOWS)
    return prompt if shows and asked == LARGER_PROMPT else view.prompt


def kept_picture(view: RequestView, position: int | None = None) -> PictureView:
    """Return the picture at ``position``, or the first whose bytes are kept; raises LookupError when there is none."""
    for picture in view.pictures:
        if picture.state is PictureState.FETCHED and picture.path and position in {None, picture.position}:
            return picture
    raise LookupError(f"no such picture is kept: {view.id}-{position}")


def picture_image(view: RequestView, picture: PictureView) -> StoredImage:
    """Return a finished picture as a reference."""
    suffix = (picture.path or "").rpartition(".")[2]
    return StoredImage(
        kind="picture",
        id=picture.id,
        filename=f"nano-banana-{view.reference}-{picture.position}.{suffix}",
        size_bytes=picture.size_bytes or 0,
    )


def reference_image(image: ReferenceView) -> StoredImage:
    """Return an earlier request's reference as one of a new request."""
    return StoredImage(kind="reference", id=image.id, filename=image.filename, size_bytes=image.size_bytes)


def references_refused(view: RequestView) -> list[ReferenceView]:
    """Return the references that were no usable images: what comes of the request goes without them."""
    return [image for image in view.references if image.state is ReferenceState.REFUSED]
