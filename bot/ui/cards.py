"""Every card, under one name."""

from bot.ui.about import about_card, help_card
from bot.ui.account import credits_card
from bot.ui.card import Card
from bot.ui.confirm import confirm_card, not_now_card
from bot.ui.failure import (
    cancelled_card,
    error_card,
    failure_card,
    notice_card,
    unheard_card,
    unwritten_card,
    void_card,
)
from bot.ui.history import PAGE_SIZE, history_card, picture_card
from bot.ui.progress import progress_card
from bot.ui.refusal import Mend, refusal_card
from bot.ui.result import description, result_card

__all__ = [
    "PAGE_SIZE",
    "Card",
    "Mend",
    "about_card",
    "cancelled_card",
    "confirm_card",
    "credits_card",
    "description",
    "error_card",
    "failure_card",
    "help_card",
    "history_card",
    "not_now_card",
    "notice_card",
    "picture_card",
    "progress_card",
    "refusal_card",
    "result_card",
    "unheard_card",
    "unwritten_card",
    "void_card",
]
