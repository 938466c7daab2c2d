"""Samples of what stands under a result and comes of it: More, Details, Delete, reports, the gallery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from bot.generations.lineage import LARGER_PROMPT
from bot.generations.previews import Preview
from bot.generations.protocols import PostFile
from bot.generations.repository import BookedRow, ReportRow, ReportState
from bot.generations.states import DeliveryState, PictureState
from bot.generations.values import Derived, PictureView, Relatives, RelativeView, RequestView
from bot.ui import cards, ids
from bot.ui.actions import Action, Choice, which_card
from bot.ui.details import details_card, maker_card
from bot.ui.gallery import exhibited_card, gallery_card
from bot.ui.removal import (
    delete_card,
    deleted_card,
    kept_card,
    no_reports_card,
    publish_card,
    published_card,
    report_card,
    reported_card,
    take_down_card,
)
from bot.ui.result import full_card, look_card, result_card
from tests.ui_samples import ARABIC, HOSTILE, NOW_MS, PANDA, UPLOADED, S, Sample, files, picture, references, request

SHOWN: dict[str, Any] = {
    "delivery": DeliveryState.SHOWN, "delivered_channel_id": 30, "delivered_message_id": 40, "has_gallery": True,
}  # fmt: skip
PROMPT_FILE = PostFile(1, Path("prompt.txt"), "prompt.txt", fitted=False)
LARGER = f"{LARGER_PROMPT}\n\nIt shows: {PANDA}"


def relative(number: int = 1, **values: Any) -> RelativeView:
    base: dict[str, Any] = {
        "id": f"{number:016x}", "user_id": 10, "guild_id": 20, "private": False, "removed_by": None, "prompt": PANDA,
        "derived_as": Derived.EDIT, "position": None, "created_at_ms": NOW_MS - 86_400_000, "place_guild_id": 20,
        "channel_id": 30, "message_id": 40 + number,
    }  # fmt: skip
    return RelativeView(**(base | values))


def report(**values: Any) -> ReportRow:
    base: dict[str, Any] = {
        "id": 7, "request_id": "0123456789ab7f3a", "guild_id": 20, "reporter_id": 11, "reason": "it shows a brand",
        "state": ReportState.OPEN, "channel_id": 30, "message_id": 41, "created_at_ms": NOW_MS - 60_000,
        "handled_at_ms": None, "handled_by": None,
    }  # fmt: skip
    return ReportRow(**(base | values))


def everyone(_relative: RelativeView) -> bool:
    return True


def public_ones(relative_view: RelativeView) -> bool:
    return not relative_view.private


def booked(view: RequestView, *kinds: str, first: int = 1201) -> list[BookedRow]:
    """Return entries of these kinds for each picture."""
    numbers = count(first)
    return [
        BookedRow(next(numbers), kind, 8, each.id, "member", "picture", NOW_MS)
        for kind in kinds
        for each in view.pictures
    ]


def result_samples() -> dict[str, Sample]:
    found: dict[str, Sample] = {}

    def plain(name: str, draw: Callable[[], cards.Card], attached: Sequence[Any] = ()) -> None:
        found[name] = Sample(draw, attached)

    def result(name: str, view: RequestView) -> None:
        plain(f"result-{name}", lambda: result_card(view, files(view)), files(view))

    one = request(picture(1), references=references(UPLOADED, UPLOADED), **SHOWN)
    four = request(*(picture(number) for number in range(1, 5)), **SHOWN)
    result("from", replace(one, parent=relative(1, position=2)))
    result("from-private", replace(one, parent=relative(1, private=True)))
    result("larger", replace(one, prompt=LARGER, parent=relative(1, derived_as=Derived.LARGER, position=1)))
    result("four-gallery", replace(four, prompt=HOSTILE))
    result("private", replace(one, private=True, prompt=ARABIC))
    plain("full", lambda: full_card(one, files(one)), files(one))
    for choice in (
        Choice(Action.FULL), Choice(Action.LARGER, "4K", 8), Choice(Action.TRAY), Choice(Action.GALLERY),
    ):  # fmt: skip
        plain(f"which-{choice.action}", lambda c=choice: which_card(four, c, tray=c.action is Action.TRAY))  # type: ignore[misc]

    small = Preview(1, Path("p1.webp"), "picture-1.webp")
    paid = booked(one, "hold", "capture", "refund")
    plain("details", lambda: details_card(one, Relatives(None, ()), everyone, preview=small, booked=paid), [small])
    of_four = booked(four, "hold", "capture")
    plain(
        "details-booked",
        lambda: details_card(four, Relatives(None, ()), everyone, preview=small, booked=of_four),
        [small],
    )
    kin = Relatives(
        relative(1, position=2),
        (
            relative(2, derived_as=Derived.AGAIN, prompt=ARABIC),
            relative(3, derived_as=Derived.LARGER, position=1, prompt=LARGER),
            relative(4, private=True, user_id=99, prompt="a secret"),
            relative(5, derived_as=Derived.VARIATIONS, prompt=HOSTILE),
            relative(6, derived_as=Derived.REFERENCE, removed_by=10),
        ),
    )
    detailed = replace(four, prompt=PANDA + "\n\n- a lantern\n- a cat\n" + "more of it, " * 200, style="neon")
    plain("details-kin", lambda: details_card(detailed, kin, public_ones, preview=small), [PROMPT_FILE, small])
    failed = request(picture(1, S.FAILED, failure_code="prompt_refused"), picture(2, S.UNKNOWN), prompt=ARABIC)
    back = booked(failed, "hold", "void")
    plain("details-failed", lambda: details_card(failed, Relatives(None, ()), everyone, booked=back))
    plain("maker", lambda: maker_card(one))
    plain("maker-edit", lambda: maker_card(replace(one, parent=relative(1, position=2))))

    plain("delete-owner", lambda: delete_card(one, by_owner=True, message_id=40))
    plain("delete-moderator", lambda: delete_card(four, by_owner=False, in_gallery=True, message_id=40))
    working = request(picture(1), picture(2, S.PAINTING), **SHOWN)
    plain("delete-working", lambda: delete_card(working, by_owner=True, message_id=40))
    plain("deleted", lambda: deleted_card(one, by_owner=True, deleted=1, left=0))
    plain("deleted-unreached", lambda: deleted_card(one, by_owner=False, deleted=0, left=1))
    plain("kept", kept_card)
    plain("publish", lambda: publish_card(30, ids.exhibit(one.id, 1)))
    plain("publish-several", lambda: publish_card(30, ids.publish(four.id), several=True))
    plain("published", published_card)
    plain("take-down-owner", lambda: take_down_card(one, by_owner=True, can_post_again=True, message_id=40))
    plain("take-down-moderator", lambda: take_down_card(four, by_owner=False, can_post_again=False, message_id=40))
    plain("deleted-here-not", lambda: deleted_card(one, by_owner=True, deleted=0, left=1))

    plain("reported", lambda: reported_card(sent=True, has_channel=True, repeated=False))
    plain("reported-kept", lambda: reported_card(sent=False, has_channel=False, repeated=False))
    plain("reported-twice", lambda: reported_card(sent=True, has_channel=True, repeated=True))
    plain("report", lambda: report_card(report(), one, files(one)), files(one))
    plain("report-looked-at", lambda: report_card(report(reason=HOSTILE), four, files(four), place=(1, 3)), files(four))
    plain(
        "report-handled",
        lambda: report_card(
            report(state=ReportState.DELETED, handled_by=12, handled_at_ms=NOW_MS), replace(one, removed_by=12), []
        ),
    )
    plain("reports-none", no_reports_card)

    plain("gallery", lambda: gallery_card(one, files(one)), files(one))
    plain("gallery-private", lambda: gallery_card(replace(one, private=True), files(one)), files(one))
    plain("post-private", lambda: look_card(replace(four, private=True), files(four)), files(four))
    plain("exhibited", lambda: exhibited_card("https://discord.com/channels/20/30/41", again=False))
    return found


def longest_results(prompt: str, filename: str) -> dict[str, Sample]:
    """The worst that there is to show of these."""
    images = references(*[UPLOADED] * 8, names=[filename])
    values: dict[str, Any] = {"prompt": prompt, "references": images, "model_label": prompt, "style": prompt, **SHOWN}
    values["options"] = dict.fromkeys(("aspect_ratio", "resolution", "output_format", "image_resolution"), prompt)
    gone: list[PictureView] = [picture(number, path=None) for number in (1, 2)]
    view = request(*gone, picture(3), picture(4, PictureState.UNKNOWN), **values)
    shown = files(view)[2:]
    children = [relative(number, prompt=prompt, position=3) for number in range(1, 60)]
    kin = Relatives(relative(1, prompt=prompt, position=4), tuple(children))
    bad = report(reason=prompt[:1000], state=ReportState.OPEN)
    return {
        "details": Sample(
            lambda: details_card(
                view,
                kin,
                everyone,
                preview=Preview(3, Path("p3.webp"), "p3.webp"),
                booked=booked(view, "hold", "capture", *(["refund"] * 8), first=10**12),
            ),
            [PROMPT_FILE],
        ),
        "report": Sample(lambda: report_card(bad, view, shown, place=(99_999, 999_999)), shown),
        "gallery": Sample(lambda: gallery_card(view, shown), shown),
        "look": Sample(lambda: look_card(view, shown), shown),
        "take-down": Sample(lambda: take_down_card(view, by_owner=True, can_post_again=True, message_id=2**63)),
        "full": Sample(lambda: full_card(view, shown), shown),
        "delete": Sample(lambda: delete_card(view, by_owner=False, in_gallery=True, message_id=2**63)),
        "from": Sample(lambda: result_card(replace(view, parent=relative(1, position=4)), shown), shown),
    }
