"""How this Discord behaves, as switches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MIB: Final = 1024 * 1024

UPLOAD_BYTES_BY_TIER: Final = {0: 10 * MIB, 1: 10 * MIB, 2: 50 * MIB, 3: 100 * MIB}
"""What a file may weigh by a server's boost tier (Discord's API reference, "Uploading Files"; discord.py's table)."""


MESSAGE_CONTENT_FLAG: Final = 1 << 19
"""GATEWAY_MESSAGE_CONTENT_LIMITED, an application's flag (Discord's application reference)."""


@dataclass(kw_only=True)
class WireRules:
    """Every field may be changed while the wire runs; seconds are of the wire's clock, but for the latency."""

    acknowledge_within_s: float = 3.0
    """Later than this, an interaction is unknown (404/10062)."""
    token_life_s: float = 900.0
    """Later than this, an interaction's token is answered with 401/50027."""
    nonce_window_s: float = 180.0
    """For how long a message's nonce is remembered when ``enforce_nonce`` is set ("some minutes", says Discord)."""
    upload_bytes: dict[int, int] = field(default_factory=dict)
    """What a file may weigh in a server, by its id, where other than by its boost tier."""
    direct_upload_bytes: int = UPLOAD_BYTES_BY_TIER[0]
    """What a file may weigh in a direct message."""
    interaction_upload_bytes: int | None = None
    """What a file may weigh in an answer to an interaction; ``None``: what it may in that place."""
    announced_upload_bytes: int | None = None
    """``attachment_size_limit`` of an interaction, where it is not true."""
    attachment_url_life_s: float = 86_400.0
    """Later than this, an attachment's signed address answers 404."""
    message_content: bool = False
    """Whether the application may ask for the message-content intent, and reads what others write where it does."""
    resolve_replies: bool = True
    """Whether the gateway brings the message that a reply answers; Discord's leaves it out now and then."""
    keep_posted_bytes: bool = True
    """Whether the files of posts are kept and served; if not, only their names, sizes and digests are."""
    heartbeat_interval_s: float = 41.25
    """What the gateway asks for."""
    latency_s: float = 0.0
    """Real seconds before each request is carried out."""

    @property
    def application_flags(self) -> int:
        """The flags that the application shows."""
        return MESSAGE_CONTENT_FLAG if self.message_content else 0
