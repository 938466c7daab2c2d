"""Modals: what Discord takes of them, and how a person's answers go back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from simcord.backend import errors
from simcord.enums import SELECT_TYPES, ComponentType

TEXT_MAX_CHARACTERS: Final = 4000
"""What a TextInput takes (Discord's component reference)."""

_WRAPPERS: Final = {ComponentType.ACTION_ROW, ComponentType.LABEL}
_BUCKETS: Final = {
    ComponentType.USER_SELECT: ("users",),
    ComponentType.ROLE_SELECT: ("roles",),
    ComponentType.CHANNEL_SELECT: ("channels",),
    ComponentType.MENTIONABLE_SELECT: ("users", "roles"),
}


def check_modal(modal: dict[str, Any]) -> None:
    """Raise 400/50035 for a prefilled text that could not be sent off; the rest is simcord's ``validate_modal``."""
    for control in controls_of(modal).values():
        text = control.get("value")
        if control["type"] != ComponentType.TEXT_INPUT or text is None:
            continue
        most = control.get("max_length") or TEXT_MAX_CHARACTERS
        if not isinstance(text, str) or len(text) > most:
            raise errors.invalid_form_body(f"{control['custom_id']}.value: Must be {most} or fewer in length.")


def controls_of(modal: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what can be filled in, by custom id."""
    return {control["custom_id"]: control for control in _controls(modal.get("components") or [])}


def fill_modal(
    modal: dict[str, Any],
    values: dict[str, Any],
    *,
    resolve: Callable[[int, dict[str, Any]], None],
    store: Callable[[str, bytes, dict[str, Any]], str],
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return ``components`` and ``resolved`` of a submission; ``values`` by custom id.

    A text, a boolean (Checkbox), an option's value (RadioGroup), a list of values (selects, CheckboxGroup; ids of
    people, roles and channels where they are chosen), a file ``(filename, bytes)`` or a list of files (FileUpload).
    What is not named stays as the bot prefilled it. Files are stored after everything was found right. Raises
    ValueError for what the real client does not let anybody do.
    """
    controls = controls_of(modal)
    if unknown := values.keys() - controls.keys():
        raise ValueError(f"the modal has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(controls))}")
    resolved: dict[str, Any] = {}
    answers: dict[str, dict[str, Any]] = {}
    for custom_id, control in controls.items():
        answers[custom_id] = _answer(control, values.get(custom_id), custom_id in values, resolved, resolve)
    for answer in answers.values():
        if answer["type"] == ComponentType.FILE_UPLOAD:
            answer["values"] = [store(name, content, resolved) for name, content in answer["values"]]
    return [_node(node, answers) for node in modal["components"]], resolved


def _controls(nodes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        if node["type"] in _WRAPPERS:
            yield from _controls(node.get("components") or [node["component"]])
        elif node.get("custom_id"):
            yield node


def _node(node: dict[str, Any], answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Mirror a node of the modal with what was answered in place of its controls."""
    if node["type"] == ComponentType.LABEL:
        return {"type": node["type"], "id": node["id"], "component": _node(node["component"], answers)}
    if node["type"] == ComponentType.ACTION_ROW:
        children = [_node(child, answers) for child in node["components"]]
        return {"type": node["type"], "id": node["id"], "components": children}
    if node.get("custom_id"):
        return answers[node["custom_id"]]
    return {"type": node["type"], "id": node["id"]}


def _answer(
    control: dict[str, Any],
    value: Any,
    named: bool,
    resolved: dict[str, Any],
    resolve: Callable[[int, dict[str, Any]], None],
) -> dict[str, Any]:
    kind, name = ComponentType(control["type"]), control["custom_id"]
    answer: dict[str, Any] = {"type": kind, "custom_id": name, "id": control.get("id")}
    required = bool(control.get("required", True))
    if kind == ComponentType.TEXT_INPUT:
        answer["value"] = _text(control, value if named else control.get("value") or "", required)
    elif kind == ComponentType.CHECKBOX:
        answer["value"] = value if named else bool(control.get("default"))
        if not isinstance(answer["value"], bool):
            raise ValueError(f"{name} is ticked or not: True or False")
    elif kind == ComponentType.RADIO_GROUP:
        preset = next((option["value"] for option in control["options"] if option.get("default")), None)
        answer["value"] = value if named else preset
        chosen = [] if answer["value"] is None else [answer["value"]]
        _check_offered(control, chosen)
        _check_count(control, chosen, required)
    elif kind == ComponentType.FILE_UPLOAD:
        files = [] if value is None else [value] if isinstance(value, tuple) else list(value)
        for file in files:
            if not (isinstance(file, tuple) and len(file) == 2 and isinstance(file[1], bytes)):
                raise ValueError(f"{name} takes files: (filename, bytes)")
        _check_count(control, files, required)
        answer["values"] = files
    elif kind in SELECT_TYPES or kind == ComponentType.CHECKBOX_GROUP:
        answer["values"] = _chosen(control, list(value) if named else None)
        _check_count(control, answer["values"], required)
        for item in answer["values"] if kind in _BUCKETS else ():
            resolve(int(item), resolved)
            if not any(item in resolved.get(bucket, {}) for bucket in _BUCKETS[kind]):
                raise ValueError(f"{name} takes {' or '.join(_BUCKETS[kind])}")
    else:
        raise ValueError(f"nobody can fill in a component of type {kind}")
    return answer


def _text(control: dict[str, Any], text: Any, required: bool) -> str:
    name = control["custom_id"]
    if not isinstance(text, str):
        raise ValueError(f"{name} takes text")  # noqa: TRY004 - one error for everything nobody could do
    least, most = control.get("min_length") or 0, control.get("max_length") or TEXT_MAX_CHARACTERS
    if required and not text:
        raise ValueError(f"{name} must be filled in")
    if text and not least <= len(text) <= most:
        raise ValueError(f"{name} takes {least} to {most} characters, not {len(text)}")
    return text


def _chosen(control: dict[str, Any], values: list[Any] | None) -> list[str]:
    """Return what is chosen, as Discord writes it; what the bot preset, when nothing was named."""
    if control["type"] not in {ComponentType.STRING_SELECT, ComponentType.CHECKBOX_GROUP}:
        preset = [item["id"] for item in control.get("default_values") or []]
        return [str(item) for item in (preset if values is None else values)]
    preset = [option["value"] for option in control["options"] if option.get("default")]
    chosen = preset if values is None else values
    _check_offered(control, chosen)
    return chosen


def _check_offered(control: dict[str, Any], chosen: list[Any]) -> None:
    offered = [option["value"] for option in control["options"]]
    if not set(offered).issuperset(chosen):
        raise ValueError(f"{control['custom_id']} offers {', '.join(offered)}")


def _check_count(control: dict[str, Any], chosen: list[Any], required: bool) -> None:
    name, kind = control["custom_id"], control["type"]
    default_most = len(control["options"]) if kind == ComponentType.CHECKBOX_GROUP else 1
    least, most = control.get("min_values"), control.get("max_values") or default_most
    least = 1 if least is None else least
    if not chosen and not required:
        return
    if len({str(item) for item in chosen}) != len(chosen) and kind != ComponentType.FILE_UPLOAD:
        raise ValueError(f"{name} takes nothing twice")
    if not max(least, int(required)) <= len(chosen) <= most:
        raise ValueError(f"{name} takes {least} to {most}, not {len(chosen)}")
