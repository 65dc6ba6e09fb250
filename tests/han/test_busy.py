"""A gateway that wants to be left alone, and sessions that are counted."""

from datetime import datetime, timedelta

import pytest

from custom_components.smgw.han import errors
from custom_components.smgw.han.driver import vendor_of
from custom_components.smgw.han.failures import raise_if_busy
from custom_components.smgw.han.model import Credentials
from custom_components.smgw.han.transport import Transport
from simulator.clock import SimClock
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .helpers import START, WRONG, transport_to, truths

pytestmark = pytest.mark.usefixtures("socket_enabled")

DATE = "Fri, 20 Nov 2026 09:07:00 GMT"


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (503, {"Retry-After": "120"}, 120),
        (429, {"Retry-After": " 90 "}, 90),
        (503, {"Retry-After": "Fri, 20 Nov 2026 09:37:00 GMT", "Date": DATE}, 1800),
        # a time that is over, or that cannot be
        (503, {"Retry-After": "Fri, 20 Nov 2026 09:00:00 GMT", "Date": DATE}, 0),
        (503, {"Retry-After": "99999999999999999999"}, 6 * 3600),
        (503, {"Retry-After": "Fri, 20 Nov 2099 09:37:00 GMT", "Date": DATE}, 6 * 3600),
        # without a time
        (429, {}, 900),
        (429, {"Retry-After": "soon"}, 900),
        (503, {}, None),
        (503, {"Retry-After": "-5"}, None),
        # relative to a clock that the answer does not tell
        (503, {"Retry-After": "Fri, 20 Nov 2026 09:37:00 GMT"}, None),
        (503, {"Retry-After": "Fri, 20 Nov 2026 09:37:00", "Date": DATE}, None),
        (200, {"Retry-After": "120"}, None),
    ],
)
def test_how_long(status: int, headers: dict[str, str], seconds: int | None) -> None:
    """Seconds, or a time on the gateway's own clock; never for ever."""
    if seconds is None:
        raise_if_busy(status, headers)
        return
    with pytest.raises(errors.GatewayBusy) as caught:
        raise_if_busy(status, headers)
    assert caught.value.pause == timedelta(seconds=seconds)


def test_what_the_owner_is_told() -> None:
    """Whole minutes, rather one too many."""
    assert errors.GatewayBusy(timedelta(seconds=61)).placeholders == {"minutes": "2"}


class Sessions:
    """A log of sessions, with room for some."""

    def __init__(self, room: int = 9) -> None:
        """Start with none."""
        self.open: list[datetime] = []
        self.room = room

    def opened(self) -> datetime:
        """Note one."""
        moment = START + timedelta(seconds=len(self.open))
        self.open.append(moment)
        return moment

    def withdraw(self, session: datetime) -> None:
        """Forget one."""
        self.open.remove(session)

    def bears(self, more: int) -> bool:
        """Say whether there is room."""
        return len(self.open) + more <= self.room


class Counted:
    """A driver whose sessions are counted."""

    def __init__(self, gateway: PpcGateway | ThebenGateway, room: int = 9) -> None:
        """Make it."""
        self.sessions = Sessions(room)
        plain = transport_to(gateway)
        transport = Transport(
            plain.address,
            gateway.gateway_id,
            gateway.certificate_der,
            plain.timeouts,
            sessions=self.sessions,
        )
        self.memory: dict[str, object] = {}
        self.driver = vendor_of(gateway.gateway_id).driver(
            transport, self.memory, gateway.clock.now
        )
        self.account = Credentials(user=gateway.user, password=gateway.password)


@pytest.fixture
def gateway() -> PpcGateway:
    """A gateway that is not started."""
    return PpcGateway(clock=SimClock(START))


async def test_a_session_is_counted_once(gateway: PpcGateway) -> None:
    """Whatever the number of its requests; a look at the door is none."""
    with gateway:
        counted = Counted(gateway)
        await counted.driver.check()
        assert counted.sessions.open == []
        for number in (1, 2, 3):
            await counted.driver.read_latest(counted.account)
            assert len(counted.sessions.open) == number == gateway.logins


@pytest.mark.parametrize("fault", ["tls_close", "refuse_renegotiation_info"])
async def test_nothing_sent_is_no_session(gateway: PpcGateway, fault: str) -> None:
    """Without a connection nothing has happened."""
    with gateway:
        counted = Counted(gateway)
        gateway.faults.add(fault)
        with pytest.raises(errors.TlsFailed):
            await counted.driver.read_latest(counted.account)
        assert counted.sessions.open == []
        gateway.faults.clear()
        gateway.rotate_certificate()
        with pytest.raises(errors.CertificateChanged):
            await counted.driver.read_latest(counted.account)
        assert counted.sessions.open == []


async def test_a_refused_login_is_a_session() -> None:
    """Two for the first login of a Theben that announces what it does not check."""
    with ThebenGateway(clock=SimClock(START)) as box:
        box.faults.add("digest_sha256_lie")
        counted = Counted(box)
        wrong = Credentials(user=box.user, password=WRONG)
        with pytest.raises(errors.WrongPassword):
            await counted.driver.read_latest(wrong)
        assert len(counted.sessions.open) == 2 == box.failed_logins
        await counted.driver.read_latest(counted.account)
        await counted.driver.read_latest(counted.account)
        assert len(counted.sessions.open) == 5


async def test_no_second_session_without_room(gateway: PpcGateway) -> None:
    """An expired session is opened once more only where the gateway bears it."""
    with gateway:
        counted = Counted(gateway, room=1)
        gateway.faults.add("session_expired_once", action="showMeterProfile")
        with pytest.raises(errors.SessionExpired):
            await counted.driver.read_latest(counted.account)
        assert gateway.logins == 1
        counted.sessions.room = 9
        gateway.faults.add("session_expired_once", action="showMeterProfile")
        truths(await counted.driver.read_latest(counted.account), gateway)
        assert gateway.logins == 3


async def test_the_quicker_login_is_tried_with_room(gateway: PpcGateway) -> None:
    """The trial may need a second session; later, odd answers change the way slowly."""
    with gateway:
        counted = Counted(gateway, room=3)
        await counted.driver.read_latest(counted.account)
        counted.sessions.room = 2
        await counted.driver.read_latest(counted.account)
        assert counted.memory["login_by_post"] is None
        counted.sessions.room = 9
        await counted.driver.read_latest(counted.account)
        assert counted.memory["login_by_post"] is True
        assert len(counted.sessions.open) == 3

        counted.sessions.room = 4
        gateway.faults.add("get_first_only")
        with pytest.raises(errors.SmgwError):
            await counted.driver.read_latest(counted.account)
        assert len(counted.sessions.open) == 4
        truths(await counted.driver.read_latest(counted.account), gateway)
        assert len(counted.sessions.open) == 5
