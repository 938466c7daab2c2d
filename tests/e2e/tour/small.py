"""Small cards: answers, questions and refusals, laid on sheets by what they are about."""

from __future__ import annotations

from tests.e2e.tour.camera import Tour
from tests.ui_looking import looking
from tests.ui_samples import samples
from tests.ui_samples_house import house_samples

SHEETS = {
    "sheet-asking": ("tray-added", "confirm-dearer", "found-direct", "found-slower", "tray-empty", "found-ask-some"),
    "sheet-results": (
        *("publish", "published", "exhibited", "reported", "take-down-owner", "deleted"),
        *("cancelled-part", "failure-unknown", "failure-overdue", "failure-all-differently"),
    ),
    "sheet-refusals": (
        *("refusal-member-none", "refusal-option", "refusal-reference", "refusal-queue", "refusal-permissions"),
        *("house-refusal-slow", "house-refusal-private", "house-refusal-banned", "refusal-provider", "void"),
        *("error", "error-unwritten"),
    ),
    "sheet-yours": (
        *("style", "style-remove", "style-refused", "privacy-export", "privacy-forgotten", "privacy-nothing"),
        *("history-no-match", "queue-empty"),
    ),
    "sheet-managing": (
        *("banned", "unbanned", "settings-words-refused", "settings-zone-refused", "quota-remove"),
        *("quota-done-refund", "quota-done-time_zone", "quota-left", "usage-none", "welcome-not-allowed"),
    ),
    "sheet-operator": (
        *("operator-servers", "operator-books", "operator-log", "operator-server-paused"),
        *("operator-told-closed", "operator-told-opened"),
    ),
}


async def small_cards(tour: Tour) -> None:
    """Draw them from the samples of the cards' tests."""
    drawn = samples() | looking() | house_samples()
    for sheet, names in SHEETS.items():
        for name in names:
            await tour.card(f"{sheet} {name}", drawn[name].draw())
        await tour.together(sheet, *(f"{sheet} {name}" for name in names))


WALKS = (small_cards,)
