"""Reads the Dockerfile and the .dockerignore as far as this project uses them; refuses what it does not know."""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """One instruction. ``words`` are its arguments: a JSON list as it is, pairs of ENV still together."""

    name: str
    text: str
    words: list[str]
    flags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """One ``FROM`` with what follows it."""

    base: str
    name: str
    steps: list[Step]

    def last(self, instruction: str) -> Step:
        """Return the instruction that counts where only the last one does."""
        return [step for step in self.steps if step.name == instruction][-1]


def read_dockerfile(path: Path) -> list[Stage]:
    """Return the stages in order. Raises ValueError on an instruction that is not played here."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    stages: list[Stage] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = line.strip().partition(" ")
        if not name:
            continue
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            stages.append(Stage(base, alias, []))
        elif name in {
            "COPY",
            "RUN",
            "ENV",
            "USER",
            "WORKDIR",
            "VOLUME",
            "STOPSIGNAL",
            "HEALTHCHECK",
            "ENTRYPOINT",
            "CMD",
        }:
            stages[-1].steps.append(_step(name, rest.strip()))
        else:
            raise ValueError(f"{path.name}: {name} is not played here")
    return stages


def _step(name: str, text: str) -> Step:
    flags = dict(re.findall(r"--([a-z-]+)=(\S+)", text)) if name in {"COPY", "HEALTHCHECK"} else {}
    bare = re.sub(r"--[a-z-]+=\S+\s+", "", text) if flags else text
    if name == "HEALTHCHECK":
        bare = bare.removeprefix("CMD").strip()
    if bare.startswith("["):
        return Step(name, bare, json.loads(bare), flags)
    return Step(name, bare, shlex.split(bare) if name in {"ENV", "COPY"} else [bare], flags)


def expanded(value: str, environment: dict[str, str]) -> str:
    """Put variables into a value as ENV does; one that is not set is empty."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: environment.get(found[1] or found[2], ""), value)


def build_context(folder: Path) -> list[str]:
    """Return the files of ``folder`` that a build would be sent, as relative paths."""
    patterns = [
        (line.removeprefix("!").strip("/"), line.startswith("!"))
        for line in (folder / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    sent = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in {".git", ".venv"}]  # large, and never named
        for name in files:
            path = Path(place, name).relative_to(folder)
            taken = True
            for pattern, back in patterns:
                if any(_matches(part, pattern) for part in (path, *path.parents[:-1])):
                    taken = back
            if taken:
                sent.append(path.as_posix())
    return sorted(sent)


def _matches(path: Path, pattern: str) -> bool:
    """Tell whether a pattern names just this path; ``*`` stays within one folder, ``**/`` is any depth."""
    if pattern.startswith("**/"):
        return any(_matches(Path(*path.parts[depth:]), pattern[3:]) for depth in range(len(path.parts)))
    wanted = pattern.split("/")
    return len(wanted) == len(path.parts) and all(map(fnmatchcase, path.parts, wanted))
