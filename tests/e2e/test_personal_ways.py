"""Every way to a picture for who installed the app for themselves, where the bot is not: menu, tray, forms, looks."""

from __future__ import annotations

from pathlib import Path

from bot.sandbox.wire import InteractionRecord, WireServer
from tests.e2e.program import PATIENCE_S, audited, both, running, until_said
from tests.e2e.test_personal import PICTURE_CREDITS, Places
from tests.world import png


async def test_menus_the_tray_forms_and_looks_work_where_the_bot_is_not(tmp_path: Path) -> None:
    async with both() as (wire, rivya):
        places = Places(wire)
        alice, outside = places.alice, (places.foreign, places.between)

        async with running(tmp_path, wire, rivya, PERSONAL_CREDITS_PER_MONTH="200", MAX_RUNNING_PER_MEMBER="10"):
            for channel in outside:
                here = f"here {channel}"
                # A menu on somebody's message: a form of it, and the tray.
                posted = await wire.say(places.bob, channel, "my cat", files=[("cat.png", png())])
                menu = await wire.message_menu(alice, posted, "Use as reference")
                referred = await wire.modal_submit(
                    alice, (await _opened(wire, menu)).id, {"prompt": f"referred {here}"}
                )
                await until_said(
                    wire, await wire.message_menu(alice, posted, "Add to my tray"), "1 image added to your tray."
                )
                tray = await until_said(wire, await wire.slash(alice, channel, "tray"), "1 of 8")
                use = await wire.click(alice, tray.id, "nbb:tray:use")
                trayed = await wire.modal_submit(
                    alice, (await _opened(wire, use)).id, {"prompt": f"of the tray {here}"}
                )
                source = await places.painted(alice, channel, f"first {here}", use_tray=True)
                await wire.click(alice, tray.id, "nbb:tray:empty")
                await wire.until(lambda tray=tray: "Take the image out" in tray.text, PATIENCE_S)
                await wire.click(alice, tray.id, "nbb:tray:clear")
                await wire.until(lambda tray=tray: "Your tray is empty." in tray.text, PATIENCE_S)
                # The result's forms, and a look at it.
                message_id = source.message_id or 0
                edit = await wire.click(alice, message_id, "nbb:edit:.*")
                remix = await wire.click(alice, message_id, "nbb:remix:.*")
                request_id = str(((await _opened(wire, remix)).modal or {})["custom_id"]).rpartition(":")[2]
                edited = await wire.modal_submit(alice, (await _opened(wire, edit)).id, {"prompt": f"edited {here}"})
                remixed = await wire.modal_submit(alice, remix.id, {"prompt": f"remixed {here}"})
                results = (referred, trayed, source, edited, remixed)
                for asked in results:
                    await wire.until(lambda asked=asked: asked.shown_ms, PATIENCE_S)
                assert [(asked.posts, asked.ephemeral) for asked in results] == [(1, False)] * 5
                details = await wire.select(alice, message_id, "nbb:more:.*", ["details"])
                assert (await until_said(wire, details, "2 pictures came of it")).ephemeral
                looked_at = await until_said(
                    wire, await wire.slash(alice, channel, "show", id=request_id), f"first {here}"
                )
                assert looked_at.ephemeral
        assert all(places.posted_in(channel) == [] for channel in outside)
        assert [len(task.reference_ids) for task in rivya.books.tasks if task.prompt.startswith("edited")] == [1, 1]
        assert rivya.books.total_charged == 10 * PICTURE_CREDITS
        report = await audited(tmp_path)
        assert (report.findings, report.open_holds) == ((), 0)


async def _opened(wire: WireServer, asked: InteractionRecord) -> InteractionRecord:
    await wire.until(lambda: asked.modal, PATIENCE_S)
    return asked
