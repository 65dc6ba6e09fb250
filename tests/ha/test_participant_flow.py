"""A market participant, from the letter to the review: each error at its field."""

from collections.abc import Generator
from datetime import timedelta
from hashlib import sha256
import json
import socket
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.cls.model import TunnelKind
from custom_components.smgw.participants import ParticipantConfig
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.util import dt as dt_util
from simulator.ppc import PpcGateway
from tests.client_keys import consumer

from .conftest import START
from .participants import (
    HAN,
    NEXT_HAN,
    WAY,
    WHO,
    Flow,
    add,
    answer,
    begin,
    change,
    choose,
    keys,
    only,
    save,
    suggested,
    to_grants,
    to_identity,
    to_peer,
    to_tunnel,
)

PASSWORD = "Datei#Wort"
PIN = sha256(HAN.der).hexdigest()
NEXT_PIN = sha256(NEXT_HAN.der).hexdigest()


def stored(entry: MockConfigEntry) -> ParticipantConfig:
    """Return the only participant, as it is used."""
    return ParticipantConfig.of(only(entry))


@pytest.fixture
def laboratory(hass: HomeAssistant, loaded: MockConfigEntry) -> MockConfigEntry:
    """The entry of an owner who has switched the laboratory on."""
    hass.config_entries.async_update_entry(loaded, options={"lab": True})
    return loaded


@pytest.fixture
def taken() -> Generator[int]:
    """A port of this host where something listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def free_port() -> int:
    """Return a port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


async def test_add(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Everything typed is kept, and nothing is granted; readings go on."""
    flow = await to_grants(hass, loaded)
    assert "**" not in flow["description_placeholders"]["grants"]
    result = await save(hass, flow)
    assert (result["type"], result["title"]) == (
        FlowResultType.CREATE_ENTRY,
        "Stadtwerke",
    )
    assert only(loaded).unique_id.startswith("participant_")
    found = stored(loaded)
    assert found.participant(dt_util.utcnow()).grants == ()
    assert (found.role, found.silence) == ("supplier", timedelta(seconds=120))
    channel = found.channel
    assert channel.kind is TunnelKind.OUT_SOCKS
    assert (channel.gateway.host, channel.gateway.port) == ("127.0.0.1", 9)
    assert (channel.emt.host, channel.emt.port) == ("emt.example", 443)
    assert (channel.peers, channel.curve) == ((PIN,), "brainpoolP256r1")
    assert loaded.state is ConfigEntryState.LOADED


async def test_certificate_for_the_operator(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """Made on the gateway's curve, and shown as PEM; the key is never shown."""
    flow = await choose(hass, await to_identity(hass, loaded), "identity_new")
    assert suggested(flow) == {"common_name": f"{loaded.unique_id}-CLS"}
    flow = await answer(hass, flow, common_name="HA-1")
    pem = suggested(flow)["certificate"]
    shown = x509.load_pem_x509_certificate(pem.encode())
    assert isinstance(shown.public_key(), ec.EllipticCurvePublicKey)
    assert shown.public_key().curve.name == "brainpoolP256r1"
    told = flow["description_placeholders"]
    assert (told["name"], told["curve"]) == ("HA-1", "brainpoolP256r1")
    assert (
        told["fingerprint"].replace(":", "").lower()
        == sha256(shown.public_bytes(Encoding.DER)).hexdigest()
    )
    await save(hass, await answer(hass, flow, certificate="something else"))
    (own,) = stored(loaded).channel.identities
    assert own.certificate == pem
    (key,) = await keys(hass, loaded)
    assert "PRIVATE KEY" in key
    assert "PRIVATE KEY" not in json.dumps(told) + pem


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"name": "\u200b"}, {"name": "invalid_name"}),
        ({"silence": 30}, {"silence": "silence_too_short"}),
        (
            {"valid_from": "2026-12-01", "valid_until": "2026-11-30"},
            {"valid_until": "ends_before_begin"},
        ),
    ],
)
async def test_who_errors(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    fields: dict[str, Any],
    errors: dict[str, str],
) -> None:
    """What cannot be is told at its field; corrected, it goes on."""
    flow = await answer(hass, await begin(hass, loaded), **{**WHO, **fields})
    assert flow["errors"] == errors
    flow = await answer(hass, flow, **WHO)
    assert flow["step_id"] == "tunnel"


async def test_validity(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Days are local ones, both included."""
    flow = await answer(
        hass,
        await begin(hass, loaded),
        **WHO,
        valid_from="2026-12-01",
        valid_until="2026-12-31",
        silence=0,
    )
    flow = await choose(hass, flow, "out_socks")
    flow = await answer(hass, await answer(hass, flow, **WAY), peers=HAN.pem)
    flow = await choose(hass, flow, "identity_new")
    flow = await answer(hass, await answer(hass, flow, common_name="HA-1"))
    await save(hass, flow)
    found = stored(loaded)
    assert found.silence is None
    assert found.valid_from.isoformat() == "2026-11-30T23:00:00+00:00"
    assert found.valid_until.isoformat() == "2026-12-31T23:00:00+00:00"
    flow = await change(hass, loaded, only(loaded).subentry_id)
    fields = suggested(await choose(hass, flow, "who"))
    assert fields["valid_from"] == "2026-12-01"
    assert fields["valid_until"] == "2026-12-31"


@pytest.mark.parametrize(
    ("kind", "fields", "errors"),
    [
        ("out_socks", {"host": "a b"}, {"host": "invalid_host"}),
        ("out_socks", {"host": "gw.local:4430"}, {"host": "invalid_host"}),
        ("out_socks", {"host": "https://gw.local/x"}, {"host": "invalid_host"}),
        ("out_socks", {"host": "fe80::1"}, {"host": "interface_missing"}),
        ("out_socks", {"emt_host": "192.168.1"}, {"emt_host": "invalid_host"}),
        ("out_sni", {"emt_host": "192.0.2.1"}, {"emt_host": "name_needed"}),
        ("out_sni", {"port": None}, {"port": "port_missing"}),
        (
            "out_socks",
            {"port": None, "emt_port": None},
            {"port": "port_missing", "emt_port": "port_missing"},
        ),
    ],
)
async def test_way_errors(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    kind: str,
    fields: dict[str, Any],
    errors: dict[str, str],
) -> None:
    """Addresses are looked at before anybody is dialled."""
    way = dict(WAY)
    if kind == "out_sni":
        del way["emt_port"]
    flow = await choose(hass, await to_tunnel(hass, loaded), kind)
    typed = {name: value for name, value in {**way, **fields}.items() if value}
    flow = await answer(hass, flow, **typed)
    assert flow["errors"] == errors
    flow = await answer(hass, flow, **way)
    assert flow["step_id"] == "peer"


async def test_inbound(
    hass: HomeAssistant, loaded: MockConfigEntry, taken: int
) -> None:
    """One own address and one port per participant, both free."""
    flow = await choose(hass, await to_tunnel(hass, loaded), "inbound")
    for host, port, errors in (
        ("0.0.0.0", 8443, {"bind_host": "all_addresses"}),
        ("::", 8443, {"bind_host": "all_addresses"}),
        ("203.0.113.7", 8443, {"bind_host": "not_our_address"}),
        ("homeassistant.local", 8443, {"bind_host": "not_our_address"}),
        ("127.0.0.1", taken, {"bind_port": "port_in_use"}),
    ):
        flow = await answer(hass, flow, bind_host=host, bind_port=port)
        assert flow["errors"] == errors
    flow = await answer(hass, flow, bind_host="127.0.0.1")
    assert flow["errors"] == {"bind_port": "port_missing"}
    port = free_port()
    flow = await answer(hass, flow, bind_host="127.0.0.1", bind_port=port)
    assert flow["step_id"] == "peer"
    # nothing tells the curve of somebody who only dials
    flow = await answer(hass, flow, peers=PIN)
    assert flow["step_id"] == "curve"
    flow = await answer(hass, flow, curve="secp384r1")
    flow = await choose(hass, flow, "identity_new")
    flow = await answer(hass, await answer(hass, flow, common_name="HA-1"))
    await save(hass, flow)
    channel = stored(loaded).channel
    assert (channel.bind.host, channel.bind.port) == ("127.0.0.1", port)
    assert channel.curve == "secp384r1"
    (own,), (key,) = channel.identities, await keys(hass, loaded)
    identity = Identity(certificate=own.certificate, key=key)
    assert identity.check(dt_util.utcnow()).curve == "secp384r1"

    flow = await choose(hass, await to_tunnel(hass, loaded), "inbound")
    flow = await answer(hass, flow, bind_host="127.0.0.1", bind_port=port)
    assert flow["errors"] == {"bind_port": "port_taken"}


async def test_same_destination(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Two participants at one address would be one."""
    await add(hass, loaded)
    flow = await choose(hass, await to_tunnel(hass, loaded), "out_socks")
    flow = await answer(hass, flow, **WAY)
    assert flow["errors"] == {"emt_host": "destination_taken"}


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("nothing at all", "not_a_fingerprint"),
        ("ab" * 31, "not_a_fingerprint"),
        ("ab" * 20, "old_fingerprint"),
        (f"{'ab' * 32} {'cd' * 32} {'ef' * 32}", "too_many_peers"),
        (consumer("rsa", end=START - timedelta(days=1)).pem, "peer_not_valid"),
        (consumer("p521", ec.SECP521R1).pem, "wrong_peer_curve"),
        (HAN.pem + consumer("other", ec.SECP256R1).pem, "wrong_peer_curve"),
        (HAN.pem.replace("M", "A", 1), "not_a_fingerprint"),
    ],
)
async def test_peer_errors(
    hass: HomeAssistant, loaded: MockConfigEntry, typed: str, error: str
) -> None:
    """What proves nothing is not accepted."""
    flow = await answer(hass, await to_peer(hass, loaded), peers=typed)
    assert flow["errors"] == {"peers": error}


@pytest.mark.parametrize(
    "typed",
    [
        PIN,
        PIN.upper(),
        sha256(HAN.der).digest().hex(":"),
        f"SHA256 Fingerprint={sha256(HAN.der).digest().hex(':').upper()}",
        f"  Fingerabdruck (SHA-256):\n{PIN[:32]}\n{PIN[32:]}\n",
    ],
)
async def test_fingerprints(
    hass: HomeAssistant, loaded: MockConfigEntry, typed: str
) -> None:
    """However the letter has it; where no certificate is shown, the curve is asked for."""
    flow = await answer(hass, await to_peer(hass, loaded), peers=typed)
    assert flow["step_id"] == "curve"
    assert suggested(flow) == {"curve": "brainpoolP256r1"}
    flow = await answer(hass, flow, curve="brainpoolP384r1")
    flow = await choose(hass, flow, "identity_new")
    flow = await answer(hass, await answer(hass, flow, common_name="HA-1"))
    await save(hass, flow)
    assert stored(loaded).channel.peers == (PIN,)


async def to_peer_of(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> Flow:
    """Go to the step after the way to something that answers."""
    flow = await choose(hass, await to_tunnel(hass, entry), "out_socks")
    way = {**WAY, "host": gateway.host, "port": gateway.port}
    return await answer(hass, flow, **way)


async def test_gateway_answers(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """Where the gateway shows a certificate it must be the one typed; its curve is taken."""
    flow = await to_peer_of(hass, loaded, gateway)
    flow = await answer(hass, flow, peers=PIN)
    assert flow["errors"] == {"peers": "other_certificate_shown"}
    flow = await answer(hass, flow, peers=gateway.fingerprint)
    assert flow["step_id"] == "identity"


async def test_laboratory_only(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """Without it nobody is offered what proves nothing."""
    flow = await to_tunnel(hass, loaded)
    assert set(flow["menu_options"]) == {"out_socks", "out_sni", "inbound"}
    assert (await to_peer_of(hass, loaded, gateway))["step_id"] == "peer"


async def test_laboratory(
    hass: HomeAssistant, laboratory: MockConfigEntry, gateway: PpcGateway
) -> None:
    """What the gateway shows may be confirmed, and a participant may connect itself."""
    flow = await to_peer_of(hass, laboratory, gateway)
    assert flow["step_id"] == "pin"
    flow = await choose(hass, flow, "peer_fetched")
    assert flow["description_placeholders"]["fingerprint"] == gateway.fingerprint
    flow = await answer(hass, flow)
    assert flow["step_id"] == "identity"

    flow = await choose(hass, await to_tunnel(hass, laboratory), "direct")
    flow = await answer(hass, flow, bind_host="127.0.0.1", bind_port=free_port())
    assert flow["step_id"] == "peer"


async def test_laboratory_without_gateway(
    hass: HomeAssistant, laboratory: MockConfigEntry
) -> None:
    """Nothing shown, nothing to confirm."""
    flow = await choose(hass, await to_tunnel(hass, laboratory), "out_socks")
    flow = await choose(hass, await answer(hass, flow, **WAY), "peer_fetched")
    assert (flow["step_id"], flow["errors"]) == ("peer", {"base": "nothing_shown"})


async def test_import(
    hass: HomeAssistant, loaded: MockConfigEntry, upload: Any
) -> None:
    """A file from elsewhere serves as well, if its key is on the gateway's curve."""
    own = consumer("HA-2", ec.BrainpoolP256R1)
    flow = await choose(hass, await to_identity(hass, loaded), "identity_import")
    for content, password, errors in (
        (b"no file", "", {"file": "cls_not_pkcs12"}),
        (own.pkcs12(PASSWORD.encode()), "", {"password": "cls_wrong_file_password"}),
        (own.pkcs12(PASSWORD.encode()), "x", {"password": "cls_wrong_file_password"}),
        (consumer("p256").pkcs12(), "", {"file": "cls_other_curve"}),
        (
            consumer("old", ec.BrainpoolP256R1, end=START).pkcs12(),
            "",
            {"file": "cls_out_of_validity"},
        ),
    ):
        flow = await answer(hass, flow, file=await upload(content), password=password)
        assert flow["errors"] == errors
        assert "password" not in suggested(flow)
    file = await upload(own.pkcs12(PASSWORD.encode()))
    flow = await answer(hass, flow, file=file, password="x")
    # the file itself was good, and need not be chosen again
    flow = await answer(hass, flow, file=file, password=PASSWORD)
    assert flow["description_placeholders"]["name"] == "HA-2"
    await save(hass, await answer(hass, flow))
    (key,) = await keys(hass, loaded)
    assert key.strip() == own.key_pem.strip()


async def test_lost_file(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A file that is gone has to be chosen again."""
    flow = await choose(hass, await to_identity(hass, loaded), "identity_import")
    flow = await answer(hass, flow, file="0123456789abcdef0123456789abcdef")
    assert flow["errors"] == {"file": "file_lost"}


async def test_common_name(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A name that no certificate can hold."""
    flow = await choose(hass, await to_identity(hass, loaded), "identity_new")
    flow = await answer(hass, flow, common_name="x" * 65)
    assert flow["errors"] == {"common_name": "invalid_common_name"}


async def test_extras(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """TLS end to end, and one local target; nothing that leads out or to ourselves."""
    hass.config.api = type("Api", (), {"port": 8123})()
    flow = await choose(hass, await to_grants(hass, loaded), "extras")
    for fields, errors in (
        ({"inner": "x"}, {"inner": "not_a_fingerprint"}),
        ({"message_key": PIN}, {"message_key": "not_a_key"}),
        (
            {"forward_host": "nas.local", "forward_port": 80},
            {"forward_host": "not_local"},
        ),
        (
            {"forward_host": "8.8.8.8", "forward_port": 53},
            {"forward_host": "not_local"},
        ),
        ({"forward_host": "192.168.1.5"}, {"forward_port": "port_missing"}),
        (
            {"forward_host": "127.0.0.1", "forward_port": 8123},
            {"forward_port": "own_port"},
        ),
    ):
        flow = await answer(hass, flow, **fields)
        assert flow["errors"] == errors
    flow = await answer(
        hass, flow, inner=PIN, forward_host="192.168.1.5", forward_port=8123
    )
    assert "192.168.1.5:8123" in flow["description_placeholders"]["channel"]
    await save(hass, flow)
    channel = stored(loaded).channel
    assert channel.inner == (PIN,)
    assert (channel.forward.host, channel.forward.port) == ("192.168.1.5", 8123)


async def test_change_way(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Each part alone; nothing is kept before the review."""
    added = await add(hass, loaded)
    before = dict(added.data)
    flow = await change(hass, loaded, added.subentry_id)
    flow = await choose(hass, await choose(hass, flow, "tunnel"), "out_socks")
    assert suggested(flow) == WAY
    flow = await answer(hass, flow, **{**WAY, "emt_host": "neu.example"})
    assert flow["step_id"] == "reconfigure"
    assert dict(only(loaded).data) == before
    result = await save(hass, flow)
    assert result["reason"] == "reconfigure_successful"
    after = dict(only(loaded).data)
    assert after.pop("emt_host") == "neu.example"
    assert after == {k: v for k, v in before.items() if k != "emt_host"}


async def test_deleted_meanwhile(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Nothing is left to change."""
    added = await add(hass, loaded)
    flow = await choose(hass, await change(hass, loaded, added.subentry_id), "review")
    hass.config_entries.async_remove_subentry(loaded, added.subentry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    result = await answer(hass, flow)
    assert result["reason"] == "no_participant"
