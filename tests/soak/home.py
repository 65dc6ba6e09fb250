"""A home under test: a gateway with several accounts, and its entry."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
import re

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import CONF_INTERVAL, DOMAIN
from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from simulator.account import Account
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway
from tests.ha.conftest import entry_with

type Gateway = PpcGateway | ThebenGateway | EmhGateway

HOUSE, EXCHANGED = "1emh0012345678", "1emh0012345679"
# Import and export by an account each, as some operators give them out, and the rest
# of the house by a third.
ACCOUNTS = {
    "import": Account(
        "one", frozenset({HOUSE, EXCHANGED}), frozenset({"1-0:1.8.0"}), user_id="a1"
    ),
    "export": Account(
        "two", frozenset({HOUSE, EXCHANGED}), frozenset({"1-0:2.8.0"}), user_id="a2"
    ),
    "rest": Account(
        "three", frozenset({"1esy0060178981", "7els0045678901"}), user_id="a3"
    ),
}
# Gas is metered by the hour.
HOURLY = {"7els0045678901"}


@dataclass
class Home:
    """The entry of one gateway, and what it shows."""

    hass: HomeAssistant
    gateway: Gateway
    interval: timedelta
    entry: MockConfigEntry = field(init=False)
    house: str = HOUSE
    """The meter of the house; another one after the exchange."""
    _shown: dict[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the entry."""
        self.entry = entry_with(
            self.gateway,
            {user: account.password for user, account in ACCOUNTS.items()},
            **{CONF_INTERVAL: self.interval / timedelta(minutes=1)},
        )

    @property
    def expected(self) -> Iterator[tuple[str, str]]:
        """Return meter and OBIS code of every register that the accounts see."""
        yield self.house, "1-0:1.8.0"
        yield self.house, "1-0:2.8.0"
        yield "1esy0060178981", "1-0:1.8.0"
        yield "7els0045678901", "7-0:3.0.0"

    def check_values(self) -> None:
        """See that no sensor shows anything but what its register counted."""
        if self.entry.state is not ConfigEntryState.LOADED:
            return
        meters = self.entry.runtime_data.coordinator.data.meters
        prefix = f"{self.gateway.gateway_id}_"
        registry = er.async_get(self.hass)
        for entity in er.async_entries_for_config_entry(registry, self.entry.entry_id):
            meter, _, obis = entity.unique_id.removeprefix(prefix).partition("_")
            state = self.hass.states.get(entity.entity_id)
            # Those of contracts and quarter hours show something else.
            if not re.fullmatch(r"\d+-\d+:[\d.]+", obis) or state is None:
                continue
            if meter not in meters and "." in meter:
                continue
            if state.state in (STATE_UNAVAILABLE, STATE_UNKNOWN):
                continue
            reading = meters[meter].readings[obis]
            shown = Decimal(state.state)
            moment = reading.target_time or reading.capture_time
            true = self.gateway.true_register(meter.lower(), obis, moment)
            if reading.register.obis.counts_up:
                assert shown >= self._shown.get(entity.entity_id, shown), obis
                self._shown[entity.entity_id] = shown
            assert shown == reading.value
            # as many digits as the gateway tells
            last_digit = Decimal(1).scaleb(int(shown.as_tuple().exponent))
            assert abs(shown - true) < last_digit, f"{entity.entity_id} {shown} {true}"

    def forget_shown(self) -> None:
        """Let values fall once: after a reload nothing is known of those before."""
        self._shown.clear()

    def check_fresh(self, oldest: timedelta) -> None:
        """See that every register is there, with a reading that is not older."""
        assert self.entry.state is ConfigEntryState.LOADED, self.entry.reason
        registry = er.async_get(self.hass)
        meters = self.entry.runtime_data.coordinator.data.meters
        for meter, obis in self.expected:
            unique_id = f"{self.gateway.gateway_id}_{meter.upper()}_{obis}"
            entity_id = registry.async_get_entity_id("sensor", DOMAIN, unique_id)
            assert entity_id is not None, f"no sensor for {meter} {obis}"
            state = self.hass.states.get(entity_id)
            assert state is not None
            assert state.state not in (STATE_UNAVAILABLE, STATE_UNKNOWN), entity_id
            reading = meters[meter.upper()].readings[obis]
            age = dt_util.utcnow() - reading.capture_time
            limit = oldest + timedelta(hours=1) * (meter in HOURLY)
            assert age <= limit, f"{entity_id} is {age} old"

    async def enter_logins_anew(self) -> None:
        """Do what the owner does when the gateway has refused logins."""
        for login in list(self.entry.subentries.values()):
            flow = await self.hass.config_entries.subentries.async_init(
                (self.entry.entry_id, "login"),
                context={
                    "source": SOURCE_RECONFIGURE,
                    "subentry_id": login.subentry_id,
                },
            )
            go_on = self.hass.config_entries.subentries.async_configure
            await go_on(flow["flow_id"], {"next_step_id": "login"})
            for _ in range(2):
                # refused for the algorithm, it is tried once more, as owners do
                result = await go_on(flow["flow_id"], dict(login.data))
                if result.get("errors") != {"base": "wrong_password"}:
                    break
            assert result["type"] is FlowResultType.ABORT, result["errors"]
            assert result["reason"] == "reconfigure_successful"
            await self.hass.async_block_till_done(wait_background_tasks=True)

    def exchange_meter(self) -> None:
        """Put a new meter in the place of the house's."""
        self.gateway.scenario.exchange_meter(HOUSE, EXCHANGED, dt_util.utcnow())
        self.house = EXCHANGED
