"""What simcord leaves out about commands' permissions: reading all of a server's at once, and hearing of changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simcord.backend import Backend, errors
from simcord.http.router import RequestContext, route

_KINDS = {"role": 1, "person": 2, "channel": 3}


@route("GET", "/applications/{application_id}/guilds/{guild_id}/commands/permissions")
def _list_command_permissions(ctx: RequestContext) -> Any:
    guild_id = ctx.int_arg("guild_id")
    guild = ctx.backend.guilds.get(guild_id)
    if guild is None or ctx.backend.bot_user.id not in guild.members:
        raise errors.missing_access()
    return [
        _payload(ctx.backend, guild_id, target_id, lines)
        for (where_id, target_id), lines in ctx.backend.command_permissions.items()
        if where_id == guild_id
    ]


def set_command_permissions(
    backend: Backend, guild_id: int, command: str | None, lines: Mapping[tuple[str, int], bool]
) -> None:
    """Set who may use a command (None: any of the app's) in a server, as its admins do under Integrations.

    Lines are by ``("role" | "person" | "channel", id)``; all that was set for the command before is gone.
    """
    target_id = backend.application_id
    if command is not None:
        found = backend.find_command(command, None)
        if found is None:
            raise ValueError(f"there is no command {command}")
        target_id = int(found["id"])
    wanted = [
        {"id": str(entity_id), "type": _KINDS[kind], "permission": allowed}
        for (kind, entity_id), allowed in lines.items()
    ]
    backend.set_command_permissions(guild_id, target_id, wanted)
    backend.emit("APPLICATION_COMMAND_PERMISSIONS_UPDATE", _payload(backend, guild_id, target_id, wanted))


def _payload(backend: Backend, guild_id: int, target_id: int, lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": str(target_id),
        "application_id": str(backend.application_id),
        "guild_id": str(guild_id),
        "permissions": list(lines),
    }
