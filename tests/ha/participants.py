"""What tests of participants share: their flow, and what is typed into it."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.keyring import async_keyring
from custom_components.smgw.participants import ParticipantConfig
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from tests.client_keys import consumer

type Flow = dict[str, Any]

# The gateway's certificate in the HAN, and the one that will follow it.
HAN = consumer("EPPC0210123456", ec.BrainpoolP256R1)
NEXT_HAN = consumer("EPPC0210123456", ec.BrainpoolP256R1)
WHO = {"name": "Stadtwerke", "role": "supplier"}
# No gateway is there: nothing listens at port 9 of this host.
WAY = {"host": "127.0.0.1", "port": 9, "emt_host": "emt.example", "emt_port": 443}


async def answer(hass: HomeAssistant, flow: Flow, **fields: Any) -> Flow:
    """Fill in the form shown."""
    result: Flow = await hass.config_entries.subentries.async_configure(
        flow["flow_id"], fields
    )
    return result


async def choose(hass: HomeAssistant, flow: Flow, option: str) -> Flow:
    """Choose from the menu shown."""
    assert flow["type"] is FlowResultType.MENU
    assert option in flow["menu_options"]
    return await answer(hass, flow, next_step_id=option)


async def begin(hass: HomeAssistant, entry: MockConfigEntry) -> Flow:
    """Open the form for a new participant."""
    flow: Flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "participant"), context={"source": SOURCE_USER}
    )
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "who")
    return flow


async def change(hass: HomeAssistant, entry: MockConfigEntry, subentry: str) -> Flow:
    """Open the menu for a participant that is there."""
    flow: Flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "participant"),
        context={"source": SOURCE_RECONFIGURE, "subentry_id": subentry},
    )
    assert (flow["type"], flow["step_id"]) == (FlowResultType.MENU, "reconfigure")
    return flow


async def to_tunnel(hass: HomeAssistant, entry: MockConfigEntry) -> Flow:
    """Go to the menu of the ways."""
    flow = await answer(hass, await begin(hass, entry), **WHO)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.MENU, "tunnel")
    return flow


async def to_peer(hass: HomeAssistant, entry: MockConfigEntry) -> Flow:
    """Go to the form that asks for the fingerprint."""
    flow = await choose(hass, await to_tunnel(hass, entry), "out_socks")
    flow = await answer(hass, flow, **WAY)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "peer")
    return flow


async def to_identity(hass: HomeAssistant, entry: MockConfigEntry) -> Flow:
    """Go to the menu about our own certificate."""
    flow = await answer(hass, await to_peer(hass, entry), peers=HAN.pem)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.MENU, "identity")
    return flow


async def to_grants(hass: HomeAssistant, entry: MockConfigEntry) -> Flow:
    """Go to the menu of what may be granted."""
    flow = await choose(hass, await to_identity(hass, entry), "identity_new")
    flow = await answer(hass, flow, common_name="HA-1")
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "identity_show")
    flow = await answer(hass, flow)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.MENU, "grants")
    return flow


async def save(hass: HomeAssistant, flow: Flow) -> Flow:
    """Review and save."""
    flow = await choose(hass, flow, "review")
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "review")
    result = await answer(hass, flow)
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


async def add(hass: HomeAssistant, entry: MockConfigEntry) -> ConfigSubentry:
    """Add a participant that was granted nothing."""
    result = await save(hass, await to_grants(hass, entry))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    return only(entry)


async def keys(hass: HomeAssistant, entry: MockConfigEntry) -> list[str]:
    """Return our private keys of the only participant, as they are kept."""
    keyring = await async_keyring(hass, entry.unique_id or "")
    channel = ParticipantConfig.of(only(entry)).channel
    kept = [keyring.key(one.certificate) for one in channel.identities]
    return [key for key in kept if key is not None]


def only(entry: MockConfigEntry) -> ConfigSubentry:
    """Return the only participant."""
    (found,) = entry.get_subentries_of_type("participant")
    return found


def suggested(flow: Flow) -> dict[str, Any]:
    """Return what is in the fields of a form."""
    return {
        str(field): field.description["suggested_value"]
        for field in flow["data_schema"].schema
        if field.description and "suggested_value" in field.description
    }
