"""The contract's data: models, their options and limits, and how a request to create is checked.

Written down a second time, apart from the bot's own catalogue, so that a slip in either shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

MB: Final = 1_000_000  # the pages say MB; the smaller reading is the one a client must fit
IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/webp")
DEFAULT_IMAGE_LIMIT_BYTES: Final = 10 * MB  # a file sent without `model`
MAX_CLIENT_REQUEST_ID: Final = 128
SCOPES: Final = frozenset(
    {
        "models:read",
        "generations:create",
        "generations:read",
        "files:create",
        "files:read",
        "credits:read",
        "webhooks:manage",
        "chat:create",
        "chat:read",
    }
)


class ApiError(Exception):
    """An answer that is an error of the contract."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def iso(at_ms: int) -> str:
    """Write a moment as the API does: 2026-05-11T00:00:00.000Z."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def invalid(message: str) -> ApiError:
    """Make the 400 that most refusals are."""
    return ApiError(400, "validation_failed", message)


@dataclass(frozen=True)
class Option:
    """One parameter with a fixed choice of values."""

    name: str
    values: tuple[str, ...]
    default: str


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model as its page has it."""

    id: str
    display_name: str
    base_credits: int
    max_prompt_length: int
    options: tuple[Option, ...]
    max_references: int = 0
    reference_limit_mb: int = 0

    def option(self, *names: str) -> Option | None:
        """Find the option that goes by one of ``names``."""
        return next((option for option in self.options if option.name in names), None)

    def chosen(self, params: Mapping[str, Any], *names: str) -> str:
        """Say what ``params`` choose for the option that goes by one of ``names``; ``""`` where there is none."""
        option = self.option(*names)
        return "" if option is None else str(params.get(option.name, option.default))

    @property
    def reference_limit_bytes(self) -> int:
        """Largest size of one reference image."""
        return self.reference_limit_mb * MB

    def as_json(self, *, available: bool) -> dict[str, Any]:
        """Shape it as the models endpoint shows it; the shape of ``params`` is this sandbox's own."""
        takes_images = self.max_references > 0
        return {
            "id": self.id,
            "display_name": self.display_name,
            "category": "image",
            "runtime": "async_task",
            "base_credits": self.base_credits,
            "billing_type": "FIXED",
            "supported_modes": ["text-to-image", "image-to-image"] if takes_images else ["text-to-image"],
            "max_prompt_length": self.max_prompt_length,
            "reference_media": {
                "kinds": ["image"],
                "max_items": self.max_references,
                "max_size_mb": self.reference_limit_mb,
                "mime_types": list(IMAGE_TYPES),
            }
            if takes_images
            else None,
            "params": [
                {"name": o.name, "type": "enum", "options": list(o.values), "default": o.default} for o in self.options
            ],
            "api_status": "available" if available else "coming_soon",
            "api_input_status": "partial_requires_files" if takes_images else "available_text",
            "supported_api_inputs": ["text", "image"] if takes_images else ["text"],
            "requires_files_api": takes_images,
            "requires_upload_for_modes": ["image-to-image"] if takes_images else [],
            "url_input_supported": False,
            "file_kinds": ["image"] if takes_images else [],
            "chat_capabilities": None,
            "notices": [],
        }


_PRO_RATIOS: Final = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9", "auto")
_TWO_RATIOS: Final = (
    "auto",
    "1:1",
    "16:9",
    "9:16",
    "3:2",
    "2:3",
    "4:3",
    "3:4",
    "5:4",
    "4:5",
    "21:9",
    "4:1",
    "1:4",
    "8:1",
    "1:8",
)
_ONE_RATIOS: Final = (
    "1:1",
    "9:16",
    "16:9",
    "3:4",
    "4:3",
    "3:2",
    "2:3",
    "5:4",
    "4:5",
    "21:9",
    "auto",
)

MODELS: Final[Mapping[str, ModelSpec]] = {
    spec.id: spec
    for spec in (
        ModelSpec(
            id="nano-banana-pro",
            display_name="Nano Banana Pro",
            base_credits=8,
            max_prompt_length=10_000,
            options=(
                Option("aspect_ratio", _PRO_RATIOS, "1:1"),
                Option("resolution", ("1K", "2K", "4K"), "1K"),
                Option("output_format", ("png", "jpg"), "png"),
            ),
            max_references=8,
            reference_limit_mb=30,
        ),
        ModelSpec(
            id="nano-banana-2",
            display_name="Nano Banana 2",
            base_credits=5,
            max_prompt_length=20_000,
            options=(
                Option("aspect_ratio", _TWO_RATIOS, "auto"),
                Option("resolution", ("1K", "2K", "4K"), "1K"),
                Option("output_format", ("jpg", "png"), "jpg"),
                Option("google_search", ("false", "true"), "false"),
            ),
            max_references=14,
            reference_limit_mb=30,
        ),
        ModelSpec(
            id="nano-banana",
            display_name="Nano Banana",
            base_credits=3,
            max_prompt_length=5_000,
            options=(
                Option("imageSize", _ONE_RATIOS, "1:1"),
                Option("output_format", ("png", "jpeg"), "png"),
            ),
            max_references=10,
            reference_limit_mb=10,
        ),
        ModelSpec(
            id="z-image",
            display_name="Z-Image",
            base_credits=1,
            max_prompt_length=1_000,
            options=(Option("aspect_ratio", ("1:1", "4:3", "3:4", "16:9", "9:16"), "1:1"),),
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class CreateOrder:
    """A request to create that is well formed; whether its references exist is not known yet."""

    model: ModelSpec
    prompt: str
    params: dict[str, Any]
    references: tuple[dict[str, Any], ...]
    client_request_id: str | None


_BODY_FIELDS: Final = frozenset({"model", "prompt", "params", "client_request_id"})
_ITEM_FIELDS: Final = frozenset({"url", "kind", "name", "mimeType", "durationSeconds", "durationToken"})


def check_create(body_bytes: bytes) -> CreateOrder:
    """Check the body of a create call as strictly as the contract allows; raises ApiError."""
    try:
        body = json.loads(body_bytes)
    except ValueError:
        raise invalid("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise invalid("The body must be an object.")
    if "files" in body:
        raise invalid("There is no top-level files field; use params.referenceMediaItems.")
    if unknown := body.keys() - _BODY_FIELDS:
        raise invalid(f"Unknown field: {min(unknown)}.")
    model = MODELS.get(body["model"]) if isinstance(body.get("model"), str) else None
    if model is None:
        raise invalid("model is missing or unknown.")
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise invalid("prompt is required.")
    if len(prompt) > model.max_prompt_length:
        raise invalid(f"prompt is longer than {model.max_prompt_length} characters.")
    params = body.get("params", {})
    if not isinstance(params, dict):
        raise invalid("params must be an object.")
    return CreateOrder(
        model=model,
        prompt=prompt,
        params=params,
        references=_check_params(model, params),
        client_request_id=check_client_request_id(body.get("client_request_id")),
    )


def check_client_request_id(value: object) -> str | None:
    """Check the optional trace id of a create or upload call; raises ApiError."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_CLIENT_REQUEST_ID:
        raise invalid(f"client_request_id must be text of at most {MAX_CLIENT_REQUEST_ID} characters.")
    return value


def _check_params(model: ModelSpec, params: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    items: object = []
    for name, value in params.items():
        if name == "referenceMediaItems" and model.max_references:
            items = value
            continue
        option = model.option(name)
        if option is None:
            raise invalid(f"Unknown parameter for {model.id}: {name}.")
        if not isinstance(value, str) or value not in option.values:
            raise invalid(f"{name} must be one of {', '.join(option.values)}.")
    if not isinstance(items, list):
        raise invalid("referenceMediaItems must be a list.")
    if len(items) > model.max_references:
        raise invalid(f"{model.id} takes at most {model.max_references} references.")
    return tuple(_check_item(item) for item in items)


def _check_item(item: object) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise invalid("A reference must be an object.")
    if unknown := item.keys() - _ITEM_FIELDS:
        raise invalid(f"Unknown field of a reference: {min(unknown)}.")
    if not isinstance(item.get("url"), str):
        raise invalid("A reference needs the url that the Files API returned.")
    if item.get("kind") != "image":
        raise invalid("The kind of a reference must be image.")
    for name in ("name", "mimeType", "durationToken"):
        if not isinstance(item.get(name, ""), str):
            raise invalid(f"{name} of a reference must be text.")
    seconds = item.get("durationSeconds", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise invalid("durationSeconds of a reference must be a number.")
    return item
