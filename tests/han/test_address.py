"""What people type as the address of a gateway."""

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.han.address import Address, parse_address
from custom_components.smgw.han.errors import InterfaceMissing, InvalidAddress


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.168.1.200", "192.168.1.200", 443),
        ("  192.168.1.200\n", "192.168.1.200", 443),
        ("192.168.1.200:8443", "192.168.1.200", 8443),
        ("192.168.1.200/cgi-bin/hanservice.cgi", "192.168.1.200", 443),
        ("https://192.168.1.200/cgi-bin/hanservice.cgi", "192.168.1.200", 443),
        ("HTTPS://192.168.1.200:444/?a=b#c", "192.168.1.200", 444),
        ("http://smgw.local", "smgw.local", 443),
        ("https://user:secret@smgw.local/", "smgw.local", 443),
        ("SMGW.local", "smgw.local", 443),
        ("smgw.local.", "smgw.local.", 443),
        ("eppc0210123456", "eppc0210123456", 443),
        ("my_gateway:", "my_gateway", 443),
        ("fd12::1", "fd12::1", 443),
        ("[fd12::1]", "fd12::1", 443),
        ("[fd12::1", "fd12::1", 443),
        ("[fd12::1]:8443", "fd12::1", 8443),
        ("[fe80::1%eth0]:443", "fe80::1%eth0", 443),
        ("https://[fd12::1]:8443/x", "fd12::1", 8443),
        ("fe80::1%eth0", "fe80::1%eth0", 443),
        ("https://[fe80::1%eth0]/", "fe80::1%eth0", 443),
        ("https://[fe80::1%25eth0]/", "fe80::1%eth0", 443),
        ("fe80::1%25eth0", "fe80::1%eth0", 443),
        ("[FE80:0::01%Eth0]", "fe80::1%Eth0", 443),
        ("[fe80::1%25]", "fe80::1%25", 443),
    ],
)
def test_understood(text: str, host: str, port: int) -> None:
    """All the ways to write a host are understood."""
    assert parse_address(text) == Address(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "https://",
        "https:///path",
        "ftp://192.168.1.200",
        "://192.168.1.200",
        "192.168.1.200:0",
        "192.168.1.200:65536",
        "192.168.1.200:port",
        "192.168.1",
        "192.168.1.2000",
        "192.168.1.200.",
        "0192.168.1.200",
        "1",
        "１９２.168.1.200",
        "192.168.1.200:８４４３",
        "192.168.1. 200",
        "[192.168.1.200]",
        "1:2:3",
        "-gateway",
        "gate way",
        "gateway..local",
        "münchen.local",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "https://[",
        "x\x00y",
        "https://℀.local/",
    ],
)
def test_refused(text: str) -> None:
    """What is no host is refused with its own error."""
    with pytest.raises(InvalidAddress):
        parse_address(text)


@pytest.mark.parametrize(
    "text", ["fe80::1", "[fe80::1]:8443", "https://[fe80::1]/", "febf::1", "FE80::A"]
)
def test_link_local_without_interface(text: str) -> None:
    """The owner is told that the interface is missing, not that nothing answers."""
    with pytest.raises(InterfaceMissing):
        parse_address(text)


@pytest.mark.parametrize(
    ("address", "text", "url"),
    [
        (Address("smgw.local"), "smgw.local", "https://smgw.local/a"),
        (Address("10.0.0.1", 8443), "10.0.0.1:8443", "https://10.0.0.1:8443/a"),
        (Address("fd12::1"), "[fd12::1]", "https://[fd12::1]/a"),
        (Address("fd12::1", 444), "[fd12::1]:444", "https://[fd12::1]:444/a"),
    ],
)
def test_written(address: Address, text: str, url: str) -> None:
    """An address is written as people do, and becomes a URL."""
    assert str(address) == text
    assert str(address.url("/a")) == url
    assert parse_address(str(address)) == address


@given(st.text() | st.text("0123456789abf.:[]%/@-", max_size=30))
def test_anything(text: str) -> None:
    """Any text is an address that can be used, or refused; nothing else happens."""
    try:
        address = parse_address(text)
    except InvalidAddress, InterfaceMissing:
        return
    assert address.url("/a").host
    assert parse_address(str(address)) == address
