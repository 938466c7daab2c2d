"""Structured logs: named events with bound ids, colours on a terminal, JSON elsewhere, and never a secret.

Bind ids with ``structlog.contextvars.bind_contextvars(request_id=…)``: every event of a task then carries them.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, Literal, TextIO

import structlog
from pydantic import SecretStr

_TOKENS = re.compile(
    r"rvya_sk_[\w-]+|whsec_[\w-]+|(?i:(?<=bearer )\S+|(?<=bot )\S{20,})"
    r"|[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}"  # a bot token
    r"|(?<=/webhooks/)\d+/[\w-]{20,}|(?<=/interactions/)\d+/[\w-]{20,}"  # an interaction's token
    r"|(?<=[?&]hm=)\w+"  # what opens a signed address of Discord's CDN
)
_SECRET_NAMES = re.compile(r"(?i)authorization|.*(token|secret|api_key|apikey|password)$")


_secrets: list[str] = []
"""What is left out wherever it turns up; one list for the process, as there is one log."""
_TOO_SHORT = 8


def redact_too(secret: SecretStr) -> None:
    """Leave a secret out of the log from now on, beside those that ``configure`` was given."""
    _secrets.append(secret.get_secret_value())


def configure(
    *, level: str = "INFO", form: Literal["auto", "json", "console"] = "auto", stream: TextIO | None = None,
    secrets: Iterable[SecretStr] = (),
) -> None:  # fmt: skip
    """Send structlog's and the standard library's events to ``stream`` (stderr), redacted.

    ``secrets`` are replaced wherever they turn up, beside everything that looks like a key or token.
    """
    out = stream or sys.stderr
    redact = _Redactor(_secrets)
    _secrets[:] = [secret.get_secret_value() for secret in secrets]
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    console = form == "console" or (form == "auto" and out.isatty())
    if console:
        final: list[structlog.types.Processor] = [
            structlog.processors.format_exc_info,
            redact,
            structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback),
        ]
    else:
        final = [structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore", "alembic", "PIL", "aiosqlite", "discord.gateway"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared[:-1],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


class _Redactor:
    def __init__(self, secrets: list[str]) -> None:
        self._secrets = secrets

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: self._named(key, value) for key, value in event.items()}

    def _named(self, name: Any, value: Any) -> Any:
        if isinstance(name, str) and value and _SECRET_NAMES.fullmatch(name) and not isinstance(value, (bool, int)):
            return "[secret]"
        return self._clean(value)

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            for secret in self._secrets:
                if len(secret) >= _TOO_SHORT:
                    value = value.replace(secret, "[secret]")
            return _TOKENS.sub("[secret]", value)
        if isinstance(value, dict):
            return {self._clean(key): self._named(key, item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean(item) for item in value]
        if isinstance(value, (int, float, bool)) or value is None:
            return value
        if isinstance(value, BaseException):
            return self._clean(f"{type(value).__name__}: {value}")
        return self._clean(str(value))
