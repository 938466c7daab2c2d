"""Every word that is used on more than one card: numbers, times, options, troubles, failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bot.generations.states import FailureCode
from bot.generations.values import PictureView, ReferenceView, RequestView, Trouble
from bot.rivya.catalogue import MODELS
from bot.rivya.errors import user_message_for
from bot.ui.text import plain

NOTHING_CHARGED = "Nothing was charged."

_DETAIL_LIMIT = 280
_FILENAME_LIMIT = 40

_FAILURES = {
    FailureCode.REFERENCE_REFUSED: "One of the reference images can't be used.",
    FailureCode.CANCELLED: "Cancelled before being sent.",
    FailureCode.NOT_ACKNOWLEDGED: "I could not show you that I had taken it, so it was not sent.",
    FailureCode.RESTORED: "It had not been sent yet when the backup was made that I was brought back from.",
    FailureCode.SERVER_PAUSED: "The bot's operator paused me in this server before it was sent.",
    FailureCode.INTERNAL: "Something went wrong on my side.",
    FailureCode.OVERDUE: "It had not come after a day, so I stopped waiting.",
    FailureCode.CREATE_UNKNOWN: "It never became known whether it was made.",
    FailureCode.RESULT_GONE: "It was made, but could not be obtained.",
    FailureCode.RESULT_TOO_LARGE: "It was made, but could not be obtained: it is larger than I can store.",
    FailureCode.DAMAGED_RESULT: "It was made, but could not be obtained: what came was damaged.",
}

_TROUBLES = {
    Trouble.UNREACHABLE: "The image service does not answer right now. I keep trying.",
    Trouble.BUSY: "The image service is very busy. I go on as soon as it lets me.",
    Trouble.SLOW: "This takes longer than such pictures usually do. I keep waiting for it.",
    Trouble.RESULT: "The picture is made, but can't be downloaded yet. I keep trying.",
    Trouble.DISK: "The picture is made, but I am short of room for it. It is fetched as soon as there is some.",
    Trouble.REFERENCES: "A reference image can't be fetched from Discord yet. I keep trying.",
    Trouble.ACCOUNT: "The bot's operator has to look at its account at the image service. It goes on by itself then.",
    Trouble.INTERNAL: "Something went wrong on my side. I try again by myself.",
}


_MODEL_LABELS = {spec.id: spec.label for spec in MODELS}

BOOKED: Final = {"hold": "held", "capture": "charged", "void": "given back", "refund": "refunded", "grant": "granted"}
"""What an entry of a member's account did."""


def model_label(model: str) -> str:
    """Return a model's name for people; the id of one that is not known any more."""
    return _MODEL_LABELS.get(model, model)


def grouped(number: int) -> str:
    """1234 → "1,234"."""
    return f"{number:,}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """(2, "picture") → "2 pictures"."""
    return f"{grouped(number)} {one if number == 1 else many or one + 's'}"


def in_credits(amount: int) -> str:
    """8 → "8 credits"; 1 → "1 credit"."""
    return counted(amount, "credit")


def duration(seconds: float) -> str:
    """14.4 → "14 s"; 125 → "2 min 5 s"; 7200 → "2 h"."""
    whole = max(round(seconds), 0)
    minutes, rest = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left} min" if minutes_left else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{whole} s"


def relative(at_ms: int) -> str:
    """Return Discord's running time: "in 12 days", "3 minutes ago"."""
    return f"<t:{at_ms // 1000}:R>"


def day(at_ms: int) -> str:
    """Return the reader's own date: "22 November 2026"."""
    return f"<t:{at_ms // 1000}:D>"


def who(user_id: int) -> str:
    """Return a person as a mention, or that they asked to be forgotten."""
    return f"<@{user_id}>" if user_id > 0 else "somebody who asked to be forgotten"


def listed(items: Sequence[str]) -> str:
    """["1", "2", "3"] → "1, 2 and 3"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def options_line(options: Mapping[str, str]) -> list[str]:
    """Return the options as a reader names them: "16:9", "2K", and the format where it isn't png."""
    shown: list[str] = []
    ratio = options.get("aspect_ratio")
    if ratio:
        shown.append("any ratio" if ratio == "auto" else plain(ratio, 20))
    if options.get("resolution"):
        shown.append(plain(options["resolution"], 20))
    output_format = options.get("output_format", "png")
    if output_format != "png":
        shown.append(plain(output_format, 20))
    for name, value in options.items():
        if name not in {"aspect_ratio", "resolution", "output_format"} and value != "false":
            words = name.replace("_", " ")
            shown.append(plain(words if value == "true" else f"{words} {value}", 30))
    return shown


def references_named(references: Sequence[ReferenceView]) -> str:
    """Return the references in their order: "image 1: cat.png · image 2: dog.png"; "" when there are none."""
    in_order = sorted(references, key=lambda reference: reference.position)
    return " · ".join(f"image {image.position}: {plain(image.filename, _FILENAME_LIMIT)}" for image in in_order)


def request_line(view: RequestView) -> str:
    """Return what was asked for: "Pro · 16:9 · 2K · 2 references"."""
    parts = [plain(view.model_label, 40), *options_line(view.options)]
    if view.references:
        parts.append(counted(len(view.references), "reference"))
    return " · ".join(parts)


def trouble_words(trouble: str) -> str:
    """Return what is being waited for, in a sentence or two."""
    return _TROUBLES.get(trouble, "This takes longer than it should. I keep trying.")


def failure_words(picture: PictureView) -> str:
    """Return what happened to a picture that did not come, in a sentence or two; says nothing of credits."""
    code = picture.failure_code or FailureCode.INTERNAL
    if code == FailureCode.REFERENCE_REFUSED and picture.failure_detail:
        sentence = plain(picture.failure_detail, _DETAIL_LIMIT)
        return sentence if sentence.endswith((".", "…")) else f"{sentence}."
    return _FAILURES[FailureCode(code)] if code in set(FailureCode) else user_message_for(code)
