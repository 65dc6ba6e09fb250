"""Logging in by certificate when a gateway is added: the file, and what is wrong with it."""

from collections.abc import Generator
from datetime import timedelta
import json
from pathlib import Path
import tempfile
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec, rsa
import pytest

from custom_components.smgw.const import DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway
from tests.client_keys import bundle, certificate_of, consumer

from .by_certificate import (
    KNOWING,
    OWN,
    PASSWORD,
    SLOT,
    STRANGER,
    assert_stored,
    suggested,
)
from .conftest import START, Timeline
from .test_config_flow import choose, submit, to_certificate, to_login

MAKERS = (PpcGateway, ThebenGateway, EmhGateway)

pytestmark = pytest.mark.gateway(**KNOWING)


@pytest.fixture(params=MAKERS, ids=lambda kind: kind.__name__)
def box(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Any]:
    """A gateway of each maker that knows one consumer by certificate."""
    user = request.param().user
    with request.param(clock=clock, client_certificates={user: OWN}) as running:
        yield running


@pytest.mark.parametrize("password", [None, PASSWORD])
async def test_set_up(
    hass: HomeAssistant,
    box: Any,
    upload: Any,
    timeline: Timeline,
    password: str | None,
) -> None:
    """Choose the way, upload, and everything is there; it goes on with each slot."""
    flow = await submit(hass, await to_certificate(hass, box))
    assert flow["step_id"] == "way"
    flow = await choose(hass, flow, "client_certificate")
    assert (flow["type"], flow["step_id"]) == (
        FlowResultType.FORM,
        "client_certificate",
    )
    file = await upload(OWN.pkcs12(password and password.encode()))
    fields = {"file": file, "name": "Roof"}
    result = await submit(
        hass, flow, **fields, **({"password": password} if password else {})
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    entry = result["result"]
    assert entry.state is ConfigEntryState.LOADED
    assert_stored(entry, OWN, "Roof")
    for quarters in range(4):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
    value = er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{box.gateway_id}_1ESY0060178981_1-0:1.8.0"
    )
    true = box.true_register(
        "1esy0060178981", "1-0:1.8.0", START.replace(hour=10, minute=15)
    )
    assert hass.states.get(value).state == str(true)
    # nobody was ever asked for a password, except by the flow's own look
    asked = [record for record in box.requests if record.status == 401]
    assert len(asked) <= 1
    assert box.failed_logins == 0


BRAINPOOL = {
    "brainpoolP256r1": ec.BrainpoolP256R1,
    "brainpoolP384r1": ec.BrainpoolP384R1,
    "brainpoolP512r1": ec.BrainpoolP512R1,
}


@pytest.mark.parametrize("curve", BRAINPOOL)
@pytest.mark.parametrize("kind", MAKERS)
async def test_brainpool(
    hass: HomeAssistant,
    socket_enabled: None,
    clock: SimClock,
    upload: Any,
    kind: Any,
    curve: str,
) -> None:
    """Gateway and consumer on the same Brainpool curve; another one is told by name."""
    own = consumer(curve=BRAINPOOL[curve])
    with kind(
        clock=clock, curve=curve, client_certificates={kind().user: own}
    ) as gateway:
        flow = await to_login(hass, gateway, "client_certificate")
        file = await upload(OWN.pkcs12())
        flow = await submit(hass, flow, file=file)
        assert flow["errors"] == {"base": "wrong_curve"}
        assert flow["description_placeholders"]["key_curve"] == "P-384"
        assert flow["description_placeholders"]["gateway_curve"] == curve
        result = await submit(hass, flow, file=await upload(own.pkcs12()))
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await hass.async_block_till_done(wait_background_tasks=True)
        assert result["result"].state is ConfigEntryState.LOADED


RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP384R1())
EXPIRED = consumer(end=START - timedelta(days=1))
EARLY = consumer(begin=START + timedelta(days=1))


@pytest.mark.parametrize(
    ("content", "password", "errors", "told"),
    [
        (OWN.pem.encode(), "", {"file": "not_pkcs12"}, {}),
        (OWN.der, "", {"file": "not_pkcs12"}, {}),
        (b"", "", {"file": "not_pkcs12"}, {}),
        (OWN.pkcs12(b"x"), "", {"password": "file_password_needed"}, {}),
        (OWN.pkcs12(b"x"), "y", {"password": "wrong_file_password"}, {}),
        (
            bundle(None, certificate_of(EC)),
            "",
            {"file": "private_key_missing"},
            {},
        ),
        (
            bundle(EC, None, (certificate_of(RSA),)),
            "",
            {"file": "key_mismatch"},
            {},
        ),
        (
            bundle(RSA, certificate_of(RSA)),
            "",
            {"file": "wrong_key_type"},
            {"found": "RSA 2048"},
        ),
        (
            EXPIRED.pkcs12(),
            "",
            {"file": "client_certificate_expired"},
            {"valid_until": "2026-11-19"},
        ),
        (
            EARLY.pkcs12(),
            "",
            {"file": "client_certificate_not_yet_valid"},
            {"valid_from": "2026-11-21"},
        ),
    ],
    ids=lambda value: (
        next(iter(value.values()), None) if isinstance(value, dict) else ""
    ),
)
async def test_files_that_will_not_do(
    hass: HomeAssistant,
    gateway: PpcGateway,
    upload: Any,
    content: bytes,
    password: str,
    errors: dict[str, str],
    told: dict[str, str],
) -> None:
    """Each reason stands at its field, the gateway is not asked, the next one works."""
    flow = await to_login(hass, gateway, "client_certificate")
    gateway.clear_requests()
    file = await upload(content)
    flow = await submit(hass, flow, file=file, password=password, name="Roof")
    assert (flow["step_id"], flow["errors"]) == ("client_certificate", errors)
    assert told.items() <= flow["description_placeholders"].items()
    assert gateway.requests == []
    # a file that opens with another password need not be chosen again
    kept = {"file": file} if "password" in errors else {}
    assert suggested(flow) == {"name": "Roof"} | kept

    result = await submit(hass, flow, file=await upload(OWN.pkcs12()))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    # no name was given, so it is the certificate's
    assert_stored(result["result"], OWN, "ecpr0099000001")


async def test_password_corrected(
    hass: HomeAssistant, gateway: PpcGateway, upload: Any
) -> None:
    """The file is deleted once read; the form works without a second upload."""
    flow = await to_login(hass, gateway, "client_certificate")
    file = await upload(OWN.pkcs12(PASSWORD.encode()))
    flow = await submit(hass, flow, file=file, password="mistyped")
    assert flow["errors"] == {"password": "wrong_file_password"}
    uploads = Path(tempfile.gettempdir()) / "home-assistant-file_upload"
    assert list(uploads.iterdir()) == []
    result = await submit(hass, flow, file=file, password=PASSWORD)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    assert PASSWORD not in json.dumps(result["result"].as_dict(), default=str)


async def test_file_that_is_gone(
    hass: HomeAssistant, gateway: PpcGateway, upload: Any
) -> None:
    """An upload that Home Assistant no longer knows is asked for again."""
    flow = await to_login(hass, gateway, "client_certificate")
    flow = await submit(hass, flow, file=uuid4().hex)
    assert flow["errors"] == {"file": "file_lost"}
    assert suggested(flow) == {}
    result = await submit(hass, flow, file=await upload(OWN.pkcs12()))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_unknown_certificate(hass: HomeAssistant, box: Any, upload: Any) -> None:
    """The gateway asks for a password instead: one attempt, and a message of its own."""
    flow = await to_login(hass, box, "client_certificate")
    box.clear_requests()
    file = await upload(STRANGER.pkcs12())
    flow = await submit(hass, flow, file=file)
    assert flow["errors"] == {"base": "client_certificate_unknown"}
    assert [record.status for record in box.requests] == [401]
    assert suggested(flow) == {"file": file}
    result = await submit(hass, flow, file=await upload(OWN.pkcs12()))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_changed_gateway(
    hass: HomeAssistant, gateway: PpcGateway, upload: Any
) -> None:
    """Another certificate than the confirmed one: nothing is sent."""
    flow = await to_login(hass, gateway, "client_certificate")
    gateway.rotate_certificate()
    gateway.clear_requests()
    flow = await submit(hass, flow, file=await upload(OWN.pkcs12()))
    assert flow["errors"] == {"base": "certificate_changed"}
    assert gateway.requests == []
