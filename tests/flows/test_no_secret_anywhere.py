"""No key, no client secret and no card's number in anything that is kept or shown, whatever runs and whatever fails.

What is searched for is planted first, once in each place, to show that it would be found there.
"""

from __future__ import annotations

import io
import logging
import pickle
import re
import sqlite3
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import rich.console
import rich.traceback
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, get_current_settings, temporary_settings
from pydantic import SecretStr

from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.flows import (
    OperationParameter,
    invoice_batch,
    invoice_lifecycle,
    payment_intent_lifecycle,
    run_operation,
)
from prefect_stripe.tasks import create_payment_intent, retrieve_payment_intent, retrieve_payment_method
from tests.flows.told import eventually
from tests.flows.world import World

pytestmark = pytest.mark.server

KEY = "sk_test_51PlainlyToBeRecognised"
CARD = "4000002500003155"

# Of what is planted, others: the server's database is kept for all the tests of a session.
PLANTED = {
    "key": "sk_test_51PlantedToBeFound",
    "client secret": "seti_1AbCdEfGh_secret_Planted",
    "card": "5555555555554444",
}

WORDS = {
    "key": re.compile(KEY),
    "client secret": re.compile(r"\bpi_\w+_secret_\w+", re.ASCII),
    "card": re.compile(CARD),
}
PLANTED_WORDS = {
    "key": re.compile(PLANTED["key"]),
    "client secret": re.compile(r"\bseti_\w+_secret_\w+", re.ASCII),
    "card": re.compile(PLANTED["card"]),
}
ROWS = "external_id,customer_email,currency,description,unit_amount,payment_method\n"

Words = Mapping[str, re.Pattern[str]]
Haystack = dict[str, set[str]]


def found_in(text: str, words: Words = WORDS) -> set[str]:
    return {name for name, word in words.items() if word.search(text)}


def lines_with(text: str) -> list[str]:
    return [line[:300] for line in text.splitlines() if found_in(line)][:5]


def database(words: Words = WORDS) -> Haystack:
    """Which of the words each column of the server's database holds."""
    url = get_current_settings().server.database.connection_url
    assert url is not None
    file = url.get_secret_value().partition("///")[2].partition("?")[0]
    holds: Haystack = {}
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            columns = [column[0] for column in cursor.description]
            for row in cursor:
                for column, value in zip(columns, row, strict=True):
                    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
                    holds.setdefault(f"{table}.{column}", set()).update(found_in(text, words))
    return holds


def shown(error: BaseException) -> dict[str, str]:
    """An error in all the ways in which programs show and keep one, variables included."""
    console = rich.console.Console(file=io.StringIO(), width=400)
    trace = rich.traceback.Traceback.from_exception(
        type(error), error, error.__traceback__, show_locals=True, locals_max_string=10_000, locals_max_length=1000
    )
    console.print(trace)
    detailed = traceback.TracebackException.from_exception(error, capture_locals=True)
    output = console.file
    assert isinstance(output, io.StringIO)
    return {
        "text": str(error),
        "repr": repr(error) + repr(vars(error)),
        "pickle": pickle.dumps(error).decode("latin-1"),
        "traceback": "".join(detailed.format()),
        "rich traceback": output.getvalue(),
    }


def leaks(raised: Mapping[str, BaseException]) -> list[tuple[str, str, list[str]]]:
    """Where which errors show a secret; not in the test itself, whose variables every traceback shows."""
    found: list[tuple[str, str, list[str]]] = []
    for name, error in raised.items():
        for way, text in shown(error).items():
            # What is given for an id is a variable of Prefect's own.
            given = {"client secret", "card"} if "traceback" in way and name.endswith("for an id") else set[str]()
            if found_in(text) - given:
                found.append((name, way, lines_with(text)))
    return found


@pytest.fixture
def results(tmp_path: Path) -> Iterator[Path]:
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results"}):
        yield tmp_path / "results"


def files(folder: Path, words: Words = WORDS) -> Haystack:
    return {path.name: found_in(path.read_text("latin-1"), words) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def credentials(world: World) -> StripeCredentials:
    made = StripeCredentials(
        api_key=SecretStr(KEY), api_base=world.sandbox.url, max_retries=1, retry_budget_seconds=1, timeout_seconds=2
    )
    made.save("never-in-clear", overwrite=True)
    return made


def runs(world: World, credentials: StripeCredentials, folder: Path) -> dict[str, Callable[[], object]]:
    """Everything that runs, each going well, or wrong as it may."""
    orders = folder / "orders.csv"
    rows = ("B-1,b1@example.com,usd,Mug,1300,pm_card_visa", "B-2,b2@example.com,usd,Mug,1.3,pm_card_visa")
    orders.write_text(ROWS + "\n".join(rows))
    faults = world.sandbox.faults

    def secret_of_an_intent() -> str:
        data = credentials.get_client().call("create_payment_intent", params={"amount": 500, "currency": "usd"}).data
        return str(data["client_secret"])

    @flow
    def of_the_users_own() -> object:
        kept = create_payment_intent.with_options(persist_result=True, result_serializer="json")
        intent = kept(credentials, amount=1300, currency="usd")
        pickled = retrieve_payment_intent.with_options(persist_result=True, result_serializer="pickle")
        return pickled(credentials, intent["id"])["status"]

    @flow
    def with_a_secret_for_an_id() -> object:
        return retrieve_payment_intent(credentials, secret_of_an_intent())

    @flow
    def with_a_card_for_an_id() -> object:
        return retrieve_payment_method(credentials, CARD)

    @flow
    def with_a_wrong_key_of_its_own() -> object:
        return create_payment_intent(credentials, amount=1, currency="usd", idempotency_key="a\nb")

    @flow
    def without_an_answer() -> object:
        faults.add("reset", "before", operation="retrieve_payment_intent", times=None)
        return retrieve_payment_intent.with_options(retries=0)(credentials, "pi_1")

    def in_the_wrong_mode() -> object:
        return credentials.model_copy(update={"mode": "live"}).get_client()

    def lost(operation: str, order: dict[str, Any]) -> object:
        faults.add("close", "after", operation=operation, times=2)
        return invoice_lifecycle(world.order(**order), credentials)

    declined = {"external_id": "S-2", "payment_method": "pm_card_chargeCustomerFail", "on_decline": "fail"}
    given = [OperationParameter(name="amount", value="700"), OperationParameter(name="currency", value="usd")]
    return {
        "paid": lambda: lost("pay_invoice", {"external_id": "S-1"}),
        "declined": lambda: lost("create_invoice", declined),
        "held": lambda: payment_intent_lifecycle(
            world.payment(external_id="S-3", capture_method="manual", settlement="hold"), credentials
        ),
        "to be authenticated": lambda: payment_intent_lifecycle(
            world.payment(external_id="S-4", payment_method="pm_card_authenticationRequired"), credentials
        ),
        "a file": lambda: invoice_batch(str(orders), credentials),
        "any operation": lambda: run_operation("create_payment_intent", parameters=given, credentials=credentials),
        "the user's own": of_the_users_own,
        "a secret for an id": with_a_secret_for_an_id,
        "a card for an id": with_a_card_for_an_id,
        "a wrong key of its own": with_a_wrong_key_of_its_own,
        "without an answer": without_an_answer,
        "in the wrong mode": in_the_wrong_mode,
    }


def test_nothing_that_is_kept_or_shown_has_a_secret_in_it(
    world: World, credentials: StripeCredentials, results: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raised: dict[str, BaseException] = {}
    with caplog.at_level(logging.DEBUG):
        for name, run in runs(world, credentials, tmp_path).items():
            try:
                run()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
                raised[name] = error
        plant("the last of the log")
    assert {"declined", "a secret for an id", "a card for an id", "a wrong key of its own"} <= raised.keys()
    assert {"without an answer", "in the wrong mode"} <= raised.keys()
    assert not {"paid", "held", "a file", "any operation", "the user's own"} & raised.keys(), raised
    assert found_in(caplog.text) == set()
    assert leaks(raised) == []
    assert eventually(lambda: told("the last of the log"), bool)
    kept = files(results)
    assert len(kept) >= 3
    assert not {name: words for name, words in kept.items() if words}
    holds = database()
    assert {"log.message", "events.payload", "artifact.data", "flow_run.parameters", "task_run.name"} <= holds.keys()
    assert not {place: words for place, words in holds.items() if words}


def plant(said: str) -> None:
    """Have something logged, kept, shown and told, as a careless flow does."""

    @task(persist_result=True, result_serializer="json")
    def careless(said: str) -> str:
        return said

    @flow
    def planting(said: str) -> None:
        create_markdown_artifact(key="planted", markdown=said)
        emit_event("stripe.planted", resource={"prefect.resource.id": "stripe.planted"}, payload={"said": said})
        careless.with_options(task_run_name=said)(said)
        get_run_logger().info(said)

    planting(said)


def told(said: str) -> bool:
    """Whether what was planted is where it comes to last: behind the run's back, and in order."""
    words = {"said": re.compile(re.escape(said))}
    return all(database(words)[place] for place in ("log.message", "events.payload"))


def test_what_is_planted_is_found_in_each_place(results: Path, caplog: pytest.LogCaptureFixture) -> None:
    planted = " ".join(PLANTED.values())
    with caplog.at_level(logging.DEBUG):
        plant(planted)
    assert eventually(lambda: told(planted), bool)
    every = set(PLANTED)
    assert found_in(caplog.text, PLANTED_WORDS) == every
    assert every in files(results, PLANTED_WORDS).values()
    holds = database(PLANTED_WORDS)
    places = ("log.message", "artifact.data", "flow_run.parameters", "task_run.name", "events.payload")
    assert {place: holds[place] for place in places} == dict.fromkeys(places, every)

    def fails(variable: str) -> None:
        raise RuntimeError(variable)

    with pytest.raises(RuntimeError) as caught:
        fails(planted)
    assert {way: found_in(text, PLANTED_WORDS) for way, text in shown(caught.value).items()} == dict.fromkeys(
        shown(caught.value), every
    )
