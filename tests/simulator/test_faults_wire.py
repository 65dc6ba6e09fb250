"""Faults between TCP and HTTP."""

import http.client
import socket
import ssl
import time

import pytest

from simulator.ppc import PpcGateway
from simulator.ppc.faults import PPC_FAULTS

from . import test_faults_account, test_faults_firmware, test_faults_state
from .client import column
from .conftest import STAIRS, Connect, Start


def test_each_fault_has_a_test() -> None:
    """The table and the tests name the same faults; each has a sentence."""
    modules = (test_faults_account, test_faults_firmware, test_faults_state)
    names = {name for module in modules for name in vars(module)} | set(globals())
    prefix = "test_fault_"
    tested = {n.removeprefix(prefix) for n in names if n.startswith(prefix)}
    assert tested == set(PPC_FAULTS)
    assert all(info.sentence.endswith(".") for info in PPC_FAULTS.values())


def test_unknown_fault(start: Start) -> None:
    """A misspelt name or parameter is an error."""
    gateway = start()
    with pytest.raises(ValueError, match="unknown fault 'slwo'"):
        gateway.faults.add("slwo")
    with pytest.raises(ValueError, match="no parameter"):
        gateway.faults.add("slow", speed=3)
    with pytest.raises(ValueError, match="no parameter 'times'"):
        gateway.faults.add("refuse_200", times=1)


def test_set_like(start: Start) -> None:
    """Faults can be listed, counted, discarded, cleared."""
    faults = start("slow:seconds=0", "gaps").faults
    assert list(faults) == ["gaps", "slow"]
    assert len(faults) == 2
    faults.discard("gaps")
    faults.discard("gaps")
    assert "gaps" not in faults
    faults.clear()
    assert not list(faults)


def test_fault_hang_tcp(start: Start) -> None:
    """TCP connects, the handshake never comes; it ends with the fault."""
    gateway = start("hang_tcp")
    with socket.create_connection((gateway.host, gateway.port), 5) as sock:
        sock.settimeout(0.2)
        sock.send(b"\x16\x03\x01")
        with pytest.raises(TimeoutError):
            sock.recv(1)
        gateway.faults.clear()
        sock.settimeout(5)
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_fault_tls_close(start: Start, connect: Connect) -> None:
    """TCP connects and is closed."""
    gateway = start("tls_close:times=1")
    with pytest.raises(OSError):
        connect(gateway).raw("GET")
    assert connect(gateway).raw("GET").status == 401


def hello(*, signal: bool) -> bytes:
    """Return OpenSSL's ClientHello, with or without the signal of RFC 5746."""
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    record = outgoing.read()
    if signal:
        return record
    # an unknown extension or cipher suite of the same length in its place
    cut = record.replace(b"\xff\x01\x00\x01\x00", b"\xfa\xfa\x00\x01\x00")
    return cut.replace(b"\x00\xff", b"\x0a\x0a") if cut == record else cut


def first_bytes(gateway: PpcGateway, record: bytes) -> bytes:
    """Return what a gateway says to a ClientHello."""
    with socket.create_connection((gateway.host, gateway.port), 5) as sock:
        sock.sendall(record[:9])
        time.sleep(0.05)
        sock.sendall(record[9:])
        return sock.recv(7)


def test_fault_refuse_renegotiation_info(start: Start, connect: Connect) -> None:
    """OpenSSL's clients get an alert, one without the extension a handshake."""
    gateway = start("refuse_renegotiation_info")
    with pytest.raises(ssl.SSLError, match="ILLEGAL_PARAMETER"):
        connect(gateway).raw("GET")
    assert first_bytes(gateway, hello(signal=True)) == b"\x15\x03\x03\x00\x02\x02\x2f"
    assert first_bytes(gateway, hello(signal=False))[:1] == b"\x16"
    gateway.faults.clear()
    assert connect(gateway).raw("GET").status == 401


def test_fault_refuse_tls(start: Start, connect: Connect) -> None:
    """Whatever is offered, an alert."""
    gateway = start("refuse_tls")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        connect(gateway).raw("GET")
    for signal in (True, False):
        assert first_bytes(gateway, hello(signal=signal))[5:] == b"\x02\x28"
    gateway.faults.clear()
    assert connect(gateway).raw("GET").status == 401


def test_fault_refuse_server_name(start: Start) -> None:
    """A name in the hello gets an alert, none a handshake."""
    gateway = start("refuse_server_name")
    context = ssl.create_default_context(cadata=gateway.certificate_pem)
    context.check_hostname = False
    with (
        socket.create_connection((gateway.host, gateway.port), 5) as sock,
        pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"),
    ):
        context.wrap_socket(sock, server_hostname="smgw.local")
    # an address is no name: TLS leaves it out
    with socket.create_connection((gateway.host, gateway.port), 5) as sock:
        context.wrap_socket(sock, server_hostname=gateway.host).close()


def test_fault_drop_before_answer(start: Start, connect: Connect) -> None:
    """No answer; the request happened."""
    gateway = start("drop_before_answer:action=meterform,times=1")
    client = connect(gateway)
    client.login()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.post("meterform")
    assert gateway.requests[-1].status == 0
    assert client.meters()


def test_fault_drop_mid_answer(start: Start, connect: Connect) -> None:
    """Half a body."""
    gateway = start("drop_mid_answer:action=meterform,times=1")
    client = connect(gateway)
    client.login()
    with pytest.raises((http.client.IncompleteRead, OSError)):
        client.post("meterform")
    client.connection.close()
    assert client.meters()


def test_fault_slow(start: Start, connect: Connect) -> None:
    """Each answer waits."""
    client = connect(start("slow:seconds=0.2"))
    began = time.monotonic()
    client.raw("GET")
    assert time.monotonic() - began >= 0.2


def test_fault_trickle(start: Start, connect: Connect) -> None:
    """Bytes without end."""
    client = connect(start("trickle:seconds=0.01,action=meterform"))
    client.login()
    client.connection.request(
        "POST",
        client.uri,
        "action=meterform",
        {
            "Authorization": client.authorization("POST"),
            "Cookie": f"session={client.cookie}",
        },
    )
    response = client.connection.getresponse()
    assert response.status == 200
    assert int(response.headers["Content-Length"]) == 1_000_000_000
    assert response.read(5) == b" " * 5
    response.close()


def test_fault_big_page(start: Start, connect: Connect) -> None:
    """Ten megabytes."""
    client = connect(start("big_page:action=meterform"))
    client.login()
    assert len(client.post("meterform").body) > 10_000_000


def test_fault_garbage(start: Start, connect: Connect) -> None:
    """Not HTTP."""
    client = connect(start("garbage"))
    with pytest.raises((http.client.HTTPException, OSError)):
        client.raw("GET")


def test_fault_busy(start: Start, connect: Connect) -> None:
    """A status and a time to wait, of the meter pages only."""
    client = connect(start("busy:status=429,seconds=90,action=showMeterProfile"))
    client.login()
    reply = client.profile(STAIRS)
    assert (reply.status, reply.headers["Retry-After"]) == (429, "90")
    assert client.post("meterform").status == 200


def test_fault_garbage_body(start: Start, connect: Connect) -> None:
    """HTTP with a body of noise."""
    client = connect(start("garbage_body:action=meterform"))
    client.login()
    reply = client.post("meterform")
    assert reply.status == 200
    assert b"select" not in reply.body


def test_fault_truncated(start: Start, connect: Connect) -> None:
    """Half a page that claims to be whole."""
    client = connect(start("truncated:action=showMeterProfile"))
    client.login()
    reply = client.profile(STAIRS)
    assert b"</html>" not in reply.body
    assert reply.status == 200
    assert not column(reply, "sign")


def test_fault_empty_body(start: Start, connect: Connect) -> None:
    """Nothing after the headers."""
    client = connect(start("empty_body:action=meterform"))
    client.login()
    assert client.post("meterform").body == b""


def test_fault_server_error(start: Start, connect: Connect) -> None:
    """An HTTP error."""
    assert connect(start("server_error:status=503")).raw("GET").status == 503


def test_fault_other_web_server(start: Start, connect: Connect) -> None:
    """A router answers, without a challenge."""
    gateway = start("other_web_server")
    reply = connect(gateway).raw("GET")
    assert reply.status == 200
    assert "WWW-Authenticate" not in reply.headers
    assert "Router" in reply.text
    assert connect(gateway).raw("GET", path="/").status == 200
    assert not gateway.requests[0].authenticated


def test_fault_redirect(start: Start, connect: Connect) -> None:
    """Every request is sent elsewhere."""
    reply = connect(start("redirect")).raw("GET")
    assert reply.status == 302
    assert reply.headers["Location"] == "http://192.0.2.1/login.html"
