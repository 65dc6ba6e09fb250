"""Adding a gateway through Home Assistant's pages, mistakes included."""

from collections.abc import Iterator
import json
from pathlib import Path
import re

from home import Home
from playwright.sync_api import Locator, Page, expect
import pytest

from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway
from simulator.tls import Certificate, self_signed

TEXTS = Path(__file__).parents[2] / "custom_components" / "smgw" / "translations"


def error(language: str, key: str) -> str:
    """Return the beginning of an error text, in words that the page shows as they are."""
    texts = json.loads((TEXTS / f"{language}.json").read_text(encoding="utf-8"))
    return str(texts["config"]["error"][key]).split(".")[0]


def way(language: str, key: str) -> str:
    """Return how a menu calls a way to log in."""
    texts = json.loads((TEXTS / f"{language}.json").read_text(encoding="utf-8"))
    return str(texts["config"]["step"]["way"]["menu_options"][key])


def answer(flow: Locator, button: str, **fields: str) -> None:
    """Fill in the form and send it."""
    for name, value in fields.items():
        flow.locator(f"input[name={name}]").fill(value)
    flow.get_by_role("button", name=button).click()


def test_add(page: Page, home: Home, gateway: PpcGateway, artifacts: Path) -> None:
    """Host, certificate, login; a wrong host and a wrong password are told and mended."""
    home.remove_entry()
    page.goto("/config/integrations/dashboard")
    page.get_by_role("button", name="Add integration").click()
    dialog = page.locator("dialog-add-integration")
    dialog.locator("ha-input-search input").fill("smart meter gateway")
    dialog.get_by_text("Smart Meter Gateway (SMGW)").click()
    flow = page.locator("dialog-data-entry-flow")

    expect(flow.locator("input[name=host]")).to_be_visible()
    answer(flow, "Submit", host="127.0.0.1:1")
    expect(flow.get_by_text(error("en", "connection_refused"))).to_be_visible()
    page.screenshot(path=artifacts / "flow-1-wrong-host.png")
    answer(flow, "Submit", host=gateway.url)

    expect(flow.get_by_text(gateway.gateway_id).first).to_be_visible()
    expect(flow.get_by_text(gateway.fingerprint)).to_be_visible()
    page.screenshot(path=artifacts / "flow-2-certificate.png")
    answer(flow, "Submit")

    flow.get_by_text(way("en", "login")).click()
    answer(flow, "Submit", username=gateway.user, password="wrong")
    expect(flow.get_by_text(error("en", "wrong_password"))).to_be_visible()
    expect(flow.locator("input[name=username]")).to_have_value(gateway.user)
    page.screenshot(path=artifacts / "flow-3-wrong-password.png")
    answer(flow, "Submit", password=gateway.password)

    expect(flow.get_by_text(gateway.gateway_id).first).to_be_visible()
    # which statistics to choose, and not to choose both
    for told in ("Grid export, meter 1EMH0012345678 (hourly values)", "never both"):
        expect(flow.get_by_text(told)).to_be_visible()
    page.screenshot(path=artifacts / "flow-4-added.png")
    flow.get_by_role("button", name=re.compile("^(Skip and finish|Finish)$")).click()
    expect(flow.locator("ha-dialog")).to_have_count(0)
    entry = home.entry()
    assert entry is not None
    assert (entry["title"], entry["state"]) == (gateway.gateway_id, "loaded")


def test_add_again(page: Page, added: PpcGateway, artifacts: Path) -> None:
    """The same gateway is recognised, whatever it is called."""
    page.goto("/config/integrations/dashboard/add?domain=smgw")
    page.get_by_role("button", name=re.compile("^(OK|Yes)$")).click()
    flow = page.locator("dialog-data-entry-flow")
    answer(flow, "Submit", host=f"localhost:{added.port}")
    expect(
        flow.get_by_text(re.compile(f"{added.gateway_id} is set up already"))
    ).to_be_visible()
    page.screenshot(path=artifacts / "flow-already-configured.png")


@pytest.fixture
def key() -> Certificate:
    """A consumer's key, on the curve of the gateway."""
    return self_signed("ecpr0099000001", curve="secp384r1")


@pytest.fixture
def conexa(key: Certificate) -> Iterator[ThebenGateway]:
    """Another maker's gateway, which knows this key."""
    user = ThebenGateway().user
    with ThebenGateway(client_certificates={user: key}) as gateway:
        yield gateway


def test_add_by_certificate(
    page: Page, home: Home, conexa: ThebenGateway, key: Certificate, artifacts: Path
) -> None:
    """The file is uploaded once; a wrong password of it is told and mended."""
    page.goto("/config/integrations/dashboard/add?domain=smgw")
    page.get_by_role("button", name=re.compile("^(OK|Yes)$")).click()
    flow = page.locator("dialog-data-entry-flow")
    answer(flow, "Submit", host=conexa.url)
    expect(flow.get_by_text(conexa.fingerprint)).to_be_visible()
    answer(flow, "Submit")
    flow.get_by_text(way("en", "client_certificate")).click()
    page.screenshot(path=artifacts / "certificate-1-form.png")
    flow.locator("input[type=file]").set_input_files(
        {
            "name": "access.p12",
            "mimeType": "application/x-pkcs12",
            "buffer": key.pkcs12(b"right"),
        }
    )
    expect(flow.get_by_text("access.p12")).to_be_visible()
    answer(flow, "Submit", password="wrong")
    expect(flow.get_by_text(error("en", "wrong_file_password"))).to_be_visible()
    page.screenshot(path=artifacts / "certificate-2-wrong-password.png")
    answer(flow, "Submit", password="right", name="Roof")

    expect(flow.get_by_text(conexa.gateway_id).first).to_be_visible()
    flow.get_by_role("button", name=re.compile("^(Skip and finish|Finish)$")).click()
    expect(flow.locator("ha-dialog")).to_have_count(0)
    (entry,) = (
        entry
        for entry in home.call(lambda ha: ha.entries("smgw"))
        if entry["title"] == conexa.gateway_id
    )
    assert entry["state"] == "loaded"
    assert conexa.failed_logins == 0
    page.goto("/config/integrations/integration/smgw")
    expect(page.get_by_text("Roof").first).to_be_visible()
    page.screenshot(path=artifacts / "certificate-3-added.png")
    path = f"/api/config/config_entries/entry/{entry['entry_id']}"
    home.call(lambda ha: ha.rest("DELETE", path))


@pytest.fixture
def german(home: Home) -> Iterator[None]:
    """The user reads German."""
    home.language("de")
    yield
    home.language("en")


@pytest.mark.usefixtures("german")
def test_in_german(page: Page, other_gateway: PpcGateway, artifacts: Path) -> None:
    """The whole way in German, up to the password."""
    gateway = other_gateway
    page.goto("/config/integrations/dashboard/add?domain=smgw")
    page.get_by_role("button", name=re.compile("^(OK|Ja)$")).click()
    flow = page.locator("dialog-data-entry-flow")
    answer(flow, "OK", host="127.0.0.1:1")
    expect(flow.get_by_text(error("de", "connection_refused"))).to_be_visible()
    page.screenshot(path=artifacts / "ablauf-1-falsche-adresse.png")
    answer(flow, "OK", host=gateway.url)
    expect(flow.get_by_text(gateway.fingerprint)).to_be_visible()
    page.screenshot(path=artifacts / "ablauf-2-zertifikat.png")
    answer(flow, "OK")
    expect(flow.get_by_text(re.compile(f"zu {gateway.gateway_id}"))).to_be_visible()
    page.screenshot(path=artifacts / "ablauf-3-weg.png")
    flow.get_by_text(way("de", "login")).click()
    answer(flow, "OK", username=gateway.user, password="falsch")
    expect(flow.get_by_text(error("de", "wrong_password"))).to_be_visible()
    page.screenshot(path=artifacts / "ablauf-4-falsches-passwort.png")
