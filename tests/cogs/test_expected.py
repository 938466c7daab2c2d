"""When a picture should come: by what this model and size took lately, and honest words while that is unknown."""

from __future__ import annotations

from bot.sandbox.rivya_faults import Fault, FaultKind
from tests.cogs.conftest import OpenWorld, text_of
from tests.cogs.results import newest_view


async def test_the_expected_time_is_what_such_pictures_took_lately(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(max_running=1)
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=60))
    first = await world.imagine("the first of all")
    await world.until(lambda: "Painting" in text_of(first.response))
    assert " of about " not in text_of(first.response), "nothing is known yet"
    second = await world.imagine("waits behind it")
    await world.until(lambda: "Queued" in text_of(second.response))
    assert "**Queued** · next in line · I can't tell yet how long such a picture takes" in text_of(second.response)
    shown = await world.slash(world.alice, "queue")
    assert "**Painting** · I can't tell yet how long such a picture takes" in text_of(shown.response)
    await world.advance(70)
    await world.idle()

    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=1000))
    third = await world.imagine("the third")
    await world.until(lambda: " of about " in text_of(third.response))
    fourth = await world.imagine("the fourth")
    await world.until(lambda: "Queued" in text_of(fourth.response))
    view = await newest_view(world)
    assert view.queue_position == 1
    assert view.expected_s is not None
    assert view.expected_at_ms == view.now_ms + 2 * int(view.expected_s * 1000)
    assert "**Queued** · next in line · expected <t:" in text_of(fourth.response)
    await world.advance(1100)
    await world.idle()


async def test_what_another_size_or_model_took_says_nothing_of_this_one(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(max_running=1, max_running_per_member=8)
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=600))
    large = await world.imagine("a large one", resolution="4K")
    await world.until(lambda: "Painting" in text_of(large.response))
    await world.advance(700)
    await world.idle()
    await world.imagine("a small one", resolution="1K")
    await world.idle()

    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=5000))
    blocking = await world.imagine("in their way", resolution="4K")
    for prompt, options, known in [
        ("as large", {"resolution": "4K"}, 600),
        ("as small", {"resolution": "1K"}, 0),
        ("between", {"resolution": "2K"}, None),
        ("by another", {"model": "nano-banana-2", "resolution": "4K"}, None),
    ]:
        asked = await world.imagine(prompt, **options)
        view = await newest_view(world)
        if known is None:
            assert view.expected_s is None, prompt
            assert " of about " not in text_of(asked.response)
        else:
            assert view.expected_s is not None
            assert known <= view.expected_s < known + 120, prompt
    await world.until(lambda: "Painting" in text_of(blocking.response))  # the others wait behind it
    await world.advance(5200)
    await world.idle()
