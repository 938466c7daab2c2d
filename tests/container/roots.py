"""Roots in folders: the base that debootstrap makes, and the Dockerfile's stages, each step carried out by chroot."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.container.dockerfile import Stage, Step, build_context, expanded

PACKAGES = ("ca-certificates", "python3", "python3-venv")
# What python:3.13-slim sets too.
BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# A root, and what `docker build` lends a RUN besides: devices, processes, names of hosts. Gone with the namespace.
_LEND = """
set -eu
mount --bind "$ROOT" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
for device in null zero full random urandom; do
  touch "$ROOT/dev/$device"
  mount --bind "/dev/$device" "$ROOT/dev/$device"
done
touch "$ROOT/etc/resolv.conf"
if [ -e /etc/resolv.conf ]; then mount --bind /etc/resolv.conf "$ROOT/etc/resolv.conf"; fi
if [ -n "${LENT_FILE:-}" ]; then mount --bind "$LENT_FILE" "$ROOT$LENT_AS"; fi
exec chroot --userspec="$RUN_AS" "$ROOT" env --ignore-environment --chdir="$RUN_IN" "$@"
"""
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass
class Image:
    """What a stage has become: its root, and what its instructions say about running it."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": BASE_PATH})
    user: str = "0:0"
    folder: str = "/"
    volumes: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    stop_signal: str = "SIGTERM"


def make_base(folder: Path, suite: str, mirror: str | None) -> None:
    """Make a Debian in an empty folder, with a ``python`` and ``pip`` in /usr/local like those of the Python images."""
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, str(folder)]
    subprocess.run([*command, *([mirror] if mirror else [])], check=True, stdout=subprocess.DEVNULL)
    # Debian's own pip may not touch Debian's packages. An environment there has neither that limit nor those packages.
    subprocess.run(["chroot", str(folder), "python3", "-m", "venv", "/usr/local"], check=True)


def build(stages: list[Stage], *, base: Path, context: Path, folder: Path) -> Image:
    """Carry out all stages; returns the last one's image. ``base`` stands in for every stage's ``FROM``."""
    built: dict[str, Image] = {}
    image = Image(base)
    for number, stage in enumerate(stages):
        image = Image(folder / f"stage-{number}")
        subprocess.run(["cp", "--archive", "--reflink=auto", str(base), str(image.root)], check=True)
        for step in stage.steps:
            _carry_out(step, image, context, built)
        built[stage.name] = image
    return image


def _carry_out(step: Step, image: Image, context: Path, built: Mapping[str, Image]) -> None:
    match step.name:
        case "RUN":
            _run(image, step.text)
        case "COPY":
            _copy(step, image, context, built)
        case "ENV":
            before = dict(image.environment)
            for pair in step.words:
                name, _, value = pair.partition("=")
                image.environment[name] = expanded(value, before)
        case "WORKDIR":
            image.folder = os.path.join(image.folder, step.text)  # noqa: PTH118 - it is a path in there
            (image.root / image.folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            image.user = step.text
        case "VOLUME":
            image.volumes += step.words
        case "STOPSIGNAL":
            image.stop_signal = step.text
        case "HEALTHCHECK":
            image.health = step.words
        case "ENTRYPOINT":
            image.entrypoint, image.command = step.words, []
        case _:
            image.command = step.words


def _run(image: Image, line: str) -> None:
    """Run a shell line in there. pip's own variables are handed on: its index is the affair of the machine."""
    lent = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_proxy")}
    settings = {"ROOT": str(image.root), "RUN_AS": image.user, "RUN_IN": image.folder}
    if certificates := lent.pop("PIP_CERT", None):
        settings |= {"LENT_FILE": certificates, "LENT_AS": _CERTIFICATES}
        lent["PIP_CERT"] = _CERTIFICATES
    pairs = [f"{name}={value}" for name, value in {**lent, **image.environment, "HOME": pwd.getpwuid(0).pw_dir}.items()]
    subprocess.run(
        ["unshare", "--mount", "--propagation=private", "sh", "-c", _LEND, "sh", *pairs, "/bin/sh", "-c", line],
        env={**os.environ, **settings},
        check=True,
        stdout=subprocess.DEVNULL,  # what goes wrong is on stderr
    )


def _copy(step: Step, image: Image, context: Path, built: Mapping[str, Image]) -> None:
    """Copy as COPY does: a folder's content, several files only into a folder, everything root's."""
    *sources, target = step.words
    into = image.root / os.path.join(image.folder, target).lstrip("/")  # noqa: PTH118 - it is a path in there
    if (source := step.flags.get("from")) is not None:
        for name in sources:
            subprocess.run(["cp", "--archive", f"{built[source].root}/{name}/.", _made(into)], check=True)
        return
    sent = build_context(context)
    for name in sources:
        files = [path for path in sent if path == name or path.startswith(f"{name}/")]
        if not files:
            raise FileNotFoundError(f"{name} is not in the build's context")
        for path in files:
            below = Path(path).relative_to(name) if path != name else Path(Path(path).name)
            goal = into / below if path != name or target.endswith("/") else into
            _made(goal.parent)
            shutil.copy2(context / path, goal)
            os.chown(goal, 0, 0)


def _made(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)
