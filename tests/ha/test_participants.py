"""What is stored of participants, CLS switches and the home, as the authority gets it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.cls.model import TunnelKind
from custom_components.smgw.const import DOMAIN
from custom_components.smgw.control.limitation import AfterFailsafe
from custom_components.smgw.control.model import (
    Access,
    Direction,
    ItemGrant,
    LimitGrant,
    PriceGrant,
    Role,
    ThingGrant,
)
from custom_components.smgw.control.settings import ExecutorMode
from custom_components.smgw.household import HouseConfig
from custom_components.smgw.participants import (
    Endpoint,
    ParticipantConfig,
    item_id,
    participants_of,
    shown_name,
)
from custom_components.smgw.switches import SwitchConfig, switches_of
from homeassistant.config_entries import ConfigSubentry, ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

NOW = datetime(2026, 11, 20, 9, 7, tzinfo=UTC)
CERTIFICATE = "-----BEGIN CERTIFICATE-----"
PIN = "ab" * 32


def stored(**fields: Any) -> dict[str, Any]:
    """Return what is stored of a participant that was granted nothing."""
    return {
        "role": "supplier",
        "tunnel": "out_socks",
        "host": "192.168.1.200",
        "port": 4430,
        "emt_host": "emt.example",
        "emt_port": 443,
        "peers": [PIN],
        "curve": "brainpoolP256r1",
        "identities": [{"certificate": CERTIFICATE}],
        **fields,
    }


def participant(title: str = "Stadtwerke", **fields: Any) -> ParticipantConfig:
    """Return a participant."""
    return ParticipantConfig.of(
        ConfigSubentry(
            data=MappingProxyType(stored(**fields)),
            subentry_type="participant",
            title=title,
            unique_id=None,
            subentry_id="01JP",
        )
    )


def switch(**data: Any) -> SwitchConfig:
    """Return a CLS switch."""
    return SwitchConfig.of(
        ConfigSubentry(
            data=MappingProxyType(data),
            subentry_type="switch",
            title="Boiler",
            unique_id=None,
            subentry_id="01JS",
        )
    )


def test_nothing_granted() -> None:
    """By itself a participant may do nothing."""
    found = participant()
    assert (found.name, found.role) == ("Stadtwerke", Role.SUPPLIER)
    assert found.participant(NOW).grants == ()
    assert found.silence == timedelta(seconds=120)
    assert participant(silence=0).silence is None


def test_channel() -> None:
    """How it is reached."""
    channel = participant().channel
    assert channel.kind is TunnelKind.OUT_SOCKS
    assert channel.kind.dials
    assert channel.gateway == Endpoint(host="192.168.1.200", port=4430)
    assert channel.emt == Endpoint(host="emt.example", port=443)
    assert (channel.bind, channel.forward, channel.inner) == (None, None, ())
    assert channel.peers == (PIN,)
    assert [one.certificate for one in channel.identities] == [CERTIFICATE]
    assert channel == participant("Other", role="grid_operator").channel


def test_inbound_channel() -> None:
    """A listener has an address of its own, and may pass the stream on."""
    channel = participant(
        tunnel="inbound",
        host=None,
        bind_host="::1",
        bind_port=8443,
        inner=[PIN],
        forward_host="192.168.1.5",
        forward_port=8080,
    ).channel
    assert not channel.kind.dials
    assert channel.gateway is None
    assert channel.bind == Endpoint(host="::1", port=8443)
    assert channel.forward == Endpoint(host="192.168.1.5", port=8080)
    assert channel.inner == (PIN,)


def test_grants() -> None:
    """Devices, items with bounds, limits with failsafe, prices."""
    grants = participant(
        things=[{"thing": "d1", "access": "read"}],
        items=[
            {
                "item": "e1",
                "access": "write",
                "low": "6",
                "high": "16.5",
                "longest": 90,
                "open_ended": True,
            }
        ],
        limits={
            "consumption": {
                "low": "1000",
                "failsafe": "4200",
                "failsafe_hours": 3,
                "after_failsafe": "keep",
            },
            "production": {"open_ended": True},
        },
        prices=True,
    ).grants
    thing, item, consumption, production, prices = grants
    assert thing == ThingGrant(thing_id="d1", access=Access.READ)
    assert item == ItemGrant(
        item_id="e1",
        access=Access.WRITE,
        low=Decimal(6),
        high=Decimal("16.5"),
        open_ended=True,
        longest=timedelta(minutes=90),
    )
    assert isinstance(consumption, LimitGrant)
    assert consumption.low == 1000
    assert consumption.failsafe is not None
    assert consumption.failsafe.watts == 4200
    assert consumption.failsafe.minimum == timedelta(hours=3)
    assert consumption.failsafe.after is AfterFailsafe.KEEP
    assert production == LimitGrant(direction=Direction.PRODUCTION, open_ended=True)
    assert prices == PriceGrant()


def test_validity() -> None:
    """Before and after, its grants are none; it says when that changes."""
    begin, end = NOW - timedelta(days=1), NOW + timedelta(days=1)
    found = participant(
        prices=True, valid_from=begin.isoformat(), valid_until=end.isoformat()
    )
    assert found.participant(NOW).prices
    assert not found.participant(end).prices
    assert not found.participant(begin - timedelta(seconds=1)).prices
    assert found.participant(begin).prices
    assert found.next_change(begin - timedelta(days=1)) == begin
    assert found.next_change(NOW) == end
    assert found.next_change(end) is None


@pytest.mark.parametrize(
    ("title", "name"),
    [
        (" Stadt\u200bwerke\u00a0Süd ", "Stadtwerke Süd"),
        ("x" * 300, "x" * 120),
        ("\u200b", "01JP"),
    ],
)
def test_names(title: str, name: str) -> None:
    """A name is shown as it looks; an invisible one is replaced by the id."""
    assert participant(title).participant(NOW).name == name
    assert shown_name(shown_name(title)) == shown_name(title)


def test_switch() -> None:
    """A CLS switch is an item that stands for itself, or drives another."""
    alone = switch()
    assert alone.item.shown
    assert alone.item.writable
    assert alone.item.rest is None
    assert alone.item.item_id == "01JS"
    driving = switch(drives="switch.boiler", rest=False, open_ended=False)
    assert not driving.item.shown
    assert driving.item.rest is False
    assert driving.grant.access is Access.WRITE
    assert not driving.grant.open_ended


def test_switch_is_granted() -> None:
    """Whoever is named by a CLS switch may set it; nobody else."""
    item = switch().item
    named = participant().participant(NOW, [switch(participants=["01JP"])])
    assert named.item(item, Access.WRITE)
    other = participant().participant(NOW, [switch(participants=["01JQ"])])
    assert other.item(item, Access.READ) is None


def test_of_entry() -> None:
    """All participants and switches of an entry, and no login."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        subentries_data=[
            ConfigSubentryData(
                data=MappingProxyType(data),
                subentry_type=kind,
                title=title,
                unique_id=None,
            )
            for kind, title, data in (
                ("login", "anna", {"username": "anna", "password": "x"}),
                ("participant", "Stadtwerke", stored(prices=True)),
                ("switch", "Boiler", {}),
            )
        ],
    )
    (found,) = participants_of(entry)
    assert (found.name, found.participant(NOW).prices) == ("Stadtwerke", True)
    assert [switch.name for switch in switches_of(entry)] == ["Boiler"]


def test_item_ids(hass: HomeAssistant) -> None:
    """A renamed entity is the same item; one that is not registered goes by its name."""
    registry = er.async_get(hass)
    entity = registry.async_get_or_create("switch", "test", "boiler")
    before = item_id(registry, entity.entity_id)
    registry.async_update_entity(entity.entity_id, new_entity_id="switch.other")
    assert item_id(registry, "switch.other") == before == entity.id
    assert item_id(registry, "switch.unregistered") == "switch.unregistered"


def test_house() -> None:
    """What is left out of the options is not there."""
    nothing = HouseConfig.of({"interval": 15})
    assert not nothing.lab
    assert nothing.house.measured == frozenset()
    assert nothing.house.executors == {}
    found = HouseConfig.of(
        {
            "lab": True,
            "power_sources": {
                "consumption": {"source": "e1"},
                "production": {"source": "e1", "inverted": True},
            },
            "nominal": {"production": "9900"},
            "minimum": {"consumption": "4200"},
            "effect_minutes": 2,
            "restore_seconds": 600,
            "ramp_seconds": 300,
            "executors": {
                "consumption": [
                    {
                        "item": "e2",
                        "mode": "reduce",
                        "low": "6",
                        "high": "16",
                        "watts_per_unit": "690",
                    },
                    {"item": "e3", "mode": "switch"},
                ]
            },
        }
    )
    assert found.lab
    assert found.house.measured == set(Direction)
    assert found.house.nominal == {Direction.PRODUCTION: 9900}
    assert found.house.minimum == {Direction.CONSUMPTION: 4200}
    assert found.house.rules.effect == timedelta(minutes=2)
    assert found.house.rules.restore == timedelta(seconds=600)
    assert found.house.rules.ramp == timedelta(seconds=300)
    charger, boiler = found.house.executors[Direction.CONSUMPTION]
    assert charger.mode is ExecutorMode.REDUCE
    assert (charger.low, charger.high, charger.watts_per_unit) == (6, 16, 690)
    assert boiler.mode is ExecutorMode.SWITCH
    draw, feed = (found.sources[direction] for direction in Direction)
    assert (draw.watts(Decimal(500)), feed.watts(Decimal(500))) == (500, 0)
    assert (draw.watts(Decimal(-500)), feed.watts(Decimal(-500))) == (0, 500)
