"""What somebody is given of what is held on them."""

from __future__ import annotations

import json
from random import Random

from bot.generations.exporting import MAX_PARTS
from tests.unit.persons import SECRET, documents, files, fill
from tests.world import ALICE, BOB, MIB, World


async def test_an_export_holds_all_of_it_and_nothing_of_others(world: World) -> None:
    request_id = await fill(world)
    export = await world.core.privacy.export(ALICE, limit_bytes=10 * MIB)
    (part,) = export.parts
    found = documents(export.parts)
    (number,) = [name for name in found if name.startswith("requests-")]
    (asked,) = found[number]
    assert (asked["id"], asked["prompt"]) == (request_id, SECRET)
    assert asked["pictures"][0]["charged_credits"] == 8
    assert "interaction_token" not in json.dumps(found[number])
    (entries,) = [content for name, content in found.items() if name.startswith("credits-")]
    assert [entry["kind"] for entry in entries] == ["hold", "capture", "grant", "refund"]
    assert found["styles.json"][0]["suffix"] == SECRET
    assert found["preferences.json"][0]["model"] == "nano-banana-2"
    assert found["drafts.json"][0]["request"]["prompt"] == SECRET
    assert found["reports_made.json"][0]["reason"] == SECRET
    assert found["tray_images.json"][0]["filename"] == "heron.png"
    (picture,) = (await world.view(request_id)).pictures
    original = world.core.store.absolute(picture.path or "").read_bytes()
    assert found[f"pictures/{request_id}-1.png"] == original
    assert {name.split("/")[0] for name in found if "/" in name} == {"pictures", "references", "tray"}
    assert (export.requests, export.pictures, export.left_out) == (1, 3, ())
    assert "bob's own" not in json.dumps({k: v for k, v in found.items() if isinstance(v, list | dict)})
    export.remove()
    assert not part.exists()


async def test_an_export_is_dealt_out_to_parts_and_names_what_did_not_fit(world: World) -> None:
    made = []
    for number in range(3):
        made.append(await world.imagine(f"{SECRET} {number}"))
        await world.until_idle()
    paths = [world.core.store.absolute((await world.view(each)).pictures[0].path or "") for each in made]
    for path in paths:
        path.write_bytes(Random(4).randbytes(100_000))  # of a size that counts
    limit = 110_000
    export = await world.core.privacy.export(ALICE, limit_bytes=limit)
    assert len(export.parts) >= 3
    assert all(part.stat().st_size <= limit for part in export.parts)
    assert set(documents(export.parts)) >= {f"pictures/{each}-1.png" for each in made}
    export.remove()

    small = 90_000
    export = await world.core.privacy.export(ALICE, limit_bytes=small)
    assert len(export.parts) <= MAX_PARTS
    assert set(export.left_out) == {f"pictures/{each}-1.png" for each in made}
    assert export.too_large == 3
    said = documents(export.parts)["README.txt"].decode()
    assert all(name in said for name in export.left_out)
    assert all(part.stat().st_size <= small for part in export.parts)
    export.remove()


async def test_an_export_of_nobody_is_small_and_says_so(world: World) -> None:
    export = await world.core.privacy.export(BOB, limit_bytes=MIB)
    assert set(documents(export.parts)) == {"README.txt", "account.json"}
    assert (export.requests, export.pictures) == (0, 0)
    export.remove()
    assert not files(world.settings.data_dir)
