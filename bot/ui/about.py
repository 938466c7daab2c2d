"""The cards that say what the bot is and how it is used."""

from __future__ import annotations

from collections.abc import Sequence

from bot.generations.house_rules import HouseRules
from bot.generations.upkeep import REFERENCES_S
from bot.ui.card import BANANA, Card, fine, gap, lines
from bot.ui.text import plain
from bot.ui.words import counted, in_credits


def about_card(
    *,
    models: Sequence[tuple[str, int]],
    retention_days: int | None,
    operator: str | None = None,
    version: str | None = None,
    house: HouseRules | None = None,
) -> Card:
    """Return what the bot does, costs and keeps, who runs it and who else sees what one asks for here.

    ``models`` are (label, credits a picture); ``retention_days`` is for how long pictures are kept, None: as long as
    there is room; ``house`` are the server's rules.
    """
    return Card(
        BANANA,
        lines(
            "**I paint what you describe.**",
            "/imagine takes a prompt and up to eight reference images. A picture that was paid for is never lost, "
            "and what is not made is not charged.",
        ),
        gap(line=True),
        _prices(models),
        gap(line=True),
        fine(
            _told(house),
            _kept(retention_days),
            _contact(operator),
            f"Version {plain(version, 40)}" if version else None,
        ),
    )


def help_card(
    *,
    commands: Sequence[tuple[str, str]],
    managing: Sequence[tuple[str, str]] = (),
    models: Sequence[tuple[str, int]],
    retention_days: int | None,
    operator: str | None = None,
) -> Card:
    """Return how the bot is used; ``commands`` are (name with slash, what it does), ``managing`` those of managers."""
    return Card(
        BANANA,
        lines("**How it works**", "Describe a picture with /imagine; it is posted here when it is there."),
        gap(),
        _listed(commands),
        gap(line=True) if managing else None,
        lines("**To manage the bot**", _listed(managing)) if managing else None,
        gap(line=True),
        _prices(models),
        gap(line=True),
        fine(
            "Credits are held when you ask and taken when the picture is there. Whatever fails is given back.",
            "Name your references in the prompt by their order: image 1, image 2.",
            _kept(retention_days),
            _contact(operator),
        ),
    )


def _listed(commands: Sequence[tuple[str, str]]) -> str:
    return lines(*(f"**{plain(name, 40)}** · {plain(does, 200)}" for name, does in commands))


def _kept(retention_days: int | None) -> str:
    lasts = f"for {counted(retention_days, 'day')}" if retention_days is not None else "for as long as there is room"
    most = REFERENCES_S // (24 * 3600)
    references = min(most, retention_days or most)
    return (
        f"Prompts, options and pictures are kept {lasts}, reference images for {counted(references, 'day')}, those of "
        "a tray for a day, the ledger of your credits for good. Prompts and images are sent to the image service. "
        "/privacy gives you all of it, or deletes it."
    )


def _prices(models: Sequence[tuple[str, int]]) -> str:
    return lines("**A picture costs**", *(f"{plain(name, 60)} · {in_credits(price)}" for name, price in models))


def _told(house: HouseRules | None) -> str | None:
    if house is None or house.log_channel_id is None:
        return None
    if house.log_private:
        return "This server's moderators see each request in a channel of theirs: the prompts of private ones as well."
    return "This server's moderators see each request in a channel of theirs; of a private one only that it was made."


def _contact(operator: str | None) -> str | None:
    return f"Run by {plain(operator, 200)}" if operator else None
