"""What people write: messages with files, replies, forwards, and what other bots post."""

from __future__ import annotations

from typing import Any, Final

from simcord.backend.models import AllowedMentions
from simcord.components import resolve_attachment_references

from bot.sandbox.wire_backend import WireBackend

FILES_MAX: Final = 10
"""Files of one message (Discord's message reference)."""
_COMPONENTS_V2: Final = 1 << 15
_MEDIA: Final = ("image", "thumbnail", "video")


def post(
    backend: WireBackend,
    user_id: int,
    channel_id: int,
    text: str,
    *,
    files: list[Any],
    reply: Any,
    forward: Any,
    embeds: list[dict[str, Any]],
    components: list[dict[str, Any]],
    ping: bool,
) -> Any:
    """Post a message and return it; ``reply`` and ``forward`` are messages. Raises ValueError, BackendError."""
    author, channel = backend.get_user(user_id), backend.get_channel(channel_id)
    if len(files) > FILES_MAX:
        raise ValueError(f"a message takes {FILES_MAX} files")
    if components and not author.bot:
        raise ValueError("only bots post components")
    if not backend.sees(user_id, channel_id):
        raise ValueError("this person does not see that channel")
    if channel.guild_id is not None:
        rights = ["send_messages_in_threads" if channel.is_thread else "send_messages"]
        rights += ["attach_files"] * bool(files) + ["read_message_history"] * bool(reply or forward)
        backend.require_permissions(channel.guild_id, user_id, channel_id, *rights)
    reference = None
    if reply is not None and reply.channel_id != channel_id:
        raise ValueError("a reply stands in the channel of what it answers")
    if forward is not None and forward.snapshots:
        raise ValueError("the wire does not play the forwarding of what was forwarded")
    if (source := reply or forward) is not None:
        reference = {
            "type": 0 if reply else 1,
            "channel_id": str(source.channel_id),
            "message_id": str(source.id),
        }
    attachments = backend.store_attachments(channel_id, [(name, content) for name, content in files])
    return backend.create_message(
        channel_id,
        user_id,
        text,
        attachments=attachments,
        embeds=[_embed(backend, embed) for embed in embeds],
        components=resolve_attachment_references(components, attachments),
        flags=_COMPONENTS_V2 if components else 0,
        allowed_mentions=AllowedMentions(replied_user=ping),
        reference=reference,
    )


def _embed(backend: WireBackend, embed: dict[str, Any]) -> dict[str, Any]:
    """Return an embed as Discord makes it of a link; its pictures may be given as ``(filename, bytes)``."""
    shown: dict[str, Any] = {"type": "rich", **embed}
    for name in _MEDIA:
        media = shown.get(name)
        if isinstance(media, tuple):
            shown[name] = backend.cdn.store_external(*media)
    return shown
