"""Every fault of every maker's gateway, before, in and after Home Assistant's life."""

from collections.abc import Callable
from datetime import datetime, timedelta
import json
from pathlib import Path
from typing import Any

import pytest

from custom_components import smgw
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.data_entry_flow import FlowResultType

from .cases import ADDRESS, CERTIFICATE, LOGIN, TRUE, Case, Shown
from .makers import MAKERS
from .owner import Owner

TRANSLATIONS = Path(smgw.__file__).parent / "translations"
TEXTS = {
    language: json.loads((TRANSLATIONS / f"{language}.json").read_text())
    for language in ("en", "de")
}


def each(which: Callable[[Case], bool] = lambda case: True) -> pytest.MarkDecorator:
    """Run a test with each case of each maker."""
    return pytest.mark.parametrize(
        ("maker", "case"),
        [
            pytest.param(maker, case, id=f"{name}-{case}")
            for name, maker in MAKERS.items()
            for case in maker.cases
            if which(case)
        ],
    )


@each()
async def test_added_with_the_fault(owner: Owner, case: Case) -> None:
    """The set-up stops where it must and says why; mended, it goes on and all is true."""
    flow = await owner.starts_to_add()
    mistyped = "mistyped" if case.changed_password else None
    for step in (ADDRESS, CERTIFICATE, LOGIN):
        assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, step)
        if step == case.since:
            owner.switch_on(case)
        flow = await owner.fills_in(flow, mistyped)
        if case.stops and case.stops[0] == step:
            assert (flow["step_id"], flow["errors"]) == (step, {"base": case.stops[1]})
            assert_read(case.stops[1], flow["description_placeholders"])
            assert_left(owner, case)
            owner.switch_off()
            if case.error == "portal_locked":
                # until the countdown is over nothing is sent
                await owner.timeline.pass_by(seconds=case.params["seconds"])
            flow = await owner.fills_in(flow)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    assert owner.entry is not None
    assert owner.entry.state is ConfigEntryState.LOADED
    shown = TRUE if case.stops else case.at_first
    assert_shown(owner, shown, {}, case.captured)
    assert owner.issues == (set() if case.stops else case.first_issues)
    # typed once; what comes of a second attempt is seen only later
    assert owner.gateway.failed_logins == min(case.wrong_logins, 1)
    owner.switch_off()
    await healed(owner, case, shown)
    assert_clean(owner, case)


@each()
async def test_between_two_readings(owner: Owner, case: Case) -> None:
    """A loaded gateway gets the fault: no value that is wrong, and the reason is told."""
    await owner.lives_with_it()
    before = owner.states
    assert before == owner.expected(TRUE, {})
    if case.changed_password:
        owner.change_password()
    owner.caplog.clear()
    owner.gateway.clear_requests()
    logins = owner.gateway.logins

    fault: Case | None = case
    issues: frozenset[str] = frozenset()
    for shown in (case.shows, case.later or case.shows):
        await owner.next_reading(fault)
        if case.error:
            assert owner.sees_nothing
        else:
            assert_shown(owner, shown, before, case.captured)
            before = owner.states
        issues |= case.more_issues if fault is None else case.issues
        asked = case.refused or (case.gives_up and fault is None)
        assert_told(owner, case, issues, asked=asked)
        assert_left(owner, case)
        await owner.asks_again()
        fault = None
    assert owner.gateway.failed_logins == case.wrong_logins
    assert owner.gateway.logins <= logins + 2 * case.sessions

    owner.switch_off()
    if asked:
        flow = await owner.answers(*owner.questions)
        assert flow["reason"] == "reauth_successful"
    await healed(owner, case, shown)
    assert [level for level, _ in owner.log] == (
        ["ERROR", "INFO"] if case.error else []
    )
    assert_clean(owner, case)


@each(lambda case: bool(case.error or case.at_start) and "action" not in case.params)
async def test_start_with_the_fault(owner: Owner, case: Case) -> None:
    """The card says why; the gateway is not pestered, and found again when it is well."""
    await owner.lives_with_it()
    assert owner.entry is not None
    if case.changed_password:
        owner.change_password()
    # what was read a moment ago would be shown without a session
    await owner.timeline.pass_by(minutes=13)
    owner.switch_on(case)
    owner.gateway.clear_requests()
    assert not await owner.restarts()
    error = case.at_start or case.error
    assert owner.entry.error_reason_translation_key == error
    assert owner.entry.reason == text(error, case.told)
    if case.refused:
        assert owner.entry.state is ConfigEntryState.SETUP_ERROR
    else:
        assert owner.entry.state is ConfigEntryState.SETUP_RETRY
    assert_told(owner, case, case.start_issues, asked=case.refused)
    assert_left(owner, case)
    owner.gateway.clear_requests()
    for _ in range(2):
        await owner.timeline.pass_by(minutes=4)
    if case.costs_session:
        assert owner.gateway.requests == []
    gives_up = case.gives_up and not case.at_start
    for _ in range(8):
        if gives_up and not owner.questions:
            await owner.timeline.pass_by(minutes=4)
    assert owner.gateway.failed_logins == case.wrong_logins

    owner.switch_off()
    if case.refused or gives_up:
        flow = await owner.answers(*owner.questions)
        assert flow["reason"] == "reauth_successful"
    for _ in range(8):
        if owner.entry.state is not ConfigEntryState.LOADED:
            await owner.timeline.pass_by(minutes=4)
    assert owner.entry.state is ConfigEntryState.LOADED
    await healed(owner, case, TRUE)
    assert_clean(owner, case)


@each(lambda case: bool(case.in_time))
async def test_a_fault_that_lasts(owner: Owner, case: Case) -> None:
    """After half a day the owner is told without looking; healed, no more."""
    await owner.lives_with_it()
    await owner.next_reading(case)
    for _ in range(4):
        await owner.timeline.pass_by(hours=3)
    assert owner.issues == case.in_time
    owner.switch_off()
    await healed(owner, case, TRUE)
    assert_clean(owner, case)


async def healed(owner: Owner, case: Case, shown: Shown) -> None:
    """Check that the next good reading shows what is true."""
    await owner.until_it_is_read()
    if case.healing:
        await owner.timeline.pass_by(seconds=case.healing.total_seconds())
        await owner.until_it_is_read()
    assert_shown(owner, shown if case.lasting else case.afterwards, {})


def assert_shown(
    owner: Owner,
    shown: Shown,
    before: dict[str, str],
    captured: timedelta = timedelta(0),
) -> None:
    """Check every register, the gateway's clock, and when meters were read."""
    assert owner.states == owner.expected(shown, before)
    sensors = owner.sensors
    for name, (earliest, latest) in owner.expected_times(shown, captured).items():
        assert earliest <= datetime.fromisoformat(sensors[name]) <= latest, name


def assert_told(
    owner: Owner, case: Case, issues: frozenset[str], *, asked: bool
) -> None:
    """Check the log, the repair issues, and whether there is a question."""
    failed = [line for level, line in owner.log if level == "ERROR"]
    name = owner.gateway.gateway_id
    if case.error and owner.entry.state is ConfigEntryState.LOADED:
        # Home Assistant leaves out the last full stop where it puts a text into its own
        what = "Authentication failed while" if case.refused else "Error"
        reason = text(case.error, case.told)
        assert failed == [f"{what} fetching {name} data: {reason}"]
    else:
        assert failed == []
    assert owner.issues == issues
    sources = [flow["context"]["source"] for flow in owner.questions]
    assert sources == ([SOURCE_REAUTH] if asked else [])


def assert_left(owner: Owner, case: Case) -> None:
    """Check how the gateway was left while it has the fault."""
    assert getattr(owner.gateway, "open_sessions", 0) == 0
    if case.silent:
        assert owner.gateway.requests == []


def assert_clean(owner: Owner, case: Case) -> None:
    """Check that nothing is left of the fault."""
    assert owner.issues == set()
    assert owner.questions == []
    assert getattr(owner.gateway, "open_sessions", 0) == 0
    if not case.slow:
        assert owner.gateway.most_connections == 1


def text(key: str, values: dict[str, str]) -> str:
    """Return the English text of a failure."""
    message: str = TEXTS["en"]["exceptions"][key]["message"]
    # Home Assistant leaves out the last full stop where it puts a text into its own
    return message.format(**values).removesuffix(".")


def assert_read(key: str, values: dict[str, Any]) -> None:
    """Check that every variable of the text under a form has a value."""
    for texts in TEXTS.values():
        assert texts["config"]["error"][key].format(**values)
