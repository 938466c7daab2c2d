"""What Discord sends of a filled-in modal, read part by part."""

from bot.presses import Submitted


def test_every_kind_of_part_is_read() -> None:
    filled = Submitted(
        {
            "components": [
                {"type": 10, "id": 1},
                {"type": 1, "components": [{"type": 4, "custom_id": "row", "value": "typed"}]},
                {"type": 18, "component": {"type": 21, "custom_id": "radio", "value": "b"}},
                {"type": 18, "component": {"type": 21, "custom_id": "none", "value": None}},
                {"type": 18, "component": {"type": 23, "custom_id": "box", "value": True}},
                {"type": 18, "component": {"type": 19, "custom_id": "files", "values": ["7", "8"]}},
            ],
            "resolved": {"attachments": {"8": {"url": "https://x/8", "filename": "8.png", "size": 5}}},
        }
    )
    assert (filled.text("row"), filled.choice("radio"), filled.choice("none")) == ("typed", "b", None)
    assert filled.values("box") == ("true",)
    assert [image.filename for image in filled.images("files")] == ["8.png"]
