"""The documentation: generated parts are current, links lead somewhere, and the code in it runs."""

from __future__ import annotations

import inspect
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, get_args

import pytest
from prefect import Flow
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import get_current_settings
from pydantic import SecretStr

from prefect_stripe import InvoiceOrder, StripeCredentials
from prefect_stripe.client import OPERATIONS
from prefect_stripe.flows import OrderLine
from prefect_stripe.flows.invoice_lifecycle import invoice_lifecycle
from prefect_stripe.flows.outcomes import Ending
from prefect_stripe.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
TEXTS = PAGES | {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")}

CODE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

# The operations' examples are the docstrings', and run with them.
EXAMPLES = {
    name: code
    for name, text in PAGES.items()
    if name != "operations.md" and (code := [block for kind, block in CODE.findall(text) if kind == "python"])
}


def script(name: str) -> Mapping[str, Any]:
    """The names in one of our scripts, which are no package."""
    spec = spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


def anchors(text: str) -> Iterator[str]:
    """The anchors of a page's headings, as they are derived from what they say."""
    for heading in re.findall(r"^#+ (.+)$", CODE.sub("", text), re.MULTILINE):
        yield re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def test_the_page_of_operations_is_current() -> None:
    assert PAGES["operations.md"] == script("generate_operations_page")["page"](), (
        "run scripts/generate_operations_page.py"
    )


def test_the_page_of_operations_has_each_once() -> None:
    assert sorted(re.findall(r"^### (\w+)$", PAGES["operations.md"], re.MULTILINE)) == sorted(OPERATIONS)


def test_the_tables_are_current() -> None:
    filled = script("generate_docs_tables")["filled"]
    stale = [name for name, text in PAGES.items() if filled(text) != text]
    assert not stale, "run scripts/generate_docs_tables.py"


def test_each_table_stands_in_a_page() -> None:
    placed = [name for text in PAGES.values() for name in re.findall("<!-- table: (\\w+) -->", text)]
    assert sorted(placed) == sorted(script("generate_docs_tables")["TABLES"])


@pytest.mark.parametrize(
    ("page", "others"),
    [("invoice_lifecycle.md", set[str]()), ("payment_intent_lifecycle.md", {"awaiting_approval", "not_approved"})],
)
def test_a_lifecycle_says_what_to_do_about_each_ending(page: str, others: set[str]) -> None:
    table = PAGES[page].split("## How it ends")[1].split("<!-- table")[0]
    endings = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert endings == [ending for ending in get_args(Ending) if ending not in others]


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_to_a_page_and_a_heading(name: str) -> None:
    folder = DOCS if name in PAGES else ROOT
    for link in LINK.findall(CODE.sub("", TEXTS[name])):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = folder / file if file else folder / name
        assert target.is_file(), link
        assert not anchor or anchor in [*anchors(target.read_text(encoding="utf-8"))], link


def test_the_build_fails_by_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    for name in ("Makefile", "mkdocs.yml", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".installed").touch()
    command = ["make", "docs", f"BIN={Path(sys.executable).parent}"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    with (tmp_path / "docs" / "paging.md").open("a", encoding="utf-8") as page:
        page.write("\n[Gone](gone.md)\n")
    broken = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert broken.returncode != 0
    assert "'gone.md'" in broken.stderr


@pytest.mark.server
@pytest.mark.parametrize("page", EXAMPLES)
def test_the_code_in_a_page_runs(
    page: str, stripe_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRIPE_API_KEY", stripe_sandbox.api_key)
    monkeypatch.setenv("STRIPE_API_BASE", stripe_sandbox.url)
    names: dict[str, Any] = {"__name__": f"example_in_{page.removesuffix('.md')}"}
    for number, block in enumerate(EXAMPLES[page], start=1):
        exec(compile(block, f"<{page}, block {number}>", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_") and inspect.isfunction(value)]
    for test in tests:
        stripe_sandbox.reset()
        test(stripe_sandbox)
    assert tests or any(isinstance(value, Flow) for value in names.values()) or "Sandbox" in names


@pytest.mark.server
def test_names_and_addresses_are_kept_where_the_page_says(stripe_sandbox: Sandbox) -> None:
    address, name = "whom-it-concerns@example.com", "Wilhelmina Concern"
    order = InvoiceOrder(
        external_id="ORD-PRIVATE",
        customer_email=address,
        customer_name=name,
        currency="usd",
        lines=[OrderLine(description="Mug", unit_amount=1300)],
        payment_method="pm_card_chargeCustomerFail",
    )
    credentials = StripeCredentials(api_key=SecretStr(stripe_sandbox.api_key), api_base=stripe_sandbox.url)
    outcome = invoice_lifecycle(order, credentials)
    assert isinstance(outcome, dict)
    assert outcome["ending"] == "declined"
    APILogWorker.drain_all()
    EventsWorker.drain_all()
    url = get_current_settings().server.database.connection_url
    assert url is not None
    database = url.get_secret_value().removeprefix("sqlite+aiosqlite:///")
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = [table for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {table: str(connection.execute(f"SELECT * FROM {table}").fetchall()) for table in tables}
    assert {table for table, content in rows.items() if "ORD-PRIVATE" in content} >= {"artifact", "flow_run", "log"}
    assert {table for table, content in rows.items() if address in content or name in content} == {"flow_run"}
