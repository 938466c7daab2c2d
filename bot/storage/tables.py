"""All tables: whoever has ``metadata`` from here has every one of them.

Times are integer milliseconds since the Unix epoch (UTC), credits are integers, Discord ids are integers.

What the database itself refuses (append-only entries, a second settlement of a hold, an impossible state change) stands
as triggers in the migrations; ``bot.storage.guards`` holds their text.
"""

from __future__ import annotations

from bot.storage import (  # noqa: F401 - each adds its tables
    credit_tables,
    memory_tables,
    operator_tables,
    personal_tables,
    quota_tables,
    request_tables,
    server_tables,
)
from bot.storage.metadata import metadata as metadata  # noqa: PLC0414 - it is asked for here
