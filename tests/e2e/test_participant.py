"""A market participant and a CLS switch, added through Home Assistant's pages; the participant's console switches."""

from collections.abc import Iterator
from contextlib import contextmanager
import json
from pathlib import Path
import re
from typing import Any

from home import Home
from playwright.sync_api import BrowserContext, Locator, Page, expect
import pytest

from simulator.cls import World
from simulator.ppc import PpcGateway

TEXTS = Path(__file__).parents[2] / "custom_components" / "smgw" / "translations"
GATEWAY = "EPPC0210777777"
WHO, SWITCH = "Stadtwerke", "Boiler"
# What the pages call the views of an entity: its details, its history.
VIEWS = {"en": ("Details", "History"), "de": ("Details", "Verlauf")}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Return a gateway's CLS proxy, a participant behind it, and its console."""
    with World(console_port=0, gateway_id=GATEWAY) as world:
        yield world


@pytest.fixture(scope="module")
def entry(home: Home, world: World) -> Iterator[str]:
    """Return the number of a gateway that is there for its CLS interface only."""
    with PpcGateway(gateway_id=GATEWAY) as gateway:
        forms = ({"host": gateway.url}, {}, {"next_step_id": "cls_only"}, {})
        home.call(lambda ha: ha.add_integration("smgw", *forms))
        yield GATEWAY
        home.remove_entry(GATEWAY)


@pytest.fixture
def console(context: BrowserContext, world: World) -> Page:
    """Return the participant's console, in a tab of its own."""
    console = context.new_page()
    console.goto(world.console_url)
    return console


@contextmanager
def speaking(home: Home, language: str) -> Iterator[None]:
    """The user reads a language, and the home writes it."""

    def use(language: str) -> None:
        home.language(language)
        home.call(lambda ha: ha.ws("config/core/update", language=language))

    use(language)
    yield
    use("en")


@pytest.fixture
def german(home: Home) -> Iterator[None]:
    """The user reads German."""
    with speaking(home, "de"):
        yield


def texts(kind: str, language: str = "en") -> dict[str, Any]:
    """Return the texts about a kind of subentry."""
    told = json.loads((TEXTS / f"{language}.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = told["config_subentries"][kind]
    return found


def begin(page: Page, gateway: str, kind: str, language: str = "en") -> Locator:
    """Open the form for a new subentry, from the menu of the gateway."""
    page.goto("/config/integrations/integration/smgw")
    # Other gateways, with all their devices, would push it out of sight.
    page.locator("ha-config-integration-page ha-input-search input").fill(gateway)
    expect(page.locator("ha-config-entry-row")).to_have_count(1)
    row = page.locator("ha-config-entry-row").filter(has_text=gateway)
    row.locator("ha-dropdown").first.click()
    begun = texts(kind, language)["initiate_flow"]["user"]
    row.get_by_role("menuitem", name=begun).click()
    return page.locator("dialog-data-entry-flow")


def submit(flow: Locator) -> None:
    """Send the form."""
    flow.get_by_role("button", name=re.compile("^(Submit|OK)$")).click()


def finish(flow: Locator) -> None:
    """Close the form that says that it is done."""
    flow.get_by_role("button", name=re.compile("^(Skip and finish|Finish)$")).click()
    expect(flow.locator("ha-dialog")).to_have_count(0)


class ParticipantForms:
    """The forms about a participant, with their own texts."""

    def __init__(self, flow: Locator, artifacts: Path) -> None:
        """Take the dialog."""
        self.flow = flow
        self._steps = texts("participant")["step"]
        self._artifacts = artifacts

    def choose(self, menu: str, option: str) -> None:
        """Choose from a menu."""
        self.flow.get_by_text(self._steps[menu]["menu_options"][option]).click()

    def field(self, step: str, name: str) -> Locator:
        """Return what is typed into, whatever kind of field it is."""
        named = self.flow.locator("ha-selector").filter(
            has_text=self._steps[step]["data"][name]
        )
        return named.locator("input, textarea")

    def picture(self, name: str) -> None:
        """Keep how it looks."""
        self.flow.page.screenshot(path=self._artifacts / f"participant-{name}.png")


def who_and_how(forms: ParticipantForms, world: World) -> None:
    """Say who it is, and how it is reached."""
    flow = forms.flow
    flow.locator("input[name=name]").fill(WHO)
    for warning in ("TR-03109-5", "§14a EnWG", "consent", "Never break a seal"):
        expect(flow.get_by_text(warning)).to_be_visible()
    # Nobody becomes the one before all others by a click that was forgotten.
    expect(flow.get_by_role("radio", name="Service provider")).to_be_checked()
    flow.get_by_role("radio", name="Grid operator").click()
    forms.picture("1-who")
    submit(flow)
    forms.choose("tunnel", "out_socks")
    way = {
        "host": world.host,
        "port": world.socks_port,
        "emt_host": world.emt.name,
        "emt_port": world.emt.port,
    }
    expect(forms.field("out_socks", "port")).to_have_value("")
    for name, value in way.items():
        forms.field("out_socks", name).fill(str(value))
    forms.picture("2-way")
    submit(flow)


def certificates(forms: ParticipantForms, console: Page) -> None:
    """Type what the operator's letter says, and give the operator what it needs."""
    flow = forms.flow
    letter = console.locator("dd").filter(has_text=re.compile("^[0-9a-f]{64}$"))
    forms.field("peer", "peers").fill("ab" * 32)
    submit(flow)
    wrong = texts("participant")["error"]["other_certificate_shown"].split(".")[0]
    expect(flow.get_by_text(wrong)).to_be_visible()
    forms.picture("3-wrong-fingerprint")
    forms.field("peer", "peers").fill(letter.inner_text())
    submit(flow)
    forms.choose("identity", "identity_new")
    submit(flow)
    own = forms.field("identity_show", "certificate")
    expect(own).to_have_value(re.compile("BEGIN CERTIFICATE"))
    forms.picture("4-certificate")
    field = console.get_by_label("Certificate or SHA-256")
    field.fill(own.input_value())
    console.get_by_role("button", name="Admit", exact=True).click()
    expect(field).to_have_value("")
    submit(flow)


def grants(forms: ParticipantForms) -> None:
    """Grant limits, look at the whole, and save."""
    flow = forms.flow
    forms.choose("grants", "grant_limit")
    forms.field("grant_limit", "failsafe").fill("4200")
    submit(flow)
    forms.choose("grants", "review")
    for told in ("4200 W in silence", "Receipts are technical records", "TR-03109-5"):
        expect(flow.get_by_text(told)).to_be_visible()
    forms.picture("5-review")
    submit(flow)
    finish(flow)


def add_switch(page: Page, gateway: str, artifacts: Path) -> None:
    """Add a CLS switch that the participant may set."""
    flow = begin(page, gateway, "switch")
    flow.locator("input[name=name]").fill(SWITCH)
    flow.get_by_text(WHO).click()
    page.screenshot(path=artifacts / "participant-6-switch.png")
    submit(flow)
    finish(flow)


def open_device(page: Page, home: Home, name: str) -> None:
    """Go to a device's page."""
    devices = home.call(lambda ha: ha.ws("config/device_registry/list"))
    (device,) = (device for device in devices if device["name"] == name)
    page.goto(f"/config/devices/device/{device['id']}")


def shown_by_home(page: Page, home: Home, artifacts: Path) -> None:
    """Look who switched, on the page of the switch and at each of its changes."""
    open_device(page, home, SWITCH)
    said = re.compile(f"^{WHO} begun: switch on {SWITCH} ")
    expect(page.get_by_role("button", name=said)).to_be_visible()
    page.screenshot(path=artifacts / "participant-7-who-did-it.png")
    page.get_by_role("button", name=re.compile(f"^{SWITCH} On ")).click()
    details = page.locator("dialog-logbook-detail")
    chain = details.locator("ha-logbook-chain")
    expect(chain.get_by_text(WHO, exact=True)).to_be_visible()
    page.screenshot(path=artifacts / "participant-8-what-happened.png")
    open_device(page, home, WHO)
    facts = page.locator("ha-device-entities-card").filter(has_text="Connection")
    expect(facts).to_contain_text("Connected")
    page.screenshot(path=artifacts / "participant-9-device.png")


def attributes(language: str) -> dict[str, Any]:
    """Return what the attributes of a CLS switch are called."""
    told = json.loads((TEXTS / f"{language}.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = told["entity"]["switch"]["cls_switch"]["state_attributes"]
    return found


def entity_page(
    page: Page, home: Home, artifacts: Path, language: str, said: str
) -> None:
    """Open the switch itself: who has set it, until when, and what happened to it."""
    names, (details, history) = attributes(language), VIEWS[language]
    open_device(page, home, SWITCH)
    controls = page.locator("ha-device-entities-card")
    controls.get_by_text(SWITCH, exact=True).first.click()
    dialog = page.locator("ha-more-info-dialog")
    dialog.locator("ha-dropdown").last.click()
    dialog.get_by_role("menuitem", name=details).click()
    facts = dialog.locator("ha-more-info-details")
    for name, value in (
        (names["set_by"]["name"], names["set_by"]["state"]["participant"]),
        (names["participant"]["name"], WHO),
        (names["until"]["name"], r"\d:\d\d:\d\d"),
    ):
        said_so = (
            facts.get_by_role("listitem")
            .filter(has_text=name)
            .filter(has_text=re.compile(value))
        )
        expect(said_so).to_be_visible()
    page.screenshot(path=artifacts / f"participant-entity-{language}-details.png")
    dialog.get_by_role("button", name="Back").or_(
        dialog.get_by_role("button", name="Zurück")
    ).click()
    dialog.get_by_role("button", name=history, exact=True).click()
    activity = dialog.locator("ha-more-info-logbook")
    expect(activity.get_by_text(said)).to_be_visible()
    # Who did it stands in the hint at each change there, and in full behind the link.
    expect(activity.locator("ha-tooltip").first).to_contain_text(WHO)
    page.screenshot(path=artifacts / f"participant-entity-{language}-history.png")
    activity.get_by_role("link").click()
    rows = page.locator("ha-panel-logbook ha-logbook")
    for told in (said, re.compile(rf"\w+ {WHO}$")):
        expect(rows.get_by_text(told).first).to_be_visible()
    page.screenshot(path=artifacts / f"participant-entity-{language}-activity.png")


def test_switched_from_the_console(
    page: Page, home: Home, entry: str, console: Page, world: World, artifacts: Path
) -> None:
    """From the letter to the receipt: added, granted, switched, shown, and proven."""
    forms = ParticipantForms(begin(page, entry, "participant"), artifacts)
    who_and_how(forms, world)
    certificates(forms, console)
    grants(forms)
    add_switch(page, entry, artifacts)

    expect(console.locator("#state")).to_have_text("connected")
    console.get_by_role("button", name="On", exact=True).click()
    expect(console.get_by_role("status")).to_contain_text("possible: command")
    shown_by_home(page, home, artifacts)
    entity_page(page, home, artifacts, "en", f"ordered: switch on {SWITCH}")
    with speaking(home, "de"):
        entity_page(
            page, home, artifacts, "de", f"hat angewiesen: {SWITCH} einschalten"
        )

    console.locator("#commands").get_by_role("button", name="Release").click()
    receipt = console.locator("#receipts tr")
    # the release is a command as well
    expect(receipt).to_have_count(2)
    expect(receipt.get_by_text("✔ good")).to_have_count(2)
    ended = receipt.filter(has_text="released")
    expect(ended).to_contain_text("effective: commanded")
    console.get_by_role("button", name="Verify all evidence").click()
    expect(console.locator("#verdict")).to_contain_text("nothing was changed")
    console.screenshot(path=artifacts / "participant-10-receipt.png", full_page=True)


@pytest.mark.usefixtures("german")
def test_in_german(page: Page, entry: str, artifacts: Path) -> None:
    """Who, the warnings, and the ways, in German; and the form of a CLS switch."""
    steps = texts("participant", "de")["step"]
    flow = begin(page, entry, "participant", "de")
    for warning in ("TR-03109-5", "14a EnWG", "Plombe"):
        expect(flow.get_by_text(warning)).to_be_visible()
    flow.locator("input[name=name]").fill(WHO)
    flow.get_by_role("radio", name="Netzbetreiber", exact=True).click()
    page.screenshot(path=artifacts / "teilnehmer-1-wer.png")
    submit(flow)
    for way in ("out_socks", "out_sni", "inbound"):
        named = steps["tunnel"]["menu_options"][way]
        expect(flow.get_by_text(named)).to_be_visible()
    page.screenshot(path=artifacts / "teilnehmer-2-weg.png")
    flow = begin(page, entry, "switch", "de")
    said = texts("switch", "de")["step"]["user"]["data"]["rest"]
    expect(flow.get_by_text(said)).to_be_visible()
    page.screenshot(path=artifacts / "teilnehmer-3-schalter.png")
