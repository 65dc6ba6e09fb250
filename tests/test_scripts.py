"""The scripts' own rules: pinned requirements without addresses, walls."""

import importlib
from pathlib import Path
import re
import subprocess
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> type[ModuleType]:
    """Return a function that imports a module of script/lib."""
    monkeypatch.syspath_prepend(str(ROOT / "script" / "lib"))
    return importlib.import_module


@pytest.mark.parametrize(
    "path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name
)
def test_requirements_are_pinned(path: Path) -> None:
    """Every line is one exact version, perhaps with a marker; no address, no option."""
    for line in path.read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.!]+( ; .+)?", line), line
        assert "//" not in line


def test_tree_names_no_machine() -> None:
    """Nothing in the tree depends on where it was made."""
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    # written so that this file does not find itself
    traces = re.compile(
        r"(?<![\w}])/(" + r"work|root)/|pypi" + r"\.org|files\.python" + "hosted"
    )
    for name in listing.stdout.splitlines():
        content = (ROOT / name).read_bytes().decode("utf-8", "ignore")
        assert not traces.search(content), name


def test_every_room_has_walls(
    script: type[ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A room that nobody has decided about is an error; the rooms that exist have contracts."""
    walls = script("walls")
    assert walls.unknown_rooms() == []
    assert any("han" in contract for contract in walls.contracts())
    room = tmp_path / "cellar"
    room.mkdir()
    (room / "__init__.py").write_text("if vendor == 'ppc':\n    pass\n")
    monkeypatch.setattr(walls, "INTEGRATION", tmp_path)
    monkeypatch.setattr(walls, "ROOT", tmp_path)
    assert len(walls.unknown_rooms()) == 2
