"""What the tests of the delivery ladder share."""

from __future__ import annotations

from sqlalchemy import text

from bot.generations.protocols import DeliveryFault
from bot.generations.states import DeliveryState, RequestState, Rung
from tests.world import World

EDIT, ORIGINAL, CHANNEL, DIRECT = Rung.EDIT_MESSAGE, Rung.EDIT_ORIGINAL, Rung.CHANNEL, Rung.DIRECT
F = DeliveryFault
SHOWN, KEPT, WITHDRAWN = DeliveryState.SHOWN, DeliveryState.KEPT, DeliveryState.WITHDRAWN


async def ended(world: World, request_id: str) -> None:
    """Let the ladder come to its end; its waits are skipped one by one."""

    async def over() -> bool:
        async with world.database.read() as tx:
            query = f"SELECT next_try_at_ms FROM deliveries WHERE request_id = '{request_id}'"
            next_try_ms = await tx.scalar(text(query))
        world.clock.advance(max((next_try_ms or 0) - world.clock.now_ms(), 0) / 1000)
        view = await world.view(request_id)
        return view.delivery in {SHOWN, KEPT, WITHDRAWN} and view.state is RequestState.SETTLED

    await world.until(over)
    await world.until_idle()
