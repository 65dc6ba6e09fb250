"""Where a gateway is: what people type, understood."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
import re
from urllib.parse import urlsplit

from yarl import URL

from .errors import InterfaceMissing, InvalidAddress

DEFAULT_PORT = 443

_NAME = re.compile(
    r"(?=.{1,253}\.?$)(?:(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\.)*(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\.?"
)
# In a URL the sign before an IPv6 zone is written %25 (RFC 6874).
_ENCODED_ZONE = re.compile(r"%25(?=.)")


@dataclass(frozen=True, slots=True)
class Address:
    """Host (name, IPv4, or IPv6 without brackets, with zone if it has one) and port."""

    host: str
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        """Return host and port as people write them; the usual port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORT else f"{host}:{self.port}"

    @property
    def zone(self) -> str | None:
        """Return the network interface that an IPv6 address is valid on, if it names one."""
        return self.host.partition("%")[2] or None

    def without_zone(self) -> Address:
        """Return the address as the other side knows itself (RFC 6874)."""
        return Address(self.host.partition("%")[0], self.port)

    def url(self, path: str = "/") -> URL:
        """Return the HTTPS URL of a path."""
        return URL.build(scheme="https", host=self.host, port=self.port, path=path)


def parse_address(text: str) -> Address:
    """Understand a bare address, a name, `[IPv6]:port` or a pasted URL.

    Raises `InvalidAddress`, and `InterfaceMissing` for a link-local address without
    zone. The scheme and path of a URL do not matter: the consumer interface is
    always HTTPS and the driver knows its path.
    """
    text = text.strip()
    if "://" not in text:
        bare = text.removeprefix("[").removesuffix("]")
        if text.count(":") > 1 and _is_ipv6(bare):
            return _on_interface(bare, DEFAULT_PORT)
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as err:
        raise InvalidAddress("not an address") from err
    if not host or port == 0 or parts.scheme not in ("http", "https"):
        raise InvalidAddress("no host, or not HTTP")
    if not (_is_ip(host) or _is_name(host)):
        raise InvalidAddress("not a host")
    return _on_interface(host, port or DEFAULT_PORT)


def _on_interface(host: str, port: int) -> Address:
    """Return an address; a link-local one exists on one network interface only."""
    host = _ENCODED_ZONE.sub("%", host)
    if not _is_ip(host):
        return Address(host, port)
    ip = ip_address(host)
    if isinstance(ip, IPv6Address) and ip.is_link_local and not ip.scope_id:
        raise InterfaceMissing("link-local without a zone")
    # one spelling, so that addresses can be compared
    return Address(str(ip), port)


def _is_ipv6(text: str) -> bool:
    if "]" in text:
        # no part of an interface's name, whatever the standard library says
        return False
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    """Say whether it is a host name; all digits and dots is a mistyped address."""
    return bool(_NAME.fullmatch(text)) and not re.fullmatch(r"[\d.]+", text)
