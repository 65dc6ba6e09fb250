"""Gateways that announce themselves by mDNS: from the announcement to what can be tried.

EMH's do (observed: `_http._tcp`, a name that begins with `smgw`), and whatever else
calls itself so. Several addresses are announced, of which some lead nowhere: an IPv4
address in a foreign subnet, a link-local one without the interface it came by.
"""

from ipaddress import IPv4Address, IPv6Address
import socket

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from .const import DOMAIN
from .han import probe
from .han.address import DEFAULT_PORT, Address
from .han.errors import SmgwError
from .han.transport import Timeouts, queue_for
from .models import GatewayConfig, SmgwConfigEntry

# Nobody waits for an answer, and there may be several addresses to try.
BRIEF = Timeouts(connect=3, answer=5)


def announced_addresses(info: ZeroconfServiceInfo) -> list[Address]:
    """Return where a gateway may be, the most lasting first.

    IPv4, which the metering operator sets; then IPv6; link-local last, because it
    goes with an interface of this device.
    """
    found = [
        (_is_link_local(ip), ip.version, Address(host, _port(info)))
        for ip in info.ip_addresses
        if (host := _host(ip)) is not None
    ]
    return [address for *_, address in sorted(found, key=lambda one: one[:2])]


@callback
def async_well_known(
    hass: HomeAssistant, info: ZeroconfServiceInfo
) -> SmgwConfigEntry | None:
    """Return the entry that reads an announced gateway already, without trouble.

    There is nothing to learn about it, so it need not be asked: a gateway serves one
    connection at a time.
    """
    name = Address(info.hostname.rstrip(".").lower(), _port(info))
    announced = {name, *announced_addresses(info)}
    entries: list[SmgwConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False
    )
    for entry in entries:
        if (
            entry.state is ConfigEntryState.LOADED
            and entry.runtime_data.coordinator.last_update_success
            and GatewayConfig.of(entry).address in announced
        ):
            return entry
    return None


async def async_answers(entry: SmgwConfigEntry) -> bool:
    """Say whether an entry's gateway is where the entry says, certificate and all."""
    config = GatewayConfig.of(entry)
    try:
        async with queue_for(config.gateway_id):
            found = await probe.look(config.address, BRIEF, config.gateway_id)
    except SmgwError:
        return False
    return found.pem == config.certificate


def _port(info: ZeroconfServiceInfo) -> int:
    return info.port or DEFAULT_PORT


def _is_link_local(ip: IPv4Address | IPv6Address) -> bool:
    return isinstance(ip, IPv6Address) and ip.is_link_local


def _host(ip: IPv4Address | IPv6Address) -> str | None:
    """Return an address as it is stored; None if nobody can be reached there."""
    if ip.is_unspecified or ip.is_multicast:
        return None
    if not isinstance(ip, IPv6Address) or not ip.is_link_local:
        return str(ip)
    if ip.scope_id is None:
        return None
    try:
        # Its number may be another one after the next start, its name is the same.
        zone = socket.if_indextoname(int(ip.scope_id))
    except ValueError:
        zone = ip.scope_id
    except OSError:
        return None
    return f"{str(ip).partition('%')[0]}%{zone}"
