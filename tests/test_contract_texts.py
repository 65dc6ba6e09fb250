"""Every text that the code shows exists, in English and German, and fits.

Home Assistant's own test of this is not in the plugin for custom integrations.
"""

from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any

import pytest

from custom_components.smgw import verdict
from custom_components.smgw.cls.model import ChannelPhase
from custom_components.smgw.cls.reasons import ChannelReason
from custom_components.smgw.control.reasons import EffectReason, EndReason, Reason
from custom_components.smgw.han.doctor import Outcome, Step

from . import contract_code as code
from .contract_names import name_patterns
from .test_contract import INTEGRATION, read_json

LANGUAGES = ("en", "de")
TOP_LEVEL = {
    "common",
    "config",
    "config_subentries",
    "device",
    "entity",
    "exceptions",
    "issues",
    "options",
    "selector",
    "services",
    "system_health",
    "title",
}
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def texts(language: str) -> dict[str, Any]:
    """Return the texts of a language."""
    return read_json(INTEGRATION / "translations" / f"{language}.json")


def flat(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Return each text with its path."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def at(tree: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a part of the tree, empty if it is not there."""
    for key in path.split("."):
        tree = tree.get(key, {})
    return tree


def placeholders(text: str | dict[str, Any]) -> set[str]:
    """Return the variables of a text or of all texts below."""
    if isinstance(text, dict):
        return {name for _, part in flat(text) for name in PLACEHOLDER.findall(part)}
    return set(PLACEHOLDER.findall(text))


@pytest.fixture(scope="module")
def english() -> dict[str, Any]:
    """Return the English texts; the German ones have the same keys."""
    return texts("en")


@pytest.fixture(scope="module")
def sources() -> list[code.Module]:
    """Return the modules of the integration."""
    return code.modules()


def test_languages() -> None:
    """The people who have a gateway speak these."""
    names = {path.name for path in (INTEGRATION / "translations").iterdir()}
    assert names == {f"{language}.json" for language in LANGUAGES}


def test_same_keys_and_placeholders() -> None:
    """Both languages say the same things with the same variables."""
    found = [
        {path: placeholders(text) for path, text in flat(texts(language))}
        for language in LANGUAGES
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_form_of_texts(language: str) -> None:
    """What hassfest refuses in a text."""
    content = texts(language)
    assert content.keys() <= TOP_LEVEL
    for path, text in flat(content):
        assert all(re.fullmatch(r"[a-z0-9_-]+", key) for key in path.split(".")), path
        assert isinstance(text, str), path
        assert text, path
        assert text == text.strip(), f"{path} begins or ends with a space"
        assert not re.search(r"</?[a-zA-Z!]", text), f"{path} holds HTML"
        assert not re.search(r"'[^']*\{\w+\}[^']*'", text.replace("''", "")), (
            f"{path} has a placeholder in single quotes"
        )
        assert "[%key:" not in text, f"{path} refers to another text"
        assert text.count("{") == text.count("}") == len(PLACEHOLDER.findall(text)), (
            path
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_descriptions_belong_to_fields(language: str) -> None:
    """Each field has a name and a description, and no description is left over."""
    content = texts(language)
    for flow in code.flows():
        for name, step in at(content, flow).get("step", {}).items():
            assert (
                step.get("data", {}).keys() == step.get("data_description", {}).keys()
            ), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_issues_are_whole(language: str) -> None:
    """An issue has a title and exactly one of a description and a fix flow."""
    for name, issue in texts(language).get("issues", {}).items():
        assert "title" in issue, name
        assert len(issue.keys() & {"description", "fix_flow"}) == 1, name


def fits(
    shown: set[code.Shown], part: dict[str, Any], more: set[str] | None = None
) -> None:
    """Assert that each shown text exists and gets all its variables."""
    for one in shown:
        assert one.key in part, f"there is no text for {one.key}"
        missing = placeholders(part[one.key]) - one.placeholders - (more or set())
        assert not missing, f"{one.key} is shown without {missing}"


def menu_fits(step: dict[str, Any], options: set[str]) -> None:
    """Assert that a menu names its options, and that no other step names any.

    The pages give the title of a menu no variables.
    """
    assert step.get("menu_options", {}).keys() == options
    if options:
        assert not placeholders(step["title"])
        assert not placeholders(step["menu_options"])


def test_flow_steps(english: dict[str, Any]) -> None:
    """Each step and field has text, gets its variables, and no text is left over."""
    found = code.flows()
    assert found.keys() >= {"config", "options"}
    for place, flow in found.items():
        steps = at(english, place).get("step", {})
        fits(flow.steps, steps)
        assert steps.keys() == {step.key for step in flow.steps}
        for step, fields in flow.fields.items():
            assert steps[step].get("data", {}).keys() == fields, f"{place}.{step}"
            menu_fits(steps[step], flow.menus.get(step, set()))


def test_flow_errors(english: dict[str, Any]) -> None:
    """Each error that a flow may show has text, and no text is left over."""
    for place, flow in code.flows().items():
        errors = at(english, place).get("error", {})
        given = set.intersection(*(set(step.placeholders) for step in flow.steps))
        fits(flow.errors, errors, given)
        assert errors.keys() <= {error.key for error in flow.errors}, place


def test_flow_aborts(english: dict[str, Any]) -> None:
    """Each end of a flow has text and gets its variables."""
    for place, flow in code.flows().items():
        fits(flow.aborts, at(english, place).get("abort", {}))


def test_exceptions(english: dict[str, Any], sources: list[code.Module]) -> None:
    """Each exception that Home Assistant shows has text and gets its variables."""
    shown = {one for module in sources for one in code.exceptions(module)}
    fits(shown, english["exceptions"])
    assert english["exceptions"].keys() == {one.key for one in shown}


def test_common(english: dict[str, Any], sources: list[code.Module]) -> None:
    """Each text of an action's answer exists and gets its variables, and none is left over."""
    shown = {one for module in sources for one in code.said(module)}
    patterns = {one.key for one in shown} | {"doctor_time", "doctor_cause_.+"}
    for pattern in patterns:
        assert any(re.fullmatch(pattern, key) for key in english["common"]), pattern
    for key, said in english["common"].items():
        assert any(re.fullmatch(pattern, key) for pattern in patterns), key
        for one in shown:
            if re.escape(key) == one.key:
                assert placeholders(said) <= one.placeholders, key


def test_doctor(english: dict[str, Any]) -> None:
    """The doctor has words for every step, verdict, hint and letter."""
    words = (
        *(f"doctor_step_{step}" for step in Step),
        *(f"doctor_{outcome}" for outcome in Outcome if outcome != "skipped"),
        *(f"doctor_{key}" for key in (verdict.WORKS, verdict.UNJUDGED)),
        *(f"doctor_cause_{key}" for key in verdict.OWN_CAUSES),
        *(f"doctor_hint_{hint}" for hint in verdict.HINTS),
        *(f"doctor_letter_{key}" for key in verdict.LETTERS),
    )
    assert set(words) <= english["common"].keys()
    for key in verdict.LETTERS:
        cause = english["common"].get(f"doctor_cause_{key}", "")
        letter = english["common"][f"doctor_letter_{key}"]
        assert placeholders(letter) <= placeholders(cause), key


@pytest.mark.parametrize(
    ("error", "prefix"),
    [("ExportRule", "export_rule_"), ("TariffInvalid", "tariff_rule_")],
)
def test_rules(
    english: dict[str, Any], sources: list[code.Module], error: str, prefix: str
) -> None:
    """Each rule that a tariff or an export can break has a sentence, and none is left over."""
    rules = {
        f"{prefix}{module.text(call.args[0])}"
        for module in sources
        for name, call in code.calls(module.tree)
        if name == error and call.args
    }
    assert rules == {key for key in english["common"] if key.startswith(prefix)}


def test_reasons(english: dict[str, Any]) -> None:
    """Whatever stops a tunnel or a command is told in words, on the pages and in the logbook."""
    tunnel = at(english, "entity.binary_sensor.connection.state_attributes")
    assert at(tunnel, "reason.state").keys() == set(ChannelReason)
    assert at(tunnel, "tunnel.state").keys() == set(ChannelPhase)
    command = at(english, "entity.event.commands.state_attributes.reason.state")
    assert command.keys() == {*Reason, *EffectReason, *EndReason}


def test_system_health(english: dict[str, Any], sources: list[code.Module]) -> None:
    """Each fact of system health has a name, and no name is left over."""
    (module,) = (one for one in sources if one.path.name == "system_health.py")
    (info,) = (
        node
        for node in module.tree.body
        if getattr(node, "name", None) == "system_health_info"
    )
    assert english["system_health"]["info"].keys() == code.literal_keys(info)


def test_issues(english: dict[str, Any], sources: list[code.Module]) -> None:
    """Each repair issue has text and gets its variables."""
    shown = code.issues(sources)
    issues = english.get("issues", {})
    heads = {
        key: {name: text for name, text in issue.items() if name != "fix_flow"}
        for key, issue in issues.items()
    }
    fits(shown, heads)
    assert issues.keys() == {one.key for one in shown}


def test_fix_flows(english: dict[str, Any]) -> None:
    """Each step, field, error and end of a fix flow has text and gets its variables."""
    found = code.fix_flows()
    issues = english.get("issues", {})
    assert found.keys() == {key for key, issue in issues.items() if "fix_flow" in issue}
    for key, flow in found.items():
        texts = issues[key]["fix_flow"]
        fits(flow.steps, texts["step"])
        assert texts["step"].keys() == {step.key for step in flow.steps}
        for step, fields in flow.fields.items():
            shown = texts["step"][step]
            assert shown.get("data", {}).keys() == fields, step
            menu_fits(shown, flow.menus.get(step, set()))
            assert shown.get("data_description", {}).keys() == fields, step
        given = set.intersection(*(set(step.placeholders) for step in flow.steps))
        fits(flow.errors, texts.get("error", {}), given)
        assert texts.get("error", {}).keys() == {error.key for error in flow.errors}
        fits(flow.aborts, texts.get("abort", {}))
        assert texts.get("abort", {}).keys() == {abort.key for abort in flow.aborts}


@pytest.mark.parametrize(
    ("part", "kinds"),
    [
        ("entity", r"\w*(EntityDescription|Description)"),
        ("device", r"DeviceInfo|async_get_or_create"),
    ],
)
def test_names(
    english: dict[str, Any], sources: list[code.Module], part: str, kinds: str
) -> None:
    """Each entity and device that is named by a key has a name, and no name is left over."""
    groups = english["entity"].values() if part == "entity" else [english.get(part, {})]
    known = {key for group in groups for key in group}
    patterns = {p for module in sources for p in name_patterns(module, kinds)}
    for pattern in patterns:
        assert any(re.fullmatch(pattern, key) for key in known), (
            f"no name for {pattern}"
        )
    for key in known:
        assert any(re.fullmatch(p, key) for p in patterns), (
            f"{part} {key} is never used"
        )
    for group in groups:
        for key, text in group.items():
            assert text.get("name") or "state" in text or "state_attributes" in text, (
                key
            )


def test_icons(english: dict[str, Any]) -> None:
    """Icons are for entities and actions that exist; a state's icon differs from the default."""
    icons = read_json(INTEGRATION / "icons.json")
    assert icons.keys() <= {"entity", "services"}
    assert icons.get("services", {}).keys() <= english.get("services", {}).keys()
    for platform, group in icons.get("entity", {}).items():
        assert group.keys() <= english["entity"][platform].keys()
        for key, icon in group.items():
            assert icon.keys() <= {"default", "state", "range", "state_attributes"}, key
            assert icon["default"] not in icon.get("state", {}).values(), key
    for path, icon in flat(icons):
        assert re.fullmatch(r"mdi:[a-z0-9-]+", icon), path


def test_no_references() -> None:
    """A custom integration's texts are whole: nothing resolves a reference."""
    for path in Path(INTEGRATION).rglob("*.json"):
        assert "[%key:" not in path.read_text(encoding="utf-8"), path
