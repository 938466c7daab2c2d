"""The demo in a browser, as a member and an admin use it: the real bot, over sandboxes of Discord and Rivya."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.sandbox.demo import Demo, open_demo
from bot.sandbox.rivya import Fault, FaultKind
from tests.e2e.driver import PATIENCE_MS, DemoPage, chromium, open_page

PROMPT = "a red panda in a raincoat, in the colours of image 2"


@asynccontextmanager
async def demo_page(**options: Any) -> AsyncIterator[tuple[Demo, DemoPage]]:
    chromium()
    async with open_demo(check_errors=True, **options) as demo, open_page(demo.url) as page:
        yield demo, page


async def test_a_member_paints_from_two_references_and_looks_at_everything_after() -> None:
    # Seven seconds: long enough for the card to change twice while it is painted.
    async with demo_page(task_s=(7.0, 7.0)) as (demo, page):
        banana, valley, _ = demo.references

        await page.command(
            "imagine", prompt=PROMPT, aspect_ratio="16:9", resolution="2K", image_1=banana, image_2=valley
        )
        seen = await page.watch(until="Remix")

        painting = [text for text in seen if "Painting" in text]
        assert len(set(painting)) >= 2
        assert all("8 credits held" in text for text in painting)
        assert "Nano Banana Pro · 16:9 · 2K · 2 references" in seen[-1]
        assert "image 1: banana.png · image 2: valley.jpg" in seen[-1]
        assert "8 credits · 152 left" in seen[-1]
        [(width, height)] = await page.picture_sizes(PROMPT)
        assert width / height == pytest.approx(16 / 9, abs=0.02)

        [task] = demo.rivya.books.tasks
        uploads = {upload.id: upload.path for upload in demo.rivya.books.uploads}
        assert (task.prompt, task.model) == (PROMPT, "nano-banana-pro")
        assert (task.params["aspect_ratio"], task.params["resolution"]) == ("16:9", "2K")
        arrived = [uploads[reference].read_bytes() for reference in task.reference_ids]
        assert arrived == [banana.read_bytes(), valley.read_bytes()]
        assert demo.rivya.books.total_charged == 8

        await page.choose("More", "Full size")
        await page.sees("Only you can see this", PROMPT)
        [(width, height)] = await page.picture_sizes("Only you can see this", PROMPT)
        assert width * height == pytest.approx(2048 * 2048, rel=0.02)

        await page.command("credits")
        assert "8 of 160 used this month" in await page.sees("152 credits left")
        await page.command("history")
        assert "1 picture" in await page.sees("Your pictures", PROMPT)

        await page.view_as("Ada")
        assert not any("Only you can see this" in text for text in await page.texts())
        assert "8 credits" in await page.sees("Mia used /imagine", PROMPT)
        await page.command("credits")
        await page.sees("160 credits left")


async def test_a_queued_request_is_cancelled_by_its_button() -> None:
    async with demo_page(task_s=(0.5, 0.5), max_running=1) as (demo, page):
        demo.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=60))
        await page.command("imagine", prompt="a long one")
        await page.sees("a long one", "Painting")
        await page.command("imagine", prompt="a waiting one")
        await page.sees("a waiting one", "Queued · next in line", "8 credits held")

        await page.press("Cancel", within="a waiting one")

        await page.sees("a waiting one", "Cancelled. Nothing had been sent.", "your 8 credits are back")
        await page.sees("Only you can see this", "It was not sent yet: 8 credits are back.")
        await page.command("credits")
        assert "8 on hold for pictures in work" in await page.sees("152 credits left")
        assert [task.prompt for task in demo.rivya.books.tasks] == ["a long one"]


async def test_a_request_that_fails_says_why_and_gives_the_credits_back() -> None:
    async with demo_page(task_s=(0.5, 0.5)) as (demo, page):
        demo.rivya.faults.add(Fault(kind=FaultKind.TASK_FAILS, code="content_policy", message="Not this."))

        await page.command("imagine", prompt="something that is turned down")

        card = await page.sees("No picture this time.", "something that is turned down")
        assert "Nothing was charged; your 8 credits are back." in card
        await page.command("credits")
        await page.sees("160 credits left", "8 credits back")
        assert demo.rivya.books.total_charged == 0

        await page.end_session()  # which ends the program, too
        await asyncio.wait_for(demo.page.wait_closed(), timeout=PATIENCE_MS / 1000)


async def test_a_refusal_is_mended_in_one_press_and_several_pictures_come_as_a_gallery() -> None:
    async with demo_page(task_s=(0.5, 1.0), member_credits_per_month=20) as (demo, page):
        await page.command("imagine", prompt="four small islands", count=3, output_format="jpg")
        await page.sees("Only you can see this", "That is more than you have left.", "Nothing was charged.")
        assert demo.rivya.books.tasks == []

        await page.press_before_the_news("Make 2 pictures · 16 credits", demo.page.refresh)

        await page.sees("four small islands", "16 credits · 4 left", "Remix")
        assert await page.picture_sizes("four small islands", "Remix") == [(1024, 1024)] * 2
        assert [task.prompt for task in demo.rivya.books.tasks] == ["four small islands"] * 2
        await page.choose("More", "Full size")
        await page.choose("Picture …", "Picture 2")
        assert await page.picture_sizes("Only you can see this", "four small islands") == [(1024, 1024)]


async def test_a_private_picture_is_posted_from_the_history() -> None:
    async with demo_page(task_s=(0.5, 0.5)) as (_, page):
        await page.command("imagine", prompt="a secret garden", private=True)
        await page.sees("Only you can see this", "a secret garden", "Remix")
        await page.command("history")
        await page.choose("Open", "a secret garden")
        await page.press("Post here", within="Only you can see this")
        await page.sees("Only you can see this", "Show this private picture to everyone")
        await page.press("Show it to everyone")
        await page.sees("Only you can see this", "Everyone here can see it now.")

        await page.view_as("Ada")
        [posted] = [text for text in await page.texts() if "a secret garden" in text]
        assert "Only you can see this" not in posted
        assert await page.picture_sizes("a secret garden") == [(1024, 1024)]
