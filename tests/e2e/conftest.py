"""A simulated gateway, a real Home Assistant and a real browser."""

from collections.abc import Iterator
from datetime import UTC, datetime
import json
import os
from pathlib import Path
import shutil

from home import Home
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
import pytest

from simulator.clock import SimClock
from simulator.ppc import PpcGateway

ARTIFACTS = Path(__file__).parents[2] / "artifacts" / "e2e"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # the browser's own services are not asked for: no waiting where there is no internet
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
]
# A first page on a busy machine takes five seconds.
TIMEOUT = 20_000

expect.set_options(timeout=TIMEOUT)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let fixtures know how the test ended."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Return the folder for pictures, traces and logs, empty at the start."""
    shutil.rmtree(ARTIFACTS, ignore_errors=True)
    ARTIFACTS.mkdir(parents=True)
    return ARTIFACTS


@pytest.fixture(scope="session")
def gateway() -> Iterator[PpcGateway]:
    """Return a running gateway with meters of several media.

    Its clock stands still: its registers show what they show at the start.
    """
    with PpcGateway(seed=2017, clock=SimClock(datetime.now(UTC))) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def other_gateway() -> Iterator[PpcGateway]:
    """Return a gateway that is never added."""
    with PpcGateway(seed=7, gateway_id="EPPC0219876543") as gateway:
        yield gateway


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, artifacts: Path) -> Iterator[Home]:
    """Return a running Home Assistant."""
    home = Home(tmp_path_factory.mktemp("home"))
    try:
        home.start()
        yield home
    finally:
        home.stop()
        # what it printed tells why it did not start
        shutil.copy(home.output, artifacts / "hass.log")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Return the browser; script/test has made sure that there is one."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, headless=True, args=CHROMIUM_ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture
def context(
    request: pytest.FixtureRequest, chromium: Browser, home: Home, artifacts: Path
) -> Iterator[BrowserContext]:
    """Return a fresh browser profile; a failed test leaves its trace and Home Assistant's log."""
    context = chromium.new_context(
        viewport={"width": 1280, "height": 1000},
        locale="en-US",
        timezone_id="Europe/Berlin",
        base_url=home.base,
        service_workers="block",
        reduced_motion="reduce",
    )
    context.set_default_timeout(TIMEOUT)
    # icons of other integrations would come from the internet; ours comes from its own folder
    context.route(
        "**/api/brands/**",
        lambda route: (
            route.continue_()
            if "smgw" in route.request.url
            else route.fulfill(status=404, body=b"")
        ),
    )
    context.tracing.start(screenshots=True, snapshots=True)
    yield context
    failed = request.node.stash.get(FAILED, False)
    if failed:
        for number, page in enumerate(context.pages):
            page.screenshot(path=artifacts / f"FAILED-{request.node.name}-{number}.png")
        (artifacts / f"FAILED-{request.node.name}.log").write_text(home.log())
    trace = artifacts / f"FAILED-{request.node.name}.zip"
    context.tracing.stop(path=trace if failed else None)
    context.close()


@pytest.fixture
def anonymous(context: BrowserContext) -> Page:
    """Return a page of somebody who is not logged in."""
    return context.new_page()


@pytest.fixture
def page(context: BrowserContext, home: Home) -> Page:
    """Return a page that is logged in: the tokens are where the pages keep them."""
    tokens = json.dumps(json.dumps(home.tokens))
    context.add_init_script(
        f"if (location.origin === {json.dumps(home.base)}) localStorage.setItem('hassTokens', {tokens});"
    )
    return context.new_page()


@pytest.fixture(autouse=True)
def quiet_log(home: Home) -> Iterator[None]:
    """No test may leave an error in Home Assistant's log, nor any line of ours."""
    yield
    assert home.new_complaints() == []


@pytest.fixture
def added(home: Home, gateway: PpcGateway) -> PpcGateway:
    """Return the gateway, set up in Home Assistant."""
    if home.entry() is None:
        forms = (
            {"host": gateway.url},
            {},
            {"next_step_id": "login"},
            {"username": gateway.user, "password": gateway.password},
        )
        home.call(lambda ha: ha.add_integration("smgw", *forms))
    return gateway
