"""A gateway that locks itself after a wrong password: one is all it ever sees."""

import pytest

from homeassistant.data_entry_flow import FlowResultType

from .cases import TRUE, Case
from .makers import MAKERS, Maker
from .owner import Owner

LOCKOUT = pytest.mark.parametrize(
    ("maker", "case"),
    [
        pytest.param(maker, Case(fault="lockout", params={"after": 1}), id=name)
        for name, maker in MAKERS.items()
    ],
)


@LOCKOUT
async def test_mistyped_when_added(owner: Owner, case: Case, maker: Maker) -> None:
    """The right password is not blamed for the lock; later it is taken."""
    owner.switch_on(case)
    flow = await owner.starts_to_add()
    for _ in range(2):
        flow = await owner.fills_in(flow)
    flow = await owner.fills_in(flow, "mistyped")
    assert flow["errors"] == {"base": maker.locking}
    for _ in range(2):
        flow = await owner.fills_in(flow)
        assert flow["errors"] == {"base": maker.locked}
    await owner.timeline.pass_by(seconds=301)
    flow = await owner.fills_in(flow)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    assert owner.states == owner.expected(TRUE, {})
    assert owner.gateway.failed_logins == 1


@LOCKOUT
async def test_changed_while_loaded(owner: Owner, case: Case, maker: Maker) -> None:
    """After the refusal nothing is sent; an answer during the lock can be repeated."""
    await owner.lives_with_it()
    owner.change_password()
    await owner.next_reading(case)
    if maker.locking != "wrong_password":
        # the lock shuts the door without a word: it is tried once more
        assert owner.questions == []
        await owner.until_it_is_read()
    (question,) = owner.questions
    heard, failed = owner.gateway.connections, owner.gateway.failed_logins
    for _ in range(3):
        await owner.asks_again()
    assert owner.sees_nothing
    assert owner.gateway.connections == heard
    assert owner.gateway.failed_logins == failed == maker.attempts

    # somebody mistypes it once more
    flow = await owner.answers(question, "mistyped")
    assert flow["errors"] == {"base": maker.locking}
    flow = await owner.answers(flow)
    assert flow["errors"] == {"base": maker.locked}
    await owner.timeline.pass_by(seconds=301)
    flow = await owner.answers(flow)
    assert flow["reason"] == "reauth_successful"
    await owner.until_it_is_read()
    assert owner.states == owner.expected(TRUE, {})
    assert owner.issues == set()
    assert owner.gateway.failed_logins == failed + 1
