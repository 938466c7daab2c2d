"""What was posted before a restart works after it, over the wire: buttons, selects, forms, confirmations."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.program import PATIENCE_S, audited, both, running, until_said
from tests.world import png


async def test_whatever_was_posted_before_a_restart_works_after_it(tmp_path: Path) -> None:
    async with both() as (wire, rivya):
        guild = wire.people.add_guild()
        channel = wire.people.add_channel(guild)
        alice, bob = wire.people.add_member(guild, "alice"), wire.people.add_member(guild, "bob")

        async with running(tmp_path, wire, rivya):
            first = await wire.slash(alice, channel, "imagine", prompt="a lighthouse", image_1=("sea.png", png()))
            await wire.until(lambda: first.shown_ms, PATIENCE_S)
            assert first.message_id is not None
            form = await wire.click(alice, first.message_id, "nbb:remix:.*")
            await wire.until(lambda: form.modal, PATIENCE_S)
            request_id = str((form.modal or {})["custom_id"]).rpartition(":")[2]
            dear = await wire.slash(alice, channel, "imagine", prompt="four boats", count=4)
            offer = await until_said(wire, dear, "This costs 32 credits.")
            unwanted = await wire.slash(alice, channel, "imagine", prompt="three boats", count=3)
            put_away = await until_said(wire, unwanted, "This costs 24 credits.")
            found = await wire.slash(alice, channel, "history")
            page = await until_said(wire, found, "a lighthouse")

        async with running(tmp_path, wire, rivya):
            # Buttons of a result: anybody's here, and of a result of this life as well.
            again = await wire.click(bob, first.message_id, "nbb:redo:.*")
            await wire.until(lambda: again.shown_ms, PATIENCE_S)
            assert again.message_id not in {None, first.message_id}, "a new picture is a new message"
            opened = await wire.click(bob, first.message_id, "nbb:edit:.*")
            await wire.until(lambda: opened.modal, PATIENCE_S)
            # Selects.
            details = await wire.select(bob, first.message_id, "nbb:more:.*", ["details"])
            await until_said(wire, details, "a lighthouse")
            assert wire.books.messages[details.message_id or 0].ephemeral
            listed = await wire.select(alice, page.id, "nbb:open", [request_id])
            await wire.until(lambda: listed.acknowledged_ms, PATIENCE_S)
            # A form that was open all the time.
            remix = await wire.modal_submit(alice, form.id, {"prompt": "a lighthouse at night"})
            await wire.until(lambda: remix.shown_ms, PATIENCE_S)
            # A confirmation: once, by whoever was asked.
            paint = f"nbb:paint:[^:]*:{4 * 8}"
            with pytest.raises(ValueError, match="see"):
                await wire.click(bob, offer.id, paint)
            clicks = [await wire.click(alice, offer.id, paint) for _ in range(2)]
            await wire.until(lambda: all(click.acknowledged_ms for click in clicks), PATIENCE_S)
            # Whichever of the two was the faster one.
            await wire.until(lambda: any(click.shown_ms for click in clicks), PATIENCE_S)
            left = await wire.click(alice, put_away.id, "nbb:notnow:.*")
            await wire.until(lambda: left.acknowledged_ms, PATIENCE_S)
            await wire.until(lambda: "Not painted." in put_away.text, PATIENCE_S)

        asked = ["a lighthouse", "a lighthouse", "a lighthouse at night", *["four boats"] * 4]
        assert [task.prompt for task in rivya.books.tasks] == asked
        assert [len(task.reference_ids) for task in rivya.books.tasks] == [1, 1, 1, 0, 0, 0, 0]
        assert rivya.books.total_charged == 7 * 8
        results = [message for message in wire.books.pictures() if not message.ephemeral]  # not /history's thumbnails
        assert [len(message.files) for message in results] == [1, 1, 1, 4]
        report = await audited(tmp_path)
        assert (report.findings, report.open_holds) == ((), 0)
