"""A team's server, a worker, and a browser in front of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from prefect_stripe.sandbox import Sandbox
from tests.browser.pages import HEIGHT, LOGO, WIDTH, Pages
from tests.workers.ground import Ground, prefect_ground

CHROMIUM = ("chromium", "google-chrome")
"""By whichever name it is installed."""

SAVE_BLOCK = """
import sys
from prefect_stripe import StripeCredentials
StripeCredentials(api_key=sys.argv[1], api_base=sys.argv[2]).save("acme-test")
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, help="where to put pictures of the pages (default: nowhere to stay)")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as running:
        yield running


@pytest.fixture(scope="session")
def team(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A server with our flows on it, an account to choose, and a process worker that knows no key of its own."""
    with prefect_ground(tmp_path_factory.mktemp("team")) as ground:
        ground.deploy()
        ground.run(sys.executable, "-c", SAVE_BLOCK, sandbox.api_key, sandbox.url)
        with ground.worker():
            yield ground


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert found, f"none of {', '.join(CHROMIUM)} is installed; on Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        # Root, as in a container, may not use the sandbox; the pages are our own.
        running = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1.5)
    context.add_init_script("localStorage.setItem('color-scheme', JSON.stringify('light'))")
    # A block's logo comes from elsewhere, and a test asks nobody.
    context.route("https://github.com/**", lambda route: route.fulfill(content_type="image/svg+xml", body=LOGO))
    context.set_default_timeout(60_000)
    opened = context.new_page()
    yield opened
    # For whoever asks why it failed: pytest keeps the folder.
    opened.screenshot(path=tmp_path / "last.png")
    context.close()


@pytest.fixture
def pages(page: Page, team: Ground, request: pytest.FixtureRequest, tmp_path: Path) -> Pages:
    folder: Path = request.config.getoption("--screenshots") or tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return Pages(page, team.url, folder)
