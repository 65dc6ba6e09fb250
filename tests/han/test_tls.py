"""The first steps to a gateway, and the pin."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
import errno
import socket

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
import pytest

from custom_components.smgw.han import probe
from custom_components.smgw.han.address import Address
from custom_components.smgw.han.errors import (
    AnswerTimeout,
    CertificateChanged,
    ConnectionRefused,
    HostNotFound,
    NotAGateway,
    SmgwConnectionError,
    TlsFailed,
    Unreachable,
    UnsupportedVendor,
)
from custom_components.smgw.han.failures import typed_failures
from custom_components.smgw.han.ppc import PATH
from custom_components.smgw.han.transport import Timeouts, Transport
from simulator.ppc import PpcGateway
from simulator.tls import Certificate, self_signed

from .helpers import IMPATIENT, QUICK, START, Reader, transport_to, truths
from .hostile import hostile


async def get(transport: Transport) -> int:
    """Ask for the consumer interface; return the HTTP status."""
    async with transport.connect(None) as connection:
        return (await connection.request("GET", PATH)).status


def address_of(gateway: PpcGateway) -> Address:
    """Return where a gateway listens."""
    return Address(gateway.host, gateway.port)


@contextmanager
def deaf_port() -> Iterator[Address]:
    """Offer an address where no TCP connection comes about: its queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.socket()))
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        where = listener.getsockname()
        for _ in range(4):
            waiting = stack.enter_context(closing(socket.socket()))
            waiting.setblocking(False)
            waiting.connect_ex(where)
        yield Address(*where)


@pytest.fixture
def silent_port(socket_enabled: None) -> Generator[Address]:
    """An address where TCP works, and nobody ever says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield Address(*listener.getsockname())


@pytest.fixture
def closed_port(socket_enabled: None) -> Address:
    """An address where nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return Address(*listener.getsockname())


def issued(
    key_of: Certificate,
    signer: Certificate,
    name: str = "EPPC0210123456",
    *extensions: x509.ExtensionType,
) -> Certificate:
    """Return a certificate with one's key, signed by another."""
    _, key = key_of.load()
    authority, signing_key = signer.load()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    made = builder.sign(signing_key, hashes.SHA256())
    return Certificate(
        pem=made.public_bytes(serialization.Encoding.PEM).decode(),
        key_pem=key_of.key_pem,
        der=made.public_bytes(serialization.Encoding.DER),
    )


async def test_look(gateway: PpcGateway) -> None:
    """The certificate is fetched, and nothing is sent for it."""
    certificate = await probe.look(address_of(gateway), QUICK)
    assert certificate.gateway_id == gateway.gateway_id
    assert certificate.fingerprint == gateway.fingerprint
    assert gateway.requests == []


async def test_look_with_usual_limits(gateway: PpcGateway) -> None:
    """No limits need to be named."""
    assert (await probe.look(address_of(gateway))).der == gateway.certificate_der


async def test_look_at_something_else(socket_enabled: None) -> None:
    """A server that is no gateway, and a gateway nobody knows how to read."""
    for name, error in (
        ("fritz.box", NotAGateway),
        ("EXYZ0300123456", UnsupportedVendor),
    ):
        with hostile(lambda *_: (), self_signed(name)) as server:
            with pytest.raises(error):
                await probe.look(server.address, QUICK)
            # one question for the id, without any credentials
            assert all(b"uthorization" not in request for request in server.received)


async def test_port_closed(closed_port: Address) -> None:
    """Nobody listens."""
    with pytest.raises(ConnectionRefused):
        await probe.look(closed_port, IMPATIENT)
    with pytest.raises(ConnectionRefused):
        await get(Transport(closed_port, "EPPC", self_signed("E").der, IMPATIENT))


async def test_no_tcp_connection(socket_enabled: None) -> None:
    """Packets go nowhere."""
    with deaf_port() as address:
        with pytest.raises(Unreachable):
            await probe.look(address, IMPATIENT)
        with pytest.raises(Unreachable):
            await get(Transport(address, "EPPC", self_signed("E").der, IMPATIENT))


async def test_no_tls_answer(silent_port: Address) -> None:
    """TCP works, but the handshake gets no answer."""
    with pytest.raises(TlsFailed):
        await probe.look(silent_port, IMPATIENT)
    with pytest.raises(TlsFailed):
        await get(Transport(silent_port, "EPPC", self_signed("E").der, IMPATIENT))


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), HostNotFound),
        (OSError(errno.EHOSTUNREACH, "No route to host"), Unreachable),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), Unreachable),
    ],
)
def test_no_way_to_the_host(cause: OSError, error: type[SmgwConnectionError]) -> None:
    """What the system says. Tests may not leave this machine: its answer alone."""
    with pytest.raises(error), typed_failures():
        raise cause


async def test_handshake_cut(gateway: PpcGateway) -> None:
    """TCP works, and the connection is closed before TLS."""
    gateway.faults.add("tls_close")
    with pytest.raises(TlsFailed):
        await probe.look(address_of(gateway), QUICK)
    with pytest.raises(TlsFailed):
        await get(transport_to(gateway))


async def test_not_tls(socket_enabled: None) -> None:
    """A server that speaks something else than TLS."""
    with plain_server() as address:
        with pytest.raises(TlsFailed):
            await probe.look(address, QUICK)
        with pytest.raises(TlsFailed):
            await get(Transport(address, "EPPC", self_signed("E").der, QUICK))


@contextmanager
def plain_server() -> Iterator[Address]:
    """Serve plain HTTP."""
    from threading import Thread

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1024)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = Thread(target=serve)
        thread.start()
        try:
            yield Address(*listener.getsockname())
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


CURVES = (
    "prime256v1",
    "secp384r1",
    "brainpoolP256r1",
    "brainpoolP384r1",
    "brainpoolP512r1",
)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("max_tls12", [False, True])
async def test_every_curve(socket_enabled: None, curve: str, max_tls12: bool) -> None:
    """A gateway is looked at and read whatever its curve and TLS version."""
    with PpcGateway(curve=curve, max_tls12=max_tls12) as gateway:
        certificate = await probe.look(address_of(gateway), QUICK)
        assert certificate.der == gateway.certificate_der
        assert await get(transport_to(gateway)) == 401


async def test_curve_is_remembered(socket_enabled: None) -> None:
    """Once a curve has worked no other is tried, and refusals count as no request."""
    with PpcGateway(curve="brainpoolP384r1") as gateway:
        transport = transport_to(gateway)
        async with transport.connect(None) as connection:
            await connection.request("GET", PATH)
            assert connection.requests == 1
        tried = [context.curve async for context in transport.tls.attempts()]
        assert tried == ["brainpoolP384r1"]
        gateway.rotate_certificate()
        with pytest.raises(CertificateChanged):
            await get(transport)


async def test_changed_certificate(gateway: PpcGateway, reader: Reader) -> None:
    """Another key: nothing is sent, not even a request line."""
    await reader.read()
    gateway.rotate_certificate()
    gateway.clear_requests()
    with pytest.raises(CertificateChanged):
        await reader.read()
    with pytest.raises(CertificateChanged):
        await reader.driver.check()
    assert gateway.requests == []


async def test_same_key_other_bytes(socket_enabled: None) -> None:
    """A certificate renewed with the same key is another certificate."""
    known = self_signed("EPPC0210123456")
    with PpcGateway(certificate=known) as gateway:
        reader = Reader(gateway)
        await reader.read()
    with PpcGateway(certificate=issued(known, known), port=gateway.port) as renewed:
        with pytest.raises(CertificateChanged):
            await reader.read()
        assert renewed.requests == []


@pytest.mark.parametrize("authority", [False, True])
async def test_certificate_signed_by_the_pin(
    socket_enabled: None, authority: bool
) -> None:
    """The pin vouches for nobody, even if it calls itself an authority."""
    key, other_key = self_signed("EPPC0210123456"), self_signed("EPPC0210123457")
    constraints = x509.BasicConstraints(ca=authority, path_length=None)
    known = issued(key, key, "EPPC0210123456", constraints)
    other = issued(other_key, known, "EPPC0210123457")
    with PpcGateway(certificate=other) as gateway:
        address = address_of(gateway)
        with pytest.raises(CertificateChanged if authority else SmgwConnectionError):
            await get(Transport(address, gateway.gateway_id, known.der, QUICK))
        assert gateway.requests == []


async def test_certificate_that_is_none_for_servers(socket_enabled: None) -> None:
    """What OpenSSL refuses for another reason than the pin is a failure of TLS."""
    key = self_signed("EPPC0210123456")
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    with PpcGateway(certificate=issued(key, key, "EPPC0210123456", usage)) as gateway:
        with pytest.raises(TlsFailed):
            await get(transport_to(gateway))
        assert gateway.requests == []


async def test_expired_but_pinned(socket_enabled: None) -> None:
    """Reading goes on with an expired certificate that is still the same."""
    with PpcGateway(expired=True) as gateway:
        certificate = await probe.look(address_of(gateway), QUICK)
        assert certificate.not_after < START
        truths(await Reader(gateway).read(), gateway)


@pytest.mark.parametrize("pin", [b"", b"nonsense"])
async def test_pin_that_is_none(gateway: PpcGateway, pin: bytes) -> None:
    """A stored certificate that was damaged."""
    with pytest.raises(TlsFailed):
        await get(Transport(address_of(gateway), gateway.gateway_id, pin, QUICK))
    assert gateway.requests == []


async def test_hang_after_the_handshake(gateway: PpcGateway) -> None:
    """The gateway takes a request and says nothing."""
    gateway.faults.add("slow", seconds=2)
    with pytest.raises(AnswerTimeout):
        await get(transport_to(gateway, Timeouts(connect=5, answer=0.3)))


def test_errors_name_their_text() -> None:
    """Every failure of a connection has a text of its own."""
    keys = [error.key for error in SmgwConnectionError.__subclasses__()]
    assert len(set(keys)) == len(keys)
