"""Breaks connections as a network does."""

from __future__ import annotations

import socket
import struct

from aiohttp import web


def reset(request: web.Request) -> None:
    """Drop the connection so that the other side sees a reset, not an orderly end."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
