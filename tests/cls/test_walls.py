"""What this room may know: itself, `control/`, and three libraries that Home Assistant has anyway."""

import ast
from pathlib import Path
import sys

import pytest

import custom_components.smgw.cls as room

ROOM = Path(room.__file__).parent
SCRIPTS = Path(__file__).parents[2] / "script" / "lib"
LIBRARIES = {"aiohttp", "cryptography"}


def test_it_has_a_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    """import-linter follows imports of imports as well; it runs with the other checks."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import walls

    (contract,) = [c for c in walls.contracts() if "name = cls never" in c]
    source, forbidden = contract.split("forbidden_modules")
    assert "custom_components.smgw.cls\n" in source
    for module in ("homeassistant", "custom_components.smgw.han"):
        assert f"    {module}\n" in forbidden
    (control,) = [c for c in walls.contracts() if "name = control never" in c]
    assert "custom_components.smgw.cls\n" in control.split("forbidden_modules")[1]


@pytest.mark.parametrize("file", sorted(ROOM.glob("*.py")), ids=lambda file: file.stem)
def test_what_it_imports(file: Path) -> None:
    """Nothing else of the integration, and no library that is not named here."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            outside = node.level > 1
            assert not outside or (node.module or "").split(".")[0] == "control"
            continue
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            top = name.split(".")[0]
            assert top in LIBRARIES or top in sys.stdlib_module_names, name
