"""Steps about the way to a participant: who dials whom, and whose certificate is trusted."""

from collections.abc import Mapping
import errno
from ipaddress import ip_address
import socket
from typing import Any

import probatio

from homeassistant.config_entries import SubentryFlowResult
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TextSelectorConfig,
)
from homeassistant.util import dt as dt_util

from .checkup import own_addresses
from .cls.certificates import CURVES, Facts
from .cls.glance import glance
from .cls.model import Endpoint as PeerEndpoint, TunnelKind
from .const_cls import (
    CONF_BIND_HOST,
    CONF_BIND_PORT,
    CONF_CURVE,
    CONF_EMT_HOST,
    CONF_EMT_PORT,
    CONF_PEERS,
    CONF_TUNNEL,
)
from .fingerprints import BadPeers, read_peers, shown
from .han.address import DEFAULT_PORT, parse_address
from .han.client_certificate import CURVES as CURVE_NAMES
from .han.errors import InterfaceMissing, InvalidAddress
from .participant_draft import ParticipantDraft
from .participants import Endpoint

TUNNELS = ("out_socks", "out_sni", "inbound")
LAB_TUNNELS = (*TUNNELS, "direct")
PINS = ("peer", "peer_fetched")
_ADDRESSES = (
    CONF_HOST,
    CONF_PORT,
    CONF_EMT_HOST,
    CONF_EMT_PORT,
    CONF_BIND_HOST,
    CONF_BIND_PORT,
)
_USUAL_CURVE = "brainpoolP256r1"
# Seconds; the owner is looking.
_WITHIN = 5.0

# Never required: the page would fill in the smallest one, which is nobody's.
PORT = NumberSelector(
    NumberSelectorConfig(min=1, max=65535, step=1, mode=NumberSelectorMode.BOX)
)
FINGERPRINTS = TextSelector(TextSelectorConfig(multiline=True))
OUT_SOCKS_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_HOST): TextSelector(),
        probatio.Optional(CONF_PORT): PORT,
        probatio.Required(CONF_EMT_HOST): TextSelector(),
        probatio.Optional(CONF_EMT_PORT): PORT,
    }
)
OUT_SNI_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_HOST): TextSelector(),
        probatio.Optional(CONF_PORT): PORT,
        probatio.Required(CONF_EMT_HOST): TextSelector(),
    }
)
PEER_SCHEMA = probatio.Schema({probatio.Required(CONF_PEERS): FINGERPRINTS})
CURVE_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_CURVE): SelectSelector(
            SelectSelectorConfig(
                options=[
                    SelectOptionDict(value=curve, label=CURVE_NAMES[curve])
                    for curve in CURVES
                ]
            )
        )
    }
)


class ChannelSteps(ParticipantDraft):
    """Part of the flow of a participant."""

    # What the gateway has just shown, in the laboratory.
    _fetched: Facts | None = None

    async def async_step_tunnel(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask who dials whom."""
        if not self._lab:
            return self.async_show_menu(step_id="tunnel", menu_options=TUNNELS)
        return self.async_show_menu(step_id="tunnel", menu_options=LAB_TUNNELS)

    async def async_step_out_socks(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the gateway's CLS port, and for the participant behind it."""
        errors = self._dial(TunnelKind.OUT_SOCKS, user_input)
        if user_input is not None and not errors:
            return await self._go_on()
        return self._form(
            "out_socks",
            OUT_SOCKS_SCHEMA,
            user_input or self._known_addresses(),
            errors,
            gateway_id=self._gateway_id,
        )

    async def async_step_out_sni(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the gateway's CLS port, and for the participant's name."""
        errors = self._dial(TunnelKind.OUT_SNI, user_input)
        if user_input is not None and not errors:
            return await self._go_on()
        return self._form(
            "out_sni",
            OUT_SNI_SCHEMA,
            user_input or self._known_addresses(),
            errors,
            gateway_id=self._gateway_id,
        )

    async def async_step_inbound(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask where the gateway finds us."""
        errors = await self._listen(TunnelKind.INBOUND, user_input)
        if user_input is not None and not errors:
            return await self._go_on()
        return self._form(
            "inbound",
            _bind_schema(),
            user_input or self._known_addresses(),
            errors,
            gateway_id=self._gateway_id,
        )

    async def async_step_direct(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask where a participant without a gateway finds us: laboratory only."""
        errors = await self._listen(TunnelKind.DIRECT, user_input)
        if user_input is not None and not errors:
            return await self._go_on()
        return self._form(
            "direct", _bind_schema(), user_input or self._known_addresses(), errors
        )

    async def async_step_pin(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the other side's fingerprint; only the laboratory may look at the wire."""
        if not (self._lab and TunnelKind(self._data[CONF_TUNNEL]).dials):
            return await self.async_step_peer()
        return self.async_show_menu(step_id="pin", menu_options=PINS)

    async def async_step_peer(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for what the metering operator's letter says."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                peers = read_peers(user_input[CONF_PEERS], dt_util.utcnow())
            except BadPeers as err:
                errors[CONF_PEERS] = err.key
            else:
                seen = await self._look()
                if seen is not None and seen.fingerprint not in peers.pins:
                    errors[CONF_PEERS] = "other_certificate_shown"
                else:
                    self._data[CONF_PEERS] = list(peers.pins)
                    ends = {seen.fingerprint: seen.not_after} if seen else {}
                    self._keep_ends({**ends, **peers.ends})
                    curve = peers.curve or (seen.curve if seen else None)
                    if curve is None:
                        return await self.async_step_curve()
                    return await self._keep_curve(curve)
        known = "\n".join(shown(pin) for pin in self._data.get(CONF_PEERS, ()))
        return self._form(
            "peer",
            PEER_SCHEMA,
            user_input or {CONF_PEERS: known},
            errors,
            gateway_id=self._gateway_id,
        )

    async def async_step_peer_fetched(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show what the gateway shows, for a laboratory that has no letter."""
        if user_input is not None and self._fetched and self._fetched.curve:
            self._data[CONF_PEERS] = [self._fetched.fingerprint]
            self._keep_ends({self._fetched.fingerprint: self._fetched.not_after})
            return await self._keep_curve(self._fetched.curve)
        self._fetched = await self._look()
        if self._fetched is None or self._fetched.curve is None:
            return self._form(
                "peer",
                PEER_SCHEMA,
                errors={"base": "nothing_shown"},
                gateway_id=self._gateway_id,
            )
        return self._form(
            "peer_fetched",
            probatio.Schema({}),
            fingerprint=shown(self._fetched.fingerprint),
            name=self._fetched.name,
            valid_until=dt_util.as_local(self._fetched.not_after).date().isoformat(),
        )

    async def async_step_curve(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the curve of the other side's key, where nothing tells it."""
        if user_input is not None:
            return await self._keep_curve(user_input[CONF_CURVE])
        usual = {CONF_CURVE: self._data.get(CONF_CURVE, _USUAL_CURVE)}
        return self._form("curve", CURVE_SCHEMA, usual, gateway_id=self._gateway_id)

    async def _keep_curve(self, curve: str) -> SubentryFlowResult:
        self._data[CONF_CURVE] = curve
        return await self._go_on()

    def _known_addresses(self) -> dict[str, Any]:
        """Return what is known of the way; of a new one, where the gateway is read."""
        known = {name: self._data.get(name) for name in _ADDRESSES}
        known[CONF_HOST] = known[CONF_HOST] or self._entry.data.get(CONF_HOST)
        return known

    def _keep_addresses(self, kind: TunnelKind, addresses: Mapping[str, Any]) -> None:
        """Take another way; whom a listener trusts has nothing to do with whom we dial."""
        before = self._data.get(CONF_TUNNEL)
        if before and (before == TunnelKind.DIRECT) != (kind is TunnelKind.DIRECT):
            self._data.pop(CONF_PEERS, None)
        for name in _ADDRESSES:
            self._data.pop(name, None)
        self._data |= {CONF_TUNNEL: kind.value, **addresses}

    def _dial(
        self, kind: TunnelKind, user_input: Mapping[str, Any] | None
    ) -> dict[str, str]:
        """Keep whom we dial, and whom we name. Return what is wrong, by field."""
        errors: dict[str, str] = {}
        if user_input is None:
            return errors
        addresses: dict[str, int] = {}
        for name in (CONF_PORT, CONF_EMT_PORT):
            addresses[name] = int(user_input.get(name) or 0)
            # By SNI, the participant's port means nothing.
            needed = name == CONF_PORT or kind is TunnelKind.OUT_SOCKS
            if needed and not addresses[name]:
                errors[name] = "port_missing"
        hosts: dict[str, str] = {}
        for name in (CONF_HOST, CONF_EMT_HOST):
            try:
                hosts[name] = bare_host(user_input[name])
            except InterfaceMissing:
                errors[name] = "interface_missing"
            except InvalidAddress:
                errors[name] = "invalid_host"
        if errors:
            return errors
        if kind is TunnelKind.OUT_SNI and is_ip(hosts[CONF_EMT_HOST]):
            errors[CONF_EMT_HOST] = "name_needed"
            return errors
        gateway = Endpoint(host=hosts[CONF_HOST], port=addresses[CONF_PORT])
        emt = Endpoint(host=hosts[CONF_EMT_HOST], port=addresses[CONF_EMT_PORT])
        for other in self._others():
            way = other.channel
            if (way.kind, way.gateway, way.emt) == (kind, gateway, emt):
                errors[CONF_EMT_HOST] = "destination_taken"
                return errors
        self._keep_addresses(kind, {**addresses, **hosts})
        return errors

    async def _listen(
        self, kind: TunnelKind, user_input: Mapping[str, Any] | None
    ) -> dict[str, str]:
        """Keep where we listen, if that is possible. Return what is wrong, by field."""
        errors: dict[str, str] = {}
        if user_input is None:
            return errors
        host = user_input[CONF_BIND_HOST].strip()
        port = int(user_input.get(CONF_BIND_PORT) or 0)
        if not port:
            errors[CONF_BIND_PORT] = "port_missing"
            return errors
        if not is_ip(host):
            errors[CONF_BIND_HOST] = "not_our_address"
            return errors
        if ip_address(host).is_unspecified:
            errors[CONF_BIND_HOST] = "all_addresses"
            return errors
        bind = Endpoint(host=str(ip_address(host)), port=port)
        if any(other.channel.bind == bind for other in self._others()):
            # Behind one port, nobody could tell the two apart.
            errors[CONF_BIND_PORT] = "port_taken"
            return errors
        present = (self._data.get(CONF_BIND_HOST), self._data.get(CONF_BIND_PORT))
        if self._own_id is None or present != (bind.host, bind.port):
            failure = await self.hass.async_add_executor_job(_bind_failure, bind)
            if failure == errno.EADDRINUSE:
                errors[CONF_BIND_PORT] = "port_in_use"
            elif failure in (errno.EACCES, errno.EPERM):
                errors[CONF_BIND_PORT] = "port_not_allowed"
            elif failure is not None:
                errors[CONF_BIND_HOST] = "not_our_address"
        if not errors:
            self._keep_addresses(
                kind, {CONF_BIND_HOST: bind.host, CONF_BIND_PORT: bind.port}
            )
        return errors

    async def _look(self) -> Facts | None:
        """Return what the gateway shows at its CLS port; None: nothing, or we are dialled."""
        if not TunnelKind(self._data[CONF_TUNNEL]).dials:
            return None
        way = TunnelKind(self._data[CONF_TUNNEL])
        where = PeerEndpoint(self._data[CONF_HOST], self._data[CONF_PORT])
        name = self._data[CONF_EMT_HOST] if way is TunnelKind.OUT_SNI else None
        usual = self._data.get(CONF_CURVE, _USUAL_CURVE)
        shown = await glance(where, _WITHIN, name=name, first=usual)
        try:
            return None if shown is None else Facts.of(shown)
        except ValueError:
            return None


def bare_host(text: str) -> str:
    """Return a name or an address without a port. Raises InvalidAddress, InterfaceMissing."""
    address = parse_address(text)
    if address.port != DEFAULT_PORT or "/" in text:
        raise InvalidAddress("more than a host")
    return address.host


def is_ip(text: str) -> bool:
    """Say whether it is an address and no name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _bind_schema() -> probatio.Schema:
    """Return the fields of a listener; the addresses are those of this moment."""
    own = [str(interface.ip) for interface in own_addresses()]
    selector = SelectSelector(SelectSelectorConfig(options=own, custom_value=True))
    return probatio.Schema(
        {
            probatio.Required(CONF_BIND_HOST): selector,
            probatio.Optional(CONF_BIND_PORT): PORT,
        }
    )


def _bind_failure(bind: Endpoint) -> int | None:
    """Return why we cannot listen somewhere, as a system's error number. Blocks."""
    family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    try:
        socket.create_server((bind.host, bind.port), family=family).close()
    except OSError as err:
        return err.errno or errno.EADDRNOTAVAIL
    return None
