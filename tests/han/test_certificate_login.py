"""Logging in by client certificate: what works, what is said if not, what is shown to whom."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
import gc
from pathlib import Path
import ssl
import stat
import sys
import tempfile
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
import pytest

from custom_components.smgw.han.address import Address
from custom_components.smgw.han.errors import (
    AnswerTimeout,
    CertificateChanged,
    ClientCertificateDropped,
    ClientCertificateRefused,
    ClientCertificateUnknown,
    ClientKeyUnusable,
    ConnectionCut,
    NoTemporaryFile,
    SmgwError,
    WrongCurve,
)
from custom_components.smgw.han.model import ClientCertificate
from custom_components.smgw.han.ppc import PATH
from custom_components.smgw.han.transport import Transport
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway
from simulator.tls import Certificate, self_signed
from tests.client_keys import account, consumer

from .helpers import IMPATIENT, START, Reader, Simulated, truths
from .hostile import CHALLENGE, RESET, hostile, ok
from .relay import relay_to
from .test_busy import Sessions
from .test_tls import issued

MAKERS = (PpcGateway, ThebenGateway, EmhGateway)
CURVES = {
    "prime256v1": ec.SECP256R1,
    "secp384r1": ec.SECP384R1,
    "brainpoolP256r1": ec.BrainpoolP256R1,
    "brainpoolP384r1": ec.BrainpoolP384R1,
    "brainpoolP512r1": ec.BrainpoolP512R1,
}
# All three makers' usual gateways know P-384; Theben's know nothing else.
OWN = consumer(curve=ec.SECP384R1)
PPC_USER = PpcGateway().user
CA = x509.BasicConstraints(ca=True, path_length=None)
STRANGER = account(consumer("stranger", ec.SECP384R1))


@pytest.fixture(params=MAKERS, ids=lambda kind: kind.__name__)
def gateway(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Simulated]:
    """A gateway of each maker that knows one consumer by certificate."""
    user = request.param().user
    with request.param(clock=clock, client_certificates={user: OWN}) as running:
        yield running


def address_of(gateway: Simulated) -> Address:
    """Return where a gateway listens."""
    return Address(gateway.host, gateway.port)


class CertificateReader(Reader):
    """Reads with a certificate."""

    def use(self, who: ClientCertificate) -> CertificateReader:
        """Log in as somebody from now on."""
        self.credentials = who
        return self


@pytest.fixture
def reader(gateway: Simulated) -> CertificateReader:
    """A driver of this gateway, with the consumer's certificate."""
    return CertificateReader(gateway).use(account(OWN))


async def test_login(gateway: Simulated, reader: CertificateReader) -> None:
    """Everything is read, again and again, without a password ever being asked for."""
    for _ in range(3):
        snapshot = await reader.read()
        assert snapshot.meters
        truths(snapshot, gateway)
    assert all(record.authenticated for record in gateway.requests)
    assert 401 not in {record.status for record in gateway.requests}
    assert gateway.failed_logins == 0


async def test_both_ways_on_one_gateway(
    gateway: Simulated, reader: CertificateReader
) -> None:
    """A user and a certificate share a driver, and neither is taken for the other."""
    by_password = Reader(gateway).credentials
    for _ in range(2):
        truths(await reader.read(), gateway)
        gateway.clear_requests()
        truths(await reader.driver.read_latest(by_password), gateway)
        assert gateway.requests[0].status == 401
        gateway.clear_requests()
    assert gateway.failed_logins == 0


async def test_unknown(gateway: Simulated, reader: CertificateReader) -> None:
    """The gateway asks for a password: one request, and a reason of its own."""
    await reader.use(STRANGER).fails(ClientCertificateUnknown)
    assert [record.status for record in gateway.requests] == [401]
    assert reader.memory.get("digest") is None
    await reader.use(account(OWN)).read()


async def test_unknown_after_a_good_session(
    gateway: Simulated, reader: CertificateReader
) -> None:
    """No more than the one retry that each other refusal gets, then none."""
    await reader.read()
    gateway.clear_requests()
    await reader.use(STRANGER).fails(ClientCertificateUnknown)
    assert {record.status for record in gateway.requests} == {401}
    assert len(gateway.requests) <= 2
    gateway.clear_requests()
    await reader.fails(ClientCertificateUnknown)
    assert len(gateway.requests) == 1


async def test_cut_upon_the_first_request(
    gateway: Simulated, reader: CertificateReader, clock: SimClock
) -> None:
    """Maybe the certificate, maybe a fault: said so, and not sent again by itself."""
    gateway.faults.add("drop_before_answer")
    await reader.fails(ClientCertificateDropped)
    assert len(gateway.requests) == 1
    gateway.faults.clear()
    # PPC's session, of which we know nothing, ends by itself
    clock.set(START + timedelta(hours=1))
    truths(await reader.read(), gateway)


async def test_cut_later(gateway: Simulated, reader: CertificateReader) -> None:
    """Once the gateway has let us in a lost connection is just that."""
    gateway.faults.add("drop_mid_answer")
    await reader.fails(ConnectionCut)


async def test_slow(gateway: Simulated) -> None:
    """A gateway that does not answer in time has not refused anybody."""
    reader = CertificateReader(gateway, IMPATIENT).use(account(OWN))
    gateway.faults.add("slow", seconds=5)
    await reader.fails(AnswerTimeout)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("max_tls12", [False, True])
async def test_every_curve(
    socket_enabled: None, clock: SimClock, curve: str, max_tls12: bool
) -> None:
    """Gateway and consumer on the same curve, of NIST and of Brainpool."""
    own = consumer(curve=CURVES[curve])
    with PpcGateway(
        clock=clock,
        curve=curve,
        max_tls12=max_tls12,
        client_certificates={PPC_USER: own},
    ) as gateway:
        async with relay_to(address_of(gateway)) as relay:
            reader = CertificateReader(gateway).use(account(own))
            reader.driver._transport.address = relay.address
            truths(await reader.read(), gateway)
            assert gateway.failed_logins == 0
            # the greetings of the curves before are all that was in vain
            greetings, logins = relay.connections[:-1], relay.connections[-1:]
            assert len(logins) == 1
            relay.connections = greetings
            assert relay.only_hellos


@pytest.mark.parametrize(
    ("theirs", "ours", "names"),
    [
        ("prime256v1", "secp384r1", None),
        ("secp384r1", "prime256v1", None),
        ("prime256v1", "brainpoolP256r1", ("P-256", "brainpoolP256r1")),
        ("brainpoolP384r1", "secp384r1", ("brainpoolP384r1", "P-384")),
        ("brainpoolP256r1", "brainpoolP512r1", ("brainpoolP256r1", "brainpoolP512r1")),
    ],
)
async def test_two_curves(
    socket_enabled: None,
    clock: SimClock,
    theirs: str,
    ours: str,
    names: tuple[str, str] | None,
) -> None:
    """NIST's go together; others do not, and that is shown once, not once per curve."""
    own = consumer(curve=CURVES[ours])
    with PpcGateway(
        clock=clock, curve=theirs, max_tls12=True, client_certificates={PPC_USER: own}
    ) as gateway:
        reader = CertificateReader(gateway).use(account(own))
        if names is None:
            truths(await reader.read(), gateway)
            return
        async with relay_to(address_of(gateway)) as relay:
            reader.driver._transport.address = relay.address
            error = await reader.fails(WrongCurve)
            assert error.placeholders == dict(
                zip(("gateway_curve", "key_curve"), names, strict=True)
            )
            assert sum(own.der in sent for sent in relay.connections) == 1


async def ask(way: Transport, who: ClientCertificate) -> int:
    """Ask for the consumer interface as somebody; return the HTTP status."""
    async with way.connect(who) as connection:
        return (await connection.request("GET", PATH)).status


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_refused_by_an_alert(
    socket_enabled: None, version: ssl.TLSVersion
) -> None:
    """A gateway that takes nobody it does not know; the certificate is shown once."""
    with hostile(lambda *_: (ok(b"hello"),)) as server:
        context: ssl.SSLContext = server._context
        context.minimum_version = context.maximum_version = version
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=OWN.pem)
        assert await ask(server.transport(), account(OWN)) == 200
        async with relay_to(server.address) as relay:
            way = relay.way_to("EPPC0210123456", server.certificate.der)
            with pytest.raises(ClientCertificateRefused) as caught:
                await ask(way, STRANGER)
            assert "ALERT" in caught.value.detail
            assert len(relay.connections) == 1
            if version is ssl.TLSVersion.TLSv1_2:
                # in clear there: the relay would have seen it
                assert STRANGER.der in bytes(relay.connections[0])


@asynccontextmanager
async def silent_server(own: Certificate) -> AsyncIterator[Address]:
    """Ask for the certificate of somebody else, and hang up without an alert."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=OWN.pem)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(own.pem + own.key_pem)
        file.flush()
        context.load_cert_chain(file.name)
    # asyncio does not send the alerts of a handshake that failed
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context
    )
    async with server:
        yield Address(*server.sockets[0].getsockname())


async def test_refused_without_a_word(socket_enabled: None) -> None:
    """A connection that just closes: told apart from a refusal, it may pass."""
    pin, sessions = self_signed("EPPC0210123456"), Sessions()
    async with silent_server(pin) as address, relay_to(address) as relay:
        way = relay.way_to("EPPC0210123456", pin.der, sessions)
        with pytest.raises(ClientCertificateDropped):
            await ask(way, account(consumer()))
        assert len(relay.connections) == 1
        # for the gateway it was a login
        assert len(sessions.open) == 1


OTHER = self_signed("EPPC0210123456")
# The last two pass OpenSSL's check, since the pin is an authority.
RENEWED: dict[str, Callable[[Certificate], Certificate]] = {
    "other key": lambda _: OTHER,
    "same key": lambda known: issued(known, known),
    "same key, other name": lambda known: issued(known, known, "EPPC0210123457"),
    "signed by the known one": lambda known: issued(OTHER, known, "EPPC0210123457"),
}


@pytest.mark.parametrize("how", RENEWED)
@pytest.mark.parametrize("max_tls12", [False, True])
async def test_changed_gateway_never_sees_it(
    socket_enabled: None, clock: SimClock, how: str, max_tls12: bool
) -> None:
    """Nothing but a greeting leaves us: no certificate, not even in the handshake."""
    key = self_signed("EPPC0210123456")
    known = issued(key, key, "EPPC0210123456", CA)
    other = RENEWED[how](known)
    with PpcGateway(
        clock=clock,
        certificate=other,
        max_tls12=max_tls12,
        client_certificates={PPC_USER: OWN},
    ) as gateway:
        async with relay_to(address_of(gateway)) as relay:
            sessions = Sessions()
            way = relay.way_to(gateway.gateway_id, known.der, sessions)
            with pytest.raises(CertificateChanged):
                await ask(way, account(OWN))
            assert sessions.open == []
            assert relay.connections
            assert relay.only_hellos
            assert gateway.requests == []
            # the relay does see it where the certificate is the right one
            await ask(relay.way_to(gateway.gateway_id, other.der), account(OWN))
            assert not relay.only_hellos
            assert (OWN.der in relay.connections[-1]) is max_tls12


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (CHALLENGE, ClientCertificateUnknown),
        (
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            ClientCertificateUnknown,
        ),
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            ClientCertificateUnknown,
        ),
        (ok(b""), ConnectionCut),
        (RESET, ClientCertificateDropped),
    ],
    ids=["challenge", "401", "403", "empty", "reset"],
)
@pytest.mark.parametrize("flag", ["THE", "EMH"])
async def test_odd_first_answers(
    socket_enabled: None, flag: str, answer: bytes, error: type[SmgwError]
) -> None:
    """What JSON gateways may answer to a certificate they do not like; once."""
    with hostile(lambda *_: (answer,)) as server:
        with pytest.raises(SmgwError) as caught:
            await server.driver(flag).read_latest(account(OWN))
        assert type(caught.value) is error
        assert len(server.received) == 1


async def test_challenge_in_mid_session(socket_enabled: None, clock: SimClock) -> None:
    """PPC's session that has ended is opened anew, with the same certificate."""
    with PpcGateway(clock=clock, client_certificates={PPC_USER: OWN}) as gateway:
        reader = CertificateReader(gateway).use(account(OWN))
        gateway.faults.add("session_expired_once")
        truths(await reader.read(), gateway)
        assert gateway.failed_logins == 0


class Watch:
    """Looks at temporary files at the moment they are removed."""

    def __init__(self, folder: Path) -> None:
        """Watch a folder."""
        self.folder = folder
        self.seen: list[tuple[int, int, bytes]] = []
        self.on = True
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event == "shutil.rmtree":
            folder = Path(arguments[0])
            if folder.parent == self.folder:
                (file,) = folder.iterdir()
                self.seen.append(
                    (
                        stat.S_IMODE(folder.stat().st_mode),
                        stat.S_IMODE(file.stat().st_mode),
                        file.read_bytes(),
                    )
                )


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Watch]:
    """Temporary files lie in a folder that is watched."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    watching = Watch(tmp_path)
    yield watching
    watching.on = False


async def test_key_file(
    gateway: Simulated, reader: CertificateReader, watch: Watch
) -> None:
    """Only we may read it, the key in it is encrypted, it is gone, and written once."""
    for _ in range(2):
        await reader.read()
    assert list(watch.folder.iterdir()) == []
    files = {content for _, _, content in watch.seen}
    # one for each curve that was offered, none for the second session
    assert len(watch.seen) == len(files) <= 4
    for folder_mode, file_mode, content in watch.seen:
        assert (folder_mode, file_mode) == (0o700, 0o600)
        assert OWN.pem.encode() in content
        assert b"BEGIN ENCRYPTED PRIVATE KEY" in content
        assert OWN.key_pem.encode() not in content
        assert b"BEGIN PRIVATE KEY" not in content


@pytest.mark.parametrize(
    "damaged",
    [
        replace(account(OWN), key="no key"),
        replace(account(OWN), key=STRANGER.key),
        replace(account(OWN), certificate=OWN.pem[:200] + OWN.pem[220:]),
    ],
    ids=["no key", "another's key", "no certificate"],
)
async def test_damaged_in_the_store(
    gateway: Simulated,
    reader: CertificateReader,
    watch: Watch,
    damaged: ClientCertificate,
) -> None:
    """A login of its own fails, the gateway is not asked, and no file stays."""
    await reader.use(damaged).fails(ClientKeyUnusable)
    assert gateway.requests == []
    assert list(watch.folder.iterdir()) == []


async def test_no_room_for_the_file(
    gateway: Simulated,
    reader: CertificateReader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system's fault is named as such, and nothing was sent."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    error = await reader.fails(NoTemporaryFile)
    assert error.detail == "No such file or directory"
    assert gateway.requests == []
    monkeypatch.undo()
    truths(await reader.read(), gateway)


async def test_key_goes_with_its_login(
    gateway: Simulated, reader: CertificateReader
) -> None:
    """Nothing keeps the key once the login is gone."""
    await reader.read()
    tls = reader.driver._transport.tls
    assert len(tls._own) == 1
    reader.credentials = None
    gc.collect()
    assert len(tls._own) == 0
