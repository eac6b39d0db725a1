"""What a person does on the pages of the Prefect UI, in the words that stand on them."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from playwright.sync_api import Locator, Page, expect

LOGO: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" fill="#635bff"/></svg>'
)

# Labels are not tied to their inputs in these pages: a field is the block that a label stands at the head of.
_FIELD: Final = (
    "xpath=.//div[contains(@class, 'p-label') and contains(@class, 'schema-form-property')]"
    "[./div[@class='p-label__header']//span[contains(@class, '__label')]"
    '[normalize-space()="{title}" or normalize-space()="{title} (Optional)"]]'
)

_NOTHING_MOVES: Final = (
    "document.getAnimations().every(one =>"
    " one.playState !== 'running' || one.effect.getComputedTiming().endTime === Infinity)"
)

SECONDS_FOR_A_RUN: Final = 180

_LOOKS: Final = 20
"""After so many something on the page is a clock, or never rests."""

_CLICKS: Final = 20

WIDTH: Final = 1280
HEIGHT: Final = 800


@dataclass(frozen=True)
class Form:
    """A form, or what is inside one of its fields."""

    page: Page
    place: Locator

    def field(self, title: str) -> Locator:
        """The field with this title."""
        return self.place.locator(_FIELD.format(title=title))

    def fill(self, title: str, text: str) -> None:
        """Write into a field, in place of what is there."""
        box = self.field(title).locator("textarea, input").first
        # At once, as pasted: keys that come faster than a person's get lost in a number's field.
        box.fill(text)
        expect(box).to_have_value(text)

    def add(self, title: str) -> Form:
        """Add an item to a list, and return what is to be filled in of it."""
        field = self.field(title)
        items = field.locator(".p-draggable-list > * .p-card")
        count = items.count()
        field.get_by_role("button", name="Add item").click()
        expect(items).to_have_count(count + 1)
        return Form(self.page, items.nth(count))

    def choose(self, title: str, option: str) -> None:
        """Choose from a field's list."""
        button = self.field(title).locator("button.p-select-button__control")
        # With a key: at a click of the mouse the list closes again in some versions of Chromium.
        button.focus()
        button.press("ArrowDown")
        self.page.locator(".p-select-option").get_by_text(option, exact=True).click()
        expect(button).to_have_text(option)


@dataclass(frozen=True)
class Pages:
    """The pages of a server, opened one after the other.

    Attributes:
        page: The browser's page.
        url: Address of the server.
        screenshots: Where pictures go.
    """

    page: Page
    url: str
    screenshots: Path

    def picture(self, name: str, height: int = HEIGHT) -> None:
        """Take a picture of what is seen, once nothing of it changes any more."""
        self.page.set_viewport_size({"width": WIDTH, "height": height})
        seen = b""
        for _ in range(_LOOKS):
            before, seen = seen, self.page.screenshot(caret="hide", animations="disabled")
            # A page that fades in looks the same twice, too; one that never comes to rest is as good as it gets.
            if seen == before and self.page.evaluate(_NOTHING_MOVES):
                break
        (self.screenshots / f"{name}.png").write_bytes(seen)
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})

    def custom_run(self, deployment: str) -> Form:
        """Go to the form of a deployment, from the list of all."""
        self.page.goto(f"{self.url}/deployments")
        self.page.get_by_role("link", name=deployment, exact=True).click()
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_text("Custom run", exact=True).click()
        form = self.page.locator("form")
        expect(form.get_by_role("button", name="Submit")).to_be_visible()
        return Form(self.page, form)

    def submit(self) -> None:
        """Submit the form; what is refused shows as the form's still being there."""
        self.send(self.page.get_by_role("button", name="Submit"), "**/create_flow_run")
        self.page.wait_for_url("**/deployments/deployment/*?tab=Runs")

    def send(self, button: Locator, address: str) -> None:
        """Click on what sends a form to an address; again where SQLite's one writer was busy, as the page then says."""
        for _ in range(_CLICKS):
            with self.page.expect_response(address) as expected:
                button.click()
            if (answer := expected.value).status != HTTPStatus.SERVICE_UNAVAILABLE:
                assert answer.ok, f"{address}: {answer.status} {answer.text()}"
                return
        raise AssertionError(f"{address}: busy at each of {_CLICKS} clicks")

    def open_run(self, name: str, state: str) -> None:
        """Open a run from the list under a deployment, and wait until it is in a state."""
        self.page.get_by_role("link", name=name, exact=True).click(timeout=SECONDS_FOR_A_RUN * 1000)
        self.page.wait_for_url("**/runs/flow-run/*")
        badge = self.page.locator(".state-badge").get_by_text(state, exact=True).first
        expect(badge).to_be_visible(timeout=SECONDS_FOR_A_RUN * 1000)

    def tab(self, name: str) -> None:
        """Open a tab of a page."""
        self.page.locator(".p-tab, .p-tabs__tab, button").get_by_text(name, exact=True).first.click()

    def events(self, kind: str) -> None:
        """Look at the feed of events of a kind alone."""
        self.page.get_by_text("Event Feed", exact=True).first.click()
        button = self.page.locator(".p-label").filter(has_text="Events").locator("button").last
        button.focus()
        button.press("ArrowDown")
        self.page.locator(".p-select-option").get_by_text(kind, exact=True).click()
        self.page.get_by_text("Event Feed", exact=True).last.click()
        self.page.wait_for_url(f"**/events?*events={kind}*")
