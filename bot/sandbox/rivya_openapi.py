"""The sandbox's OpenAPI document: small, and true of what it serves."""

from __future__ import annotations

from typing import Any, Final

from bot.sandbox.rivya_contract import MAX_CLIENT_REQUEST_ID, MODELS

_GENERATION: Final = {
    "type": "object",
    "required": ["id", "status", "model", "reserved_credits", "final_credits", "created_at", "updated_at"],
    "properties": {
        "id": {"type": "string"},
        "status": {"enum": ["queued", "processing", "succeeded", "failed"]},
        "model": {"type": "string"},
        "reserved_credits": {"type": "integer"},
        "final_credits": {"type": "integer"},
        "created_at": {"type": "string", "format": "date-time"},
        "updated_at": {"type": "string", "format": "date-time"},
        "result": {
            "type": ["object", "null"],
            "required": ["primary_url", "urls"],
            "properties": {
                "primary_url": {"type": "string", "format": "uri"},
                "urls": {"type": "array", "items": {"type": "string", "format": "uri"}},
            },
        },
        "error": {
            "type": ["object", "null"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        },
    },
}

_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "requestId"],
            "properties": {name: {"type": "string"} for name in ("code", "message", "requestId")},
        }
    },
}

_CREATE: Final = {
    "type": "object",
    "required": ["model", "prompt"],
    "additionalProperties": False,
    "properties": {
        "model": {"enum": list(MODELS)},
        "prompt": {"type": "string", "minLength": 1},
        "params": {"type": "object"},
        "client_request_id": {"type": "string", "maxLength": MAX_CLIENT_REQUEST_ID},
    },
}

_UPLOAD: Final = {
    "type": "object",
    "required": ["file", "kind"],
    "properties": {
        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        "kind": {"enum": ["image", "video", "audio"]},
        "model": {"type": "string"},
        "client_request_id": {"type": "string", "maxLength": MAX_CLIENT_REQUEST_ID},
    },
}

_FILE: Final = {
    "type": "object",
    "required": ["url"],
    "properties": {"url": {"type": "string", "format": "uri"}},
}
_CREDITS: Final = {
    "type": "object",
    "required": ["current_credits"],
    "properties": {"current_credits": {"type": "integer"}},
}
_LIST: Final = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": {"type": "object"}}},
}
_OBJECT: Final = {"type": "object"}


def document() -> dict[str, Any]:
    """Build the document (OpenAPI 3.1)."""
    webhook = "/api/v1/webhooks/{webhookId}"
    return {
        "openapi": "3.1.0",
        "info": {"title": "Rivya Public API (sandbox)", "version": "v1"},
        "paths": {
            "/api/v1/models": {"get": _operation(_LIST, open_to_all=True)},
            "/api/v1/generations": {"post": _operation(_GENERATION, body=_CREATE, keyed=True)},
            "/api/v1/generations/{taskId}": {"get": _operation(_GENERATION, path=("taskId",))},
            "/api/v1/files": {"post": _operation(_FILE, body=_UPLOAD, body_type="multipart/form-data")},
            "/api/v1/files/{fileId}": {"get": _operation(_FILE, path=("fileId",))},
            "/api/v1/credits": {"get": _operation(_CREDITS)},
            "/api/v1/webhooks": {"get": _operation(_LIST), "post": _operation(_OBJECT, body=_OBJECT)},
            webhook: {
                "patch": _operation(_OBJECT, path=("webhookId",), body=_OBJECT),
                "delete": _operation(_OBJECT, path=("webhookId",)),
            },
            f"{webhook}/rotate-secret": {"post": _operation(_OBJECT, path=("webhookId",))},
            f"{webhook}/test": {"post": _operation(_OBJECT, path=("webhookId",))},
            f"{webhook}/deliveries": {"get": _operation(_LIST, path=("webhookId",))},
            "/api/v1/webhook-events": {"get": _operation(_LIST)},
        },
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(
    answer: dict[str, Any],
    *,
    path: tuple[str, ...] = (),
    body: dict[str, Any] | None = None,
    body_type: str = "application/json",
    keyed: bool = False,
    open_to_all: bool = False,
) -> dict[str, Any]:
    """Describe one call: what it takes, and that it answers with ``answer`` or an error."""
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in path
    ]
    if keyed:
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}})
    operation: dict[str, Any] = {
        "security": [] if open_to_all else [{"key": []}],
        "parameters": parameters,
        "responses": {
            "2XX": {"description": "Done.", "content": {"application/json": {"schema": answer}}},
            "default": {"description": "Refused.", "content": {"application/json": {"schema": _ERROR}}},
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {body_type: {"schema": body}}}
    return operation
