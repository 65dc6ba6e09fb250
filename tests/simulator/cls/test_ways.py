"""The ways from a CLS to an EMT: SOCKS, SNI, dialled; curves, names, profiles."""

from queue import Queue
import ssl
from threading import Thread

import pytest

from simulator.cls import World
from simulator.tls import CURVES

from .conftest import MakeDevice, StartWorld
from .device import Device, SocksRefusedError, connect, exactly


def echo(world: World, line: ssl.SSLSocket, said: bytes = b"ping") -> bytes:
    """Send bytes to an EMT that hands out its tunnels; return what it got."""
    stream = world.emt.take(10)
    line.sendall(said)
    got = world.run(stream.read())
    world.run(stream.write(b"pong"))
    assert exactly(line, 4) == b"pong"
    return got


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("way", ["socks", "sni", "dial"])
def test_every_way_on_every_curve(
    begin: StartWorld, make_device: MakeDevice, way: str, curve: str
) -> None:
    """The gateway's certificate is on one of five curves; the device follows."""
    world, device = begin(curve=curve), make_device(curve)
    world.emt.raw = True
    if way == "dial":
        lines: Queue[ssl.SSLSocket] = Queue()
        home = device.listen(world, take=lines.put)
        profile = world.admit(device.pem, scenario="dial", home=home)
        world.call(profile.key)
        line = lines.get(timeout=10)
    else:
        world.admit(device.pem, scenario=way)  # type: ignore[arg-type]
        line = device.socks(world) if way == "socks" else device.sni(world)
    assert echo(world, line) == b"ping"
    event = world.journal.wait("channel_open")
    assert (
        event["profile"]
        == f"grid-{way}-{world.journal.events('profile')[0]['key'][-8:]}"
    )
    assert world.gateway.channels[0].shown()["up"] == 4


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_families(
    ipv6: None, begin: StartWorld, device: Device, host: str
) -> None:
    """HAN and WAN on IPv4 or IPv6."""
    world = begin(host=host)
    world.emt.raw = True
    world.admit(device.pem)
    assert echo(world, device.socks(world)) == b"ping"


@pytest.mark.parametrize("name", ["192.0.2.7", "2001:db8::7", "EMT.example"])
def test_names_are_literals(world: World, device: Device, name: str) -> None:
    """The EMT is named as in the profile; nothing is resolved."""
    world.emt.raw = True
    world.admit(device.pem, name=name, port=4711)
    line = device.socks(world, name.lower(), 4711)
    assert echo(world, line) == b"ping"


@pytest.mark.parametrize(
    ("host", "port"), [("other.emt.example", 8443), ("grid.emt.example", 8444)]
)
def test_what_is_in_no_profile_is_not_reached(
    world: World, device: Device, host: str, port: int
) -> None:
    """Another name or port: reply 2, not allowed."""
    world.admit(device.pem)
    with pytest.raises(SocksRefusedError) as refused:
        device.socks(world, host, port)
    assert refused.value.code == 2
    assert world.journal.wait("socks")["reply"] == 2
    assert not world.journal.events("wan_open")


def test_a_profile_belongs_to_one_certificate(
    begin: StartWorld, make_device: MakeDevice
) -> None:
    """A device that may reach one EMT does not reach another device's."""
    world = begin(emts=("grid", "supplier"))
    one, other = make_device(), make_device()
    world.admit(one.pem, "grid")
    world.admit(other.pem, "supplier")
    supplier = world.emts["supplier"]
    with pytest.raises(SocksRefusedError) as refused:
        one.socks(world, supplier.name, supplier.port)
    assert refused.value.code == 2
    other.socks(world, supplier.name, supplier.port)


def test_unknown_name_is_refused_by_alert(world: World, device: Device) -> None:
    """SNI: a name that no profile has ends in alert 112."""
    world.admit(device.pem, scenario="sni")
    with pytest.raises(ssl.SSLError, match=r"UNRECOGNIZED_NAME|unrecognized name"):
        device.sni(world, "other.emt.example")
    assert world.journal.wait("han_refused")["alert"] == 112


def test_unknown_certificate_is_refused(
    world: World, device: Device, make_device: MakeDevice
) -> None:
    """SOCKS and SNI: who is in no profile ends in the handshake."""
    world.admit(device.pem)
    world.admit(device.pem, scenario="sni")
    stranger = make_device()
    for way in (stranger.socks, stranger.sni):
        seen = world.journal.last
        with pytest.raises(ssl.SSLError, match="alert"):
            way(world)
        assert world.journal.wait("han_refused", after=seen)["alert"] == 48


def test_expired_certificate_is_refused(world: World, make_device: MakeDevice) -> None:
    """A CLS certificate past its validity ends in alert 45."""
    device = make_device(expired=True)
    world.admit(device.pem)
    with pytest.raises(ssl.SSLError, match=r"(?i)certificate.expired"):
        device.socks(world)
    assert world.journal.wait("han_refused")["alert"] == 45


def test_without_a_certificate(world: World, device: Device) -> None:
    """TLS without a client certificate ends in the handshake."""
    world.admit(device.pem)
    device.load = lambda context: None  # type: ignore[method-assign]
    with pytest.raises((ssl.SSLError, EOFError, ConnectionError)):
        device.socks(world)
    assert world.journal.wait("han_refused")


def test_one_channel_per_profile(world: World, device: Device) -> None:
    """A second channel of the same profile gets reply 1 until the first is gone."""
    profile = world.admit(device.pem)
    world.emt.raw = True
    device.socks(world)
    with pytest.raises(SocksRefusedError) as refused:
        device.socks(world)
    assert refused.value.code == 1
    assert world.cut(profile.key, "close") == 1
    world.journal.wait("channel_closed")
    device.socks(world)


def test_revoked(world: World, device: Device) -> None:
    """A profile that is taken away ends its channel; the certificate is unknown then."""
    world.emt.raw = True
    profile = world.admit(device.pem)
    line = device.socks(world)
    world.revoke(profile.key)
    assert world.journal.wait("channel_closed")["reason"] == "revoked"
    assert line.recv(1) == b""
    with pytest.raises(ssl.SSLError):
        device.socks(world)


def test_rotated(world: World, device: Device) -> None:
    """A new HAN certificate: open channels go on, new ones see it."""
    world.emt.raw = True
    world.admit(device.pem, parallel=2)
    before, old = world.fingerprint, world.certificate_pem
    line = device.socks(world)
    assert world.rotate() == world.fingerprint != before
    assert echo(world, line) == b"ping"
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        device.socks(world, trusted=old)
    device.socks(world)


def test_dialled_again_and_again(world: World, device: Device) -> None:
    """HKS5: the gateway dials by itself, as often as the profile says."""
    home = device.listen(world)
    world.admit(device.pem, scenario="dial", home=home, every=0.3)
    for _ in range(2):
        seen = world.journal.last
        world.journal.wait("channel_open", after=seen)
        world.cut()


def test_dialled_in_vain(world: World, device: Device, make_device: MakeDevice) -> None:
    """HKS4: nobody there, or somebody else than the profile says."""
    home = device.listen(world)
    stranger = world.admit(make_device().pem, scenario="dial", home=home)
    with pytest.raises(OSError):
        world.call(stranger.key)
    gone = world.admit(device.pem, scenario="dial", home=("127.0.0.1", 1))
    with pytest.raises(ConnectionRefusedError):
        world.call(gone.key)
    assert len(world.journal.events("dial_failed")) == 2


def test_profile_needs_a_home_only_to_dial(world: World, device: Device) -> None:
    """A profile that makes no sense is not made."""
    with pytest.raises(ValueError, match="dial"):
        world.admit(device.pem, scenario="dial")
    with pytest.raises(ValueError, match="dial"):
        world.admit(device.pem, home=("127.0.0.1", 1))
    with pytest.raises(ValueError, match="fingerprint"):
        world.admit("00:11")
    with pytest.raises(KeyError):
        world.admit(device.pem, "nobody")


@pytest.mark.parametrize(
    ("sent", "back"),
    [
        (b"\x05\x01\x02", b"\x05\xff"),
        (b"\x04\x01\x00", b""),
        (b"\x05\x01\x00\x05\x02\x00\x01\x7f\0\0\x01\0\x50", b"\x05\x00\x05\x07"),
        (b"\x05\x01\x00\x05\x01\x00\x09\x7f\0\0\x01\0\x50", b"\x05\x00\x05\x08"),
        (b"\x05\x01\x00\x04\x01\x00\x01\x7f\0\0\x01\0\x50", b"\x05\x00\x05\x01"),
    ],
    ids=["method", "version", "bind", "address type", "version of request"],
)
def test_wrong_socks(world: World, device: Device, sent: bytes, back: bytes) -> None:
    """What is not CONNECT of version 5 without login gets its reply, and the end."""
    world.admit(device.pem)
    line = device.tls(world, world.socks_port)
    line.sendall(sent)
    got = b""
    while more := line.recv(64):
        got += more
    assert got[: len(back)] == back
    assert bool(got) == bool(back)
    assert world.journal.wait("socks")["why"]


def test_two_devices_at_once(world: World, make_device: MakeDevice) -> None:
    """Channels do not mix."""
    world.emt.raw = True
    devices = [make_device() for _ in range(4)]
    for device in devices:
        world.admit(device.pem)
    lines = [device.socks(world) for device in devices]
    streams = [world.emt.take(10) for _ in devices]

    def talk(line: ssl.SSLSocket, number: int) -> None:
        line.sendall(b"%d" % number * 50_000)

    threads = [
        Thread(target=talk, args=(line, number)) for number, line in enumerate(lines)
    ]
    for thread in threads:
        thread.start()
    for stream in streams:
        got = b""
        while len(got) < 50_000:
            got += world.run(stream.read())
        assert len(set(got)) == 1
    for thread in threads:
        thread.join()


def test_connect_helper_is_strict(world: World, device: Device) -> None:
    """The device's own SOCKS finds a refusal after several replies as well."""
    world.admit(device.pem)
    line = device.tls(world, world.socks_port)
    with pytest.raises(SocksRefusedError):
        connect(line, "nowhere.example", 1)
    assert line.recv(1) == b""
