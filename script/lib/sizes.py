"""Check that no module and no function has grown too long to be read in one go."""

from __future__ import annotations

import ast
from pathlib import Path
import sys

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("custom_components", "simulator", "script", "tests")
MODULE_LINES = 500
FUNCTION_LINES = 50


def too_long(file: Path) -> list[str]:
    """Return what is too long in one file."""
    text = file.read_text(encoding="utf-8")
    where = file.relative_to(ROOT)
    lines = len(text.splitlines())
    found = (
        [f"{where}: {lines} lines, more than {MODULE_LINES}"]
        if lines > MODULE_LINES
        else []
    )
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(
                    f"{where}:{node.lineno}: {node.name} has {length} lines, more than {FUNCTION_LINES}"
                )
    return found


def main() -> int:
    """Print what is too long."""
    files = [
        file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))
    ]
    found = [problem for file in files for problem in too_long(file)]
    print("\n".join(found) or f"{len(files)} modules, none too long")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
