"""Check with import-linter that no room of the house knows more than it may.

The contracts are made from the tables below for the rooms that exist, because
import-linter refuses a contract about a module that is not there. A room that
stands in no table is an error: nobody has decided what it may import.
"""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
import re
import subprocess
import sys

ROOT = Path(__file__).resolve().parents[2]
INTEGRATION = ROOT / "custom_components" / "smgw"
PACKAGE = "custom_components.smgw"

# room -> what it never imports, directly or through another module
ROOMS: dict[str, tuple[str, ...]] = {
    "han": ("homeassistant", "control", "cls", "eebus"),
    "tariff": ("homeassistant",),
    "export": ("homeassistant",),
    "control": ("homeassistant", "han", "cls", "eebus"),
    "cls": ("homeassistant", "han", "eebus"),
    "eebus": ("homeassistant", "han", "cls"),
}
# Each vendor's driver is the module of this name and those that begin with it; drivers do not import each other.
VENDORS = ("ppc", "theben", "emh")
# Where rooms meet Home Assistant: it may know them all.
WITHOUT_WALLS = {"bridge"}
# Folders of the integration that hold no code.
NO_ROOMS = {"brand", "translations", "__pycache__"}
# Only this module may tell vendors apart.
VENDOR_TABLE = INTEGRATION / "han" / "driver.py"
VENDOR_TEST = re.compile(
    r"\bvendor\s*(==|!=|\bin\b)|^\s*match .*\bvendor\b", re.MULTILINE
)


def modules(folder: Path) -> set[str]:
    """Return the names of the modules and packages in a folder."""
    names = {file.stem for file in folder.glob("*.py") if file.stem != "__init__"}
    return names | {file.parent.name for file in folder.glob("*/__init__.py")}


def drivers() -> dict[str, list[str]]:
    """Return the modules of each vendor's driver."""
    names = modules(INTEGRATION / "han")
    return {
        vendor: sorted(
            f"{PACKAGE}.han.{name}"
            for name in names
            if re.match(rf"{vendor}(_|$)", name)
        )
        for vendor in VENDORS
    }


def contract(name: str, sources: list[str], forbidden: list[str]) -> str:
    """Return one contract of import-linter's configuration."""
    lines = [
        f"[importlinter:contract:{re.sub(r'\W+', '-', name)}]",
        f"name = {name}",
        "type = forbidden",
    ]
    lines += ["source_modules =", *(f"    {module}" for module in sources)]
    lines += ["forbidden_modules =", *(f"    {module}" for module in forbidden)]
    return "\n".join(lines) + "\n"


def contracts() -> list[str]:
    """Return the contracts for the rooms that exist."""
    there = modules(INTEGRATION) & ROOMS.keys()
    found = []
    for room in sorted(there):
        walls = [
            wall for wall in ROOMS[room] if wall == "homeassistant" or wall in there
        ]
        full = [
            wall if wall == "homeassistant" else f"{PACKAGE}.{wall}" for wall in walls
        ]
        found.append(
            contract(
                f"{room} never imports {', '.join(walls)}", [f"{PACKAGE}.{room}"], full
            )
        )
    for (one, its), (other, theirs) in permutations(drivers().items(), 2):
        if its and theirs:
            found.append(
                contract(f"driver {one} does not import driver {other}", its, theirs)
            )
    # Two independent readings of the protocol, so that a shared mistake cannot hide.
    found.append(
        contract(
            "the simulator never imports the integration",
            ["simulator"],
            ["custom_components"],
        )
    )
    found.append(
        contract(
            "the integration never imports the simulator",
            ["custom_components"],
            ["simulator"],
        )
    )
    return found


def unknown_rooms() -> list[str]:
    """Return what no import contract speaks of."""
    rooms = {
        folder.name for folder in INTEGRATION.iterdir() if folder.is_dir()
    } - NO_ROOMS
    problems = [
        f"custom_components/smgw/{room}/ is a room without a wall: add it to ROOMS in script/lib/walls.py"
        for room in sorted(rooms - ROOMS.keys() - WITHOUT_WALLS)
    ]
    problems += [
        f"{file.relative_to(ROOT)} tells vendors apart: only han/driver.py may"
        for file in sorted(INTEGRATION.rglob("*.py"))
        if file != VENDOR_TABLE and VENDOR_TEST.search(file.read_text(encoding="utf-8"))
    ]
    return problems


def main() -> int:
    """Write the configuration and let import-linter judge."""
    problems = unknown_rooms()
    for problem in problems:
        print(problem, file=sys.stderr)
    cache = ROOT / ".import_linter_cache"
    cache.mkdir(exist_ok=True)
    config = cache / "walls.ini"
    head = "[importlinter]\nroot_packages =\n    custom_components\n    simulator\ninclude_external_packages = True\n"
    config.write_text("\n".join([head, *contracts()]), encoding="utf-8")
    lint = Path(sys.executable).with_name("lint-imports")
    judged = subprocess.run(
        [lint, "--config", config, "--cache-dir", cache, "--no-logo"],
        cwd=ROOT,
        check=False,
    )
    return judged.returncode or bool(problems)


if __name__ == "__main__":
    sys.exit(main())
