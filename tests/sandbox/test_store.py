"""Tables against a plain list, and changes that are undone whole."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
from hypothesis import given
from hypothesis import strategies as st

from prefect_stripe.sandbox import Sandbox
from prefect_stripe.sandbox.store import Table

steps = st.lists(
    st.tuples(st.sampled_from(["put", "change", "remove"]), st.integers(0, 9), st.sampled_from(["a", "b", None])),
    max_size=40,
)


@given(steps)
def test_a_table_walks_as_a_list_would(steps: list[tuple[str, int, str | None]]) -> None:
    table, model = Table("price"), dict[str, dict[str, Any]]()
    order: list[str] = []
    for what, number, product in steps:
        id = str(number)
        if what == "put" and id not in order:
            row = {"id": id, "product": product, "lookup_key": None}
            table.put(row)
            order.append(id)
            model[id] = row
        elif what == "change" and id in model:
            table.change(model[id], {"product": product})
        elif what == "remove" and id in model:
            table.remove(id)
            del model[id]
    for value in ("a", "b"):
        wanted = [id for id in order if id in model and model[id]["product"] == value]
        assert [row["id"] for row in table.oldest_first("product", value)] == wanted
        assert [row["id"] for row in table.newest_first("product", value)] == wanted[::-1]
    living = [id for id in order if id in model]
    assert [row["id"] for row in table.newest_first()] == living[::-1]
    for at, id in enumerate(living):
        assert [row["id"] for row in table.beyond(id, None, None, backwards=True)] == living[:at][::-1]
        assert [row["id"] for row in table.beyond(id, None, None, backwards=False)] == living[at + 1 :]


def contents(sandbox: Sandbox) -> bytes:
    (account,) = sandbox.app.store.accounts.values()
    tables = {name: table.rows for name, table in account.tables.items() if table.rows}
    return orjson.dumps(tables, default=repr, option=orjson.OPT_SORT_KEYS)


def test_a_refusal_half_way_leaves_everything_as_it_was(http: httpx.Client, sandbox: Sandbox, customer: str) -> None:
    invoice = http.post("/v1/invoices", data={"customer": customer, "currency": "usd"}).json()["id"]
    form = {"lines[0][amount]": "500", "lines[1][amount]": "600"}
    lines = http.post(f"/v1/invoices/{invoice}/add_lines", data=form).json()["lines"]["data"]
    before = contents(sandbox)
    bad = {"id": "il_none", "amount": "1"}
    for action, given_lines in (
        ("add_lines", [{"amount": "1"}, {"pricing][price": "price_none"}]),
        ("update_lines", [{"id": lines[0]["id"], "quantity": "7"}, bad]),
        ("remove_lines", [{"id": lines[0]["id"], "behavior": "delete"}, {"id": "il_none", "behavior": "delete"}]),
        ("remove_lines", [{"id": lines[1]["id"], "behavior": "unassign"}, {"id": "il_none", "behavior": "delete"}]),
    ):
        body = {f"lines[{n}][{name}]": value for n, line in enumerate(given_lines) for name, value in line.items()}
        assert http.post(f"/v1/invoices/{invoice}/{action}", data=body).status_code == 400
        assert contents(sandbox) == before


def test_an_amount_that_cannot_be_charged_leaves_a_draft(http: httpx.Client, sandbox: Sandbox, customer: str) -> None:
    invoice = http.post("/v1/invoices", data={"customer": customer, "currency": "kwd"}).json()["id"]
    http.post("/v1/invoiceitems", data={"customer": customer, "invoice": invoice, "amount": 1255, "currency": "kwd"})
    before = contents(sandbox)
    assert http.post(f"/v1/invoices/{invoice}/finalize").status_code == 400
    assert contents(sandbox) == before
    assert http.get(f"/v1/invoices/{invoice}").json()["number"] is None
