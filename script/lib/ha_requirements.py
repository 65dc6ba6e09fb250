"""Print what the integrations of the installed Home Assistant need from PyPI.

Run it with the Python that Home Assistant is installed in:

    ha_requirements.py [--only] DOMAIN ...

It walks dependencies and after_dependencies as Home Assistant's own
requirements manager does, from the integrations that every start loads plus
the named ones; with --only, from the named ones alone.
"""

from __future__ import annotations

import json
from pathlib import Path
import re
import sys

import homeassistant
from homeassistant.auth.mfa_modules import totp
from homeassistant.bootstrap import (
    CORE_INTEGRATIONS,
    DEFAULT_INTEGRATIONS,
    LOGGING_AND_HTTP_DEPS_INTEGRATIONS,
)

COMPONENTS = Path(homeassistant.__file__).parent / "components"

# The pinned versions have no wheel for Python 3.14 and do not build without headers.
# The current ones have; Home Assistant is started with --skip-pip-packages for them.
UNPINNED = {"pymicro-vad", "pyspeex-noise"}


def name_of(requirement: str) -> str:
    """Return the package name of a pinned requirement."""
    return re.split(r"[=\[]", requirement, maxsplit=1)[0]


def requirements(domains: list[str], *, follow_optional: bool) -> set[str]:
    """Return the requirements of these integrations and of all they depend on."""
    todo = list(domains)
    seen: set[str] = set()
    found: set[str] = set()
    while todo:
        domain = todo.pop()
        file = COMPONENTS / domain / "manifest.json"
        if domain in seen or not file.exists():
            continue
        seen.add(domain)
        manifest = json.loads(file.read_text(encoding="utf-8"))
        found.update(manifest.get("requirements", []))
        todo += manifest.get("dependencies", [])
        if follow_optional:
            todo += manifest.get("after_dependencies", [])
    return found


def main(arguments: list[str]) -> None:
    """Print one requirement a line."""
    if arguments[:1] == ["--only"]:
        found = requirements(arguments[1:], follow_optional=False)
    else:
        always = {
            *CORE_INTEGRATIONS,
            *DEFAULT_INTEGRATIONS,
            # sentry reports to a foreign server and is not loaded unless configured
            *(LOGGING_AND_HTTP_DEPS_INTEGRATIONS - {"sentry"}),
        }
        found = requirements([*always, *arguments], follow_optional=True)
        found.update(totp.REQUIREMENTS)
    for requirement in sorted(found, key=str.lower):
        name = name_of(requirement)
        print(name if name in UNPINNED else requirement)


if __name__ == "__main__":
    main(sys.argv[1:])
