"""What hassfest and the stores check about our files, and a few rules of our own.

hassfest is not published as a package: its public run is .github/workflows/hassfest.yml.
The texts have a test of their own, test_contract_texts.py.
"""

import json
from pathlib import Path
import re
import struct
from typing import Any
from urllib.parse import urlsplit

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
import pytest
import yaml

ROOT = Path(__file__).parents[1]
INTEGRATION = ROOT / "custom_components" / "smgw"

MANIFEST_REQUIRED = {
    "domain",
    "name",
    "codeowners",
    "documentation",
    "iot_class",
    "issue_tracker",
    "version",
}
MANIFEST_OPTIONAL = {
    "after_dependencies",
    "bluetooth",
    "config_flow",
    "dependencies",
    "dhcp",
    "homekit",
    "import_executor",
    "integration_type",
    "loggers",
    "mqtt",
    "preview_features",
    "requirements",
    "single_config_entry",
    "ssdp",
    "usb",
    "zeroconf",
}
INTEGRATION_TYPES = {"device", "entity", "hardware", "helper", "hub", "service"}
IOT_CLASSES = {
    "assumed_state",
    "calculated",
    "cloud_polling",
    "cloud_push",
    "local_polling",
    "local_push",
}
VERSION_STRATEGIES = [
    AwesomeVersionStrategy.CALVER,
    AwesomeVersionStrategy.SEMVER,
    AwesomeVersionStrategy.SIMPLEVER,
    AwesomeVersionStrategy.BUILDVER,
    AwesomeVersionStrategy.PEP440,
]
HACS_KEYS = {
    "content_in_root",
    "country",
    "filename",
    "hacs",
    "hide_default_branch",
    "homeassistant",
    "name",
    "persistent_directory",
    "render_readme",
    "zip_release",
}
BRAND_NAMES = {
    f"{dark}{kind}{size}.png"
    for dark in ("", "dark_")
    for kind in ("icon", "logo")
    for size in ("", "@2x")
}
# bronze, silver, gold, platinum
QUALITY_RULES = """
action-setup appropriate-polling brands common-modules config-flow config-flow-test-coverage
dependency-transparency docs-actions docs-conditions docs-high-level-description
docs-installation-instructions docs-removal-instructions docs-triggers entity-event-setup
entity-unique-id has-entity-name runtime-data test-before-configure test-before-setup
unique-config-entry
action-exceptions config-entry-unloading docs-configuration-parameters docs-installation-parameters
entity-unavailable integration-owner log-when-unavailable parallel-updates reauthentication-flow
test-coverage
devices diagnostics discovery discovery-update-info docs-data-update docs-examples
docs-known-limitations docs-supported-devices docs-supported-functions docs-troubleshooting
docs-use-cases dynamic-devices entity-category entity-device-class entity-disabled-by-default
entity-translations exception-translations icon-translations reconfiguration-flow repair-issues
stale-devices
async-dependency inject-websession strict-typing
"""


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file and refuse a key that is written twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), f"{path.name} repeats one of {names}"
        return dict(pairs)

    return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=once)


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """Return the manifest."""
    return read_json(INTEGRATION / "manifest.json")


def test_manifest_keys(manifest: dict[str, Any]) -> None:
    """Hassfest refuses unknown keys and, in core, any other order."""
    assert manifest.keys() >= MANIFEST_REQUIRED
    assert manifest.keys() - MANIFEST_REQUIRED - MANIFEST_OPTIONAL == set()
    rest = list(manifest)[2:]
    assert list(manifest)[:2] == ["domain", "name"]
    assert rest == sorted(rest)


def test_manifest_values(manifest: dict[str, Any]) -> None:
    """What the loader needs and what hassfest wants of a custom integration."""
    assert manifest["domain"] == INTEGRATION.name
    assert manifest["config_flow"] is True
    assert manifest["integration_type"] in INTEGRATION_TYPES
    assert manifest["iot_class"] in IOT_CLASSES
    assert manifest["codeowners"]
    assert all(owner.startswith("@") for owner in manifest["codeowners"])
    for key in ("documentation", "issue_tracker"):
        address = urlsplit(manifest[key])
        assert address.scheme == "https"
        assert not (address.hostname or "").endswith("home-assistant.io")


def test_manifest_version(manifest: dict[str, Any]) -> None:
    """The loader refuses a custom integration with any other version."""
    AwesomeVersion(manifest["version"], ensure_strategy=VERSION_STRATEGIES)


def test_manifest_requirements_are_pinned(manifest: dict[str, Any]) -> None:
    """A requirement that is not pinned installs something else tomorrow."""
    for requirement in manifest.get("requirements", []):
        assert re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==[\w.]+", requirement)


def test_no_grade_is_claimed(manifest: dict[str, Any]) -> None:
    """The grade is the core team's to give; the file with the rules is ours."""
    assert "quality_scale" not in manifest


def test_hacs_json() -> None:
    """The stores refuse unknown keys and read the oldest release from here."""
    hacs = read_json(ROOT / "hacs.json")
    assert hacs.keys() <= HACS_KEYS
    assert hacs["name"]
    assert hacs["country"] == "DE"
    assert hacs["homeassistant"] == "2026.10.0"
    # the catalog's own way to install needs the plain tree
    assert "zip_release" not in hacs
    assert "content_in_root" not in hacs


def test_one_integration() -> None:
    """The store takes the first folder that it finds."""
    folders = [
        path.name
        for path in (ROOT / "custom_components").iterdir()
        if path.is_dir() and path.name != "__pycache__"
    ]
    assert folders == ["smgw"]


@pytest.mark.parametrize(
    "name", ["README.md", "README.de.md", "info.md", "LICENSE", "hacs.json"]
)
def test_store_files(name: str) -> None:
    """The store shows these."""
    assert (ROOT / name).read_text(encoding="utf-8").strip()


def test_license_is_detectable() -> None:
    """The forge has to recognise the licence: the full text, nothing else."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("name", ["tests.yml", "hassfest.yml", "hacs.yml"])
def test_public_workflows(name: str) -> None:
    """The public repository runs the real checks."""
    workflow = yaml.safe_load((ROOT / ".github/workflows" / name).read_text())
    assert workflow["jobs"]


def test_nothing_is_left_out_of_the_archive() -> None:
    """The store installs from the archive of a tag."""
    assert "export-ignore" not in (ROOT / ".gitattributes").read_text()


def png_size(path: Path) -> tuple[int, int]:
    """Return width and height of a PNG file."""
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    return width, height


@pytest.mark.parametrize(("name", "size"), [("icon.png", 256), ("icon@2x.png", 512)])
def test_brand_icons(name: str, size: int) -> None:
    """Home Assistant serves these instead of asking the brands server."""
    assert png_size(INTEGRATION / "brand" / name) == (size, size)


def test_brand_folder() -> None:
    """Only eight names are served, and only as PNG."""
    assert {path.name for path in (INTEGRATION / "brand").iterdir()} <= BRAND_NAMES


def test_no_strings_json() -> None:
    """Custom integrations ship whole texts in translations/ and no references."""
    assert not list(INTEGRATION.rglob("strings.json"))


def test_services_yaml() -> None:
    """Each action has a name and a description, and the other way round."""
    path = INTEGRATION / "services.yaml"
    services = yaml.safe_load(path.read_text()) if path.exists() else {}
    texts = read_json(INTEGRATION / "translations/en.json").get("services", {})
    assert services.keys() == texts.keys()
    for name, service in services.items():
        assert texts[name]["name"]
        assert texts[name]["description"]
        fields = (service or {}).get("fields", {})
        assert fields.keys() == texts[name].get("fields", {}).keys()
        for field in fields:
            assert texts[name]["fields"][field]["name"]
            assert texts[name]["fields"][field]["description"]


def test_the_map_names_all_files() -> None:
    """Each module is in the map's table of its room, and each file named there exists."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"^#+ (.*)$", text, flags=re.MULTILINE)
    named: set[Path] = set()
    for head, body in zip(parts[::2], parts[1::2], strict=True):
        room = re.match(r"`(\w+)/`", head)
        if room is None and head != "Rooms":
            continue
        folder = INTEGRATION / room[1] if room else INTEGRATION
        for pattern in re.findall(r"`([\w*]+\.py)`", body):
            found = set(folder.glob(pattern)) or set(INTEGRATION.glob(pattern))
            assert found, f"docs/architecture.md: there is no {pattern} in {head}"
            named |= found
    modules = {path for path in INTEGRATION.rglob("*.py") if path.stem != "__init__"}
    assert modules <= named, "docs/architecture.md does not name them"


@pytest.mark.parametrize(
    "page",
    [*ROOT.glob("README*.md"), *ROOT.glob("docs/*.md")],
    ids=lambda page: page.name,
)
def test_pages_lead_to_what_exists(page: Path) -> None:
    """Links, anchors and paths of the pages for people; without the net."""
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:docs|script|simulator|tests)/[^` ]+)`", text):
        assert (ROOT / path.partition("::")[0]).exists(), path
    anchors = {
        re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    }
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif not urlsplit(link).scheme:
            assert (page.parent / link.partition("#")[0]).exists(), link


def test_quality_scale() -> None:
    """Every rule of the scale is answered, an exemption with its reason."""
    known = set(QUALITY_RULES.split())
    assert len(known) == 54
    rules = yaml.safe_load((INTEGRATION / "quality_scale.yaml").read_text())["rules"]
    assert rules.keys() == known
    for name, rule in rules.items():
        status = rule["status"] if isinstance(rule, dict) else rule
        assert status in {"done", "todo", "exempt"}, name
        if isinstance(rule, dict):
            assert rule.keys() <= {"status", "comment"}, name
        if status == "exempt":
            assert rule["comment"].strip(), name
