"""The house rules that no linter knows: locks, settings that are documented, links that lead somewhere."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("run", "build", "dev")

type_of_link = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def lock_text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")


def locked(name: str) -> dict[str, tuple[Requirement, frozenset[str]]]:
    """Return what a lock file pins: by canonical name, the requirement and its hashes."""
    pins: dict[str, tuple[Requirement, frozenset[str]]] = {}
    for entry in lock_text(name).replace("\\\n", " ").splitlines():
        if entry.strip() and not entry.lstrip().startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=", entry.strip())
            parsed = Requirement(requirement)
            pins[canonicalize_name(parsed.name)] = (parsed, frozenset(hashes))
    return pins


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def dependency_group(name: str) -> list[str]:
    found: list[str] = []
    for item in pyproject()["dependency-groups"][name]:
        found += dependency_group(item["include-group"]) if isinstance(item, dict) else [item]
    return found


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    files = [ROOT / name for name in listing.stdout.split("\0") if name]
    if not files:
        pytest.skip("git does not tell which files are tracked here")
    return [file for file in files if file.is_file()]


def documents() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def without_code(markdown: str) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", markdown, flags=re.MULTILINE | re.DOTALL)


def only_code(markdown: str) -> list[str]:
    """Return the pieces of code: fenced blocks, and spans with their opening back-quote."""
    return re.findall(r"^```.*?^```|`[^`\n]+", markdown, flags=re.MULTILINE | re.DOTALL)


# --- locks ---


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_is_pinned_and_hashed(name: str) -> None:
    pins = locked(name)
    assert pins
    for requirement, hashes in pins.values():
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_address_and_no_path(name: str) -> None:
    found = re.findall(r".*(?:://|file:|--(?:extra-)?index|--find-links|\s@\s|/).*", lock_text(name))
    assert found == []


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("run", pyproject()["project"]["dependencies"]),
        ("build", pyproject()["build-system"]["requires"]),
        ("dev", pyproject()["project"]["dependencies"] + dependency_group("dev")),
    ],
    ids=LOCKS,
)
def test_a_lock_meets_what_pyproject_asks_for(name: str, wanted: list[str]) -> None:
    pins = locked(name)
    for requirement in map(Requirement, wanted):
        pin, _ = pins[canonicalize_name(requirement.name)]
        (version,) = (specifier.version for specifier in pin.specifier)
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: run `make lock`"


@pytest.mark.parametrize("name", ["run", "build"])
def test_what_runs_is_what_was_tested(name: str) -> None:
    tested = locked("dev")
    assert {package: pin for package, pin in locked(name).items() if tested.get(package) != pin} == {}


def test_what_runs_has_no_sandbox_in_it() -> None:
    assert not {"simcord", "playwright", "pytest"} & locked("run").keys()


# --- settings ---


@pytest.fixture
def variables() -> set[str]:
    """Return the environment variable of every setting."""
    from bot.config import Settings

    prefix = Settings.model_config.get("env_prefix", "")
    fields = Settings.model_fields.items()
    return {str(field.validation_alias or f"{prefix}{name}").upper() for name, field in fields}


def test_env_example_has_every_setting_and_no_other(variables: set[str]) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^(?:# ?)?([A-Z][A-Z0-9_]+)=", example, flags=re.MULTILINE)) == variables


def test_the_readme_has_every_setting_in_a_table(variables: set[str]) -> None:
    rows = re.findall(r"^\|.*", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert variables <= set(re.findall(r"`([A-Z][A-Z0-9_]+)`", "\n".join(rows)))


# --- files and words ---


def test_the_licence_is_there_and_is_the_declared_one() -> None:
    assert pyproject()["project"]["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")


def test_no_tracked_file_names_a_folder_of_someones_machine() -> None:
    shapes = [r"(?<![\w.~-])/(?:(?:home|Users|work|workspaces?)/\w|(?:root)\b)", r"\b[A-Z]:\\Users\\"]
    # A short path such as /app may well be meant: it is a folder in the container too.
    shapes += [re.escape(str(place)) for place in (ROOT, Path.home()) if len(place.parts) > 2]
    private = re.compile("|".join(shapes).encode())
    found = {}
    for file in tracked_files():
        content = file.read_bytes()
        if b"\0" not in content and (match := private.search(content)):
            found[str(file.relative_to(ROOT))] = match[0].decode()
    assert found == {}


def test_no_secret_and_no_database_is_tracked() -> None:
    private = re.compile(r"(^|/)\.env$|\.(db|sqlite3?)(-wal|-shm|\.lock)?$")
    assert [str(file) for file in tracked_files() if private.search(file.as_posix())] == []


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    prose = without_code(document.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(<?([^)\s>]+)", prose)
    targets += re.findall(r"\b(?:src|href|srcset)=\"([^\"]+)\"", prose)
    targets += re.findall(r"^\[[^\]]+\]:\s*(\S+)", prose, flags=re.MULTILINE)
    files = [target.partition("#")[0] for target in targets if not type_of_link.match(target)]
    assert [file for file in files if file and not (document.parent / file).exists()] == []


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    code = "\n".join(only_code(document.read_text(encoding="utf-8")))
    named = re.findall(r"(?:`|^(?:\$ )?)make ([a-z][a-z-]*)\b(?!=)", code, flags=re.MULTILINE)
    assert set(named) <= targets


def test_what_continuous_integration_runs_can_be_run() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
