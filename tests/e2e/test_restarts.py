"""What was posted before a restart works after it, over the wire: buttons, selects, forms, confirmations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.generations.lineage import LARGER_PROMPT
from bot.sandbox.rivya import Fault, FaultKind, RivyaSandbox
from bot.sandbox.rivya_books import TaskRecord
from bot.sandbox.wire import MessageRecord, WireServer
from tests.e2e.program import PATIENCE_S, audited, both, running, set_channels, until_said
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


async def test_what_stands_under_more_and_every_offer_work_after_a_restart(tmp_path: Path) -> None:
    async with both() as (wire, rivya):
        guild = wire.people.add_guild()
        channel, gallery = wire.people.add_channel(guild), wire.people.add_channel(guild, "gallery")
        reports = wire.people.add_channel(guild, "reports")
        alice, bob = wire.people.add_member(guild, "alice"), wire.people.add_member(guild, "bob")
        moderator = wire.people.add_member(guild, "moderator", administrator=True)

        async with running(tmp_path, wire, rivya, MAX_RUNNING_PER_MEMBER="10"):
            await set_channels(wire, moderator, channel, gallery=gallery, reports=reports)
            first = await wire.slash(alice, channel, "imagine", prompt="a harbour")
            secret = await wire.slash(alice, channel, "imagine", prompt="for me alone", private=True)
            refused = await wire.slash(bob, channel, "imagine", prompt="as large as can be", resolution="8K")
            mend = await until_said(wire, refused, "The model can't take this.")
            await wire.until(lambda: first.shown_ms and secret.shown_ms, PATIENCE_S)
            found = await wire.slash(alice, channel, "history")
            page = await until_said(wire, found, "for me alone")
            private_id = await _request_behind(wire, alice, secret.message_id or 0)
            opened = await wire.select(alice, page.id, "nbb:open", [private_id])
            looked_at = await until_said(wire, opened, "for me alone")
            rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=3600))
            slow = await wire.slash(alice, channel, "imagine", prompt="a slow boat")
            await wire.until(lambda: _asked(rivya, "a slow boat"), PATIENCE_S)

        async with running(tmp_path, wire, rivya, MAX_RUNNING_PER_MEMBER="10"):
            source = first.message_id or 0
            # What is being painted: Cancel is honest about what it can't take back.
            cancelled = await wire.click(alice, slow.message_id or 0, "nbb:cancel:.*")
            late = await until_said(wire, cancelled, "It is too late to take this back.")
            assert "8 credits, unless it fails" in late.text
            assert "stays in your /history" in late.text
            # What costs something, all at once: a larger size, four more, a new one from its form, a mended refusal.
            larger = await wire.select(bob, source, "nbb:more:.*", ["larger.4K.8"])
            varied = await wire.select(alice, source, "nbb:more:.*", ["variations.32"])
            varying = await until_said(wire, varied, "This costs 32 credits.")
            varied = await wire.click(alice, varying.id, "nbb:paint:[^:]*:32")
            form = await wire.select(bob, source, "nbb:more:.*", ["reference"])
            mended = await wire.click(bob, mend.id, "nbb:paint:[^:]*:8")
            await wire.until(lambda: form.modal, PATIENCE_S)
            referred = await wire.modal_submit(bob, form.id, {"prompt": "a ship for it"})
            # What costs nothing.
            kept = await wire.select(bob, source, "nbb:more:.*", ["tray"])
            await until_said(wire, kept, "1 image added to your tray.")
            told = await wire.select(bob, source, "nbb:more:.*", ["maker"])
            await until_said(wire, told, f"<@{alice}> made this")
            full = await wire.select(bob, source, "nbb:more:.*", ["full"])
            await wire.until(lambda: full.shown_ms, PATIENCE_S)
            assert wire.books.messages[full.message_id or 0].ephemeral
            complaint = await wire.select(bob, source, "nbb:more:.*", ["report"])
            await wire.until(lambda: complaint.modal, PATIENCE_S)
            reported = await wire.modal_submit(bob, complaint.id, {"reason": "it is not a harbour"})
            await until_said(wire, reported, "The moderators of this server have it now")
            exhibited = await wire.select(alice, source, "nbb:more:.*", ["gallery"])
            await until_said(wire, exhibited, "It stands in the gallery now.")
            # A private picture, posted after having been asked.
            posting = await wire.click(alice, looked_at.id, "nbb:again:.*")
            question = await until_said(wire, posting, "private")
            published = await wire.click(alice, question.id, "nbb:publish:.*")
            await wire.until(lambda: published.acknowledged_ms, PATIENCE_S)
            await wire.until(lambda: _public(wire, channel, "for me alone"), PATIENCE_S)

            (task,) = _asked(rivya, "a slow boat")
            task.outcome = replace(task.outcome, ends_ms=SystemClock().now_ms())
            asked = (larger, varied, referred, mended, slow)
            await wire.until(lambda: all(one.shown_ms for one in asked), PATIENCE_S)

        assert sorted((task.prompt, len(task.reference_ids), task.resolution) for task in rivya.books.tasks) == sorted(
            [
                ("a harbour", 0, "1K"),
                ("for me alone", 0, "1K"),
                ("a slow boat", 0, "1K"),
                (f"{LARGER_PROMPT}\n\nIt shows: a harbour", 1, "4K"),
                *[("a harbour", 0, "1K")] * 4,
                ("a ship for it", 1, "1K"),
                ("as large as can be", 0, "1K"),
            ]
        )
        assert rivya.books.total_charged == 10 * 8
        shown = {one.message_id: wire.books.messages[one.message_id or 0] for one in asked}
        assert [len(message.files) for message in shown.values()] == [1, 4, 1, 1, 1]
        assert not {first.message_id, secret.message_id} & shown.keys(), "a new picture is a new message"
        assert [len(_public(wire, place, "")) for place in (gallery, reports)] == [1, 1]
        report = await audited(tmp_path)
        assert (report.findings, report.open_holds) == ((), 0)


async def _request_behind(wire: WireServer, member: int, message_id: int) -> str:
    form = await wire.click(member, message_id, "nbb:remix:.*")
    await wire.until(lambda: form.modal, PATIENCE_S)
    return str((form.modal or {})["custom_id"]).rpartition(":")[2]


def _asked(rivya: RivyaSandbox, prompt: str) -> list[TaskRecord]:
    return [task for task in rivya.books.tasks if task.prompt == prompt]


def _public(wire: WireServer, channel: int, words: str) -> list[MessageRecord]:
    found = wire.books.pictures(containing=words)
    return [message for message in found if message.channel_id == channel and not message.ephemeral]
