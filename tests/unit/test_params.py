from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import stripe.params as sdk
from hypothesis import given
from hypothesis import strategies as st
from stripe import RequestOptions
from typing_extensions import is_typeddict

from prefect_stripe import params, schema
from prefect_stripe.schema import Shape, problems

ROOT = Path(__file__).parents[2]

OPERATIONS = """
    create_customer retrieve_customer update_customer delete_customer list_customers search_customers
    create_payment_link retrieve_payment_link update_payment_link list_payment_links list_payment_link_line_items
    create_price retrieve_price update_price list_prices search_prices
    create_product retrieve_product update_product delete_product list_products search_products
    create_invoice retrieve_invoice update_invoice delete_invoice list_invoices search_invoices list_invoice_line_items
    update_invoice_lines finalize_invoice send_invoice pay_invoice void_invoice mark_invoice_uncollectible
    preview_invoice list_preview_lines
    create_invoice_item retrieve_invoice_item update_invoice_item delete_invoice_item list_invoice_items
    create_payment_intent retrieve_payment_intent update_payment_intent list_payment_intents search_payment_intents
    confirm_payment_intent capture_payment_intent cancel_payment_intent increment_payment_intent_authorization
    verify_payment_intent_microdeposits apply_payment_intent_customer_balance
    retrieve_charge update_charge list_charges search_charges capture_charge
    retrieve_balance retrieve_balance_transaction list_balance_transactions
    update_invoice_line add_invoice_lines remove_invoice_lines list_invoice_payments
    attach_payment_method retrieve_payment_method list_customer_payment_methods list_subscriptions
    create_refund retrieve_refund list_refunds retrieve_payout list_payouts retrieve_event list_events
    fund_customer_cash_balance list_subscription_items
"""

REQUIRED = {
    "add_invoice_lines": {"lines"},
    "create_payment_intent": {"amount", "currency"},
    "create_payment_link": {"line_items"},
    "create_price": {"currency"},
    "create_product": {"name"},
    "fund_customer_cash_balance": {"amount", "currency"},
    "increment_payment_intent_authorization": {"amount"},
    "list_subscription_items": {"subscription"},
    "remove_invoice_lines": {"lines"},
    "search_charges": {"query"},
    "search_customers": {"query"},
    "search_invoices": {"query"},
    "search_payment_intents": {"query"},
    "search_prices": {"query"},
    "search_products": {"query"},
    "update_invoice_lines": {"lines"},
}

TIMES = """
    accepted_at arrival_date automatically_finalizes_at cancel_at created current_period_end current_period_start
    due_date effective_at end end_date expires_at gt gte lt lte proration_date start start_date timestamp trial_end
"""


def messages(operation: str, **given: object) -> list[str]:
    return [str(problem) for problem in problems(operation, given)]


def shapes(shape: Shape, name: str = "") -> Iterator[tuple[str, Shape]]:
    yield name, shape
    for inner in (*shape.alternatives, *([shape.item] if shape.item else [])):
        yield from shapes(inner, name)
    for field, inner in shape.fields.items():
        yield from shapes(inner, field)


# --- The generated module ---------------------------------------------------------------------------------------------


def test_the_module_is_what_the_installed_sdk_says() -> None:
    spec = spec_from_file_location("generate_params", ROOT / "scripts" / "generate_params.py")
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    sys.modules[spec.name] = script
    spec.loader.exec_module(script)
    assert (ROOT / "prefect_stripe" / "params.py").read_text() == script.generate()


def test_every_operation_is_there() -> None:
    assert schema.operations() == set(OPERATIONS.split())


def test_required_parameters_are_explicit() -> None:
    found = {name: set(schema.required(name)) for name in schema.operations() if schema.required(name)}
    assert found == REQUIRED


def test_names_and_necessity_are_those_of_the_sdk_at_run_time() -> None:
    # The script reads the SDK's source; this asks its classes.
    options = RequestOptions.__required_keys__ | RequestOptions.__optional_keys__ | {"expand"}
    for name in (name for name in dir(params) if "Params" in name):
        ours, theirs = getattr(params, name), getattr(sdk, name)
        apart = getattr(params, name.removesuffix("Params") + "Required", None)
        required = ours.__required_keys__ | (apart.__required_keys__ if apart else set())
        assert required == theirs.__required_keys__ - options, name
        assert ours.__optional_keys__ == theirs.__optional_keys__ - options, name


def test_only_deletes_take_no_expand() -> None:
    without = {name for name in schema.operations() if "expand" not in schema.parameters(name)}
    assert without == {"delete_customer", "delete_invoice", "delete_invoice_item", "delete_product"}


def test_request_options_are_no_parameters() -> None:
    for option in RequestOptions.__optional_keys__:
        assert messages("create_customer", **{option: "x"}) == [f"{option}: unknown parameter"]


def test_times_are_told_from_other_integers() -> None:
    found = {
        name
        for operation in schema.operations()
        for name, shape in shapes(schema.request(operation))
        if shape.kind == "timestamp"
    }
    assert found == set(TIMES.split())


def test_classes_are_typed_dicts_that_a_validator_can_use() -> None:
    # pydantic refuses those of `typing` before Python 3.12, and Prefect may ask it about a task's parameters.
    assert type(params.CustomerCreateParams).__module__ in ("typing_extensions", "typing")
    assert all(is_typeddict(one) for pair in params.OPERATION_PARAMS.values() for one in pair if one is not None)


def test_the_schema_loads_no_more_than_it_needs() -> None:
    code = (
        "import sys, prefect_stripe.schema;"
        "loaded = {'prefect', 'pandas', 'stripe', 'httpx', 'prefect_stripe.params'} & set(sys.modules);"
        "assert not loaded, loaded;"
        "prefect_stripe.schema.problems('create_customer', {});"
        "assert 'prefect_stripe.params' in sys.modules and 'stripe' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- Python values ----------------------------------------------------------------------------------------------------


def test_a_misspelt_parameter_is_named_with_the_nearest() -> None:
    assert messages("create_price", currency="eur", unit_amuont=500) == [
        "unit_amuont: unknown parameter; did you mean 'unit_amount'?"
    ]


def test_a_parameter_that_others_begin_with_is_told_all_of_them() -> None:
    assert messages("capture_payment_intent", amount=500) == [
        "amount: unknown parameter; did you mean 'amount_details' or 'amount_to_capture'?"
    ]


def test_a_misspelt_parameter_is_found_inside_lists_and_hashes() -> None:
    lines = [{"id": "il_1"}, {"id": "il_2", "price_data": {"currency": "eur", "unit_amont": 5}}]
    (problem,) = problems("update_invoice_lines", {"lines": lines})
    assert (problem.path, problem.code) == ("lines[1][price_data][unit_amont]", "unknown")
    assert problem.suggestion == "unit_amount"


def test_missing_parameters_are_named_at_every_level() -> None:
    found = problems("update_invoice_lines", {"lines": [{"period": {"start": 1}}]})
    assert [(problem.path, problem.code) for problem in found] == [
        ("lines[0][period][end]", "missing"),
        ("lines[0][id]", "missing"),
    ]
    assert [problem.path for problem in problems("create_payment_intent", {"amount": None})] == ["amount", "currency"]


@pytest.mark.parametrize("amount", [10.5, 10.0, Decimal("10.5"), "10.50"])
def test_an_amount_is_whole_minor_units(amount: object) -> None:
    (message,) = messages("create_payment_intent", amount=amount, currency="usd")
    assert message.startswith("amount: expected an integer, got ")
    assert "minor units" in message


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("create_price", {"currency": "eur", "unit_amount": True}),
        ("create_price", {"currency": "eur", "unit_amount": "500"}),
        ("create_price", {"currency": "eur", "active": 1}),
        ("create_price", {"currency": "eur", "active": "true"}),
        ("create_price", {"currency": 978}),
        ("create_price", {"currency": "eur", "unit_amount_decimal": 0.1}),
        ("create_price", {"currency": "eur", "unit_amount_decimal": "0,1"}),
        ("create_price", {"currency": "eur", "unit_amount_decimal": Decimal("NaN")}),
        ("create_price", {"currency": "eur", "unit_amount_decimal": True}),
        ("create_price", {"currency": "eur", "tiers": [{"up_to": "infinity"}]}),
        ("create_price", {"currency": "eur", "currency_options": {"usd": {"unit_amount": 1.5}}}),
        ("create_price", {"currency": "eur", "metadata": {"order": 1}}),
        ("create_price", {"currency": "eur", "metadata": {1: "order"}}),
        ("create_price", {"currency": "eur", "metadata": ["order"]}),
        ("create_price", {"currency": "eur", "recurring": "month"}),
        ("create_price", {"currency": "eur", "expand": "product"}),
        ("create_product", {"name": "x", "package_dimensions": {"height": "1", "length": 1, "weight": 1, "width": 1}}),
        ("create_invoice", {"due_date": date(2030, 1, 1)}),
        ("create_invoice", {"due_date": "2030-01-01"}),
        ("create_invoice", {"due_date": ""}),
        ("create_invoice", {"default_tax_rates": {"txr_1": True}}),
        ("list_customers", {"created": {"gte": 1.5}}),
        ("list_customers", {"created": True}),
        ("list_customers", {"created": [1]}),
        ("create_payment_intent", {"amount": 1, "currency": "usd", "off_session": 1}),
        ("verify_payment_intent_microdeposits", {"amounts": [0.32, 45]}),
        ("update_invoice_item", {"invoicing_rules": "x"}),
    ],
)
def test_a_wrong_type_is_one_problem(operation: str, given: dict[str, object]) -> None:
    (problem,) = problems(operation, given)
    assert problem.code == "invalid"
    assert problem.shape is not None


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("create_price", {"currency": "eur", "unit_amount": -5, "active": False, "expand": ["product"]}),
        ("create_price", {"currency": "eur", "unit_amount_decimal": Decimal("0.125")}),
        ("create_price", {"currency": "eur", "unit_amount_decimal": "0.125"}),
        ("create_price", {"currency": "eur", "unit_amount_decimal": 5}),
        ("create_price", {"currency": "eur", "tax_behavior": "a_value_of_next_year"}),
        ("create_price", {"currency": "eur", "tiers": ({"up_to": 5}, {"up_to": "inf"})}),
        ("create_price", {"currency": "eur", "currency_options": {"usd": {"unit_amount": 15}}}),
        ("create_product", {"name": "x", "package_dimensions": {"height": 1, "length": 1.5, "weight": 2, "width": 1}}),
        ("create_customer", {"address": "", "metadata": "", "name": "", "email": None, "shipping": None}),
        ("update_customer", {"metadata": {"order": "", "kept": None}}),
        ("create_invoice", {"due_date": datetime(2030, 1, 1, tzinfo=UTC), "expand": None}),
        ("update_invoice", {"effective_at": ""}),
        ("list_customers", {"created": {"gte": datetime(2030, 1, 1, tzinfo=UTC), "lt": 2}}),
        ("list_customers", {"created": 1}),
        ("create_payment_intent", {"amount": 1, "currency": "usd", "off_session": True}),
        ("create_payment_intent", {"amount": 1, "currency": "usd", "off_session": "recurring"}),
        ("preview_invoice", {"subscription_details": {"trial_end": "now"}}),
        ("update_invoice_item", {"invoicing_rules": ""}),
    ],
)
def test_what_stripe_takes_is_no_problem(operation: str, given: dict[str, object]) -> None:
    assert problems(operation, given) == []


@pytest.mark.parametrize("given", [{"created": datetime(2030, 1, 1)}, {"created": {"lt": datetime(2030, 1, 1)}}])  # noqa: DTZ001
def test_a_naive_datetime_is_refused_with_what_to_do(given: dict[str, object]) -> None:
    (problem,) = problems("list_invoices", given)
    assert "give it a time zone" in problem.message


@pytest.mark.parametrize("given", [{"created": pd.NaT}, {"created": {"lt": pd.NaT}}])
def test_a_missing_time_of_a_table_is_refused_with_what_to_do(given: dict[str, object]) -> None:
    (problem,) = problems("list_invoices", given)
    assert "not a time (NaT): leave it out" in problem.message


def test_problems_show_no_values() -> None:
    secret = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
    wrong: dict[str, object] = {
        "balance": secret,
        "address": secret,
        "preferred_locales": secret,
        "metadata": {"note": [secret]},
        "shipping": {"name": {"of": secret}, "address": {"line1": "", "lines": secret}},
        "tax": {"ip_address": {secret: 1}},
        "unknown": {"note": secret},
    }
    found = problems("create_customer", wrong)
    assert {problem.path.split("[")[0] for problem in found} == set(wrong)
    assert secret not in repr(found) + "".join(map(str, found))


def test_the_number_of_problems_is_bounded() -> None:
    many = {f"unknown_{number}": 1 for number in range(10_000)}
    assert len(problems("create_customer", many)) == schema.MAX_PROBLEMS
    assert len(problems("list_customers", {"created": many})) == schema.MAX_PROBLEMS


def test_neither_depth_nor_circles_exhaust_the_stack() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = {"metadata": deep}
    circle: dict[str, Any] = {}
    circle["shipping"] = circle["metadata"] = circle
    assert problems("create_customer", deep)
    assert problems("create_customer", circle)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text("a1.[]\x00\u0661", max_size=5),
    st.sampled_from(
        ["now", "inf", "true", Decimal("sNaN"), datetime.min, datetime.max.replace(tzinfo=UTC), b"", object()]  # noqa: DTZ901
    ),
)
NAMES = sorted({name for operation in schema.operations() for name, _ in shapes(schema.request(operation))})
JSON = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text("a[]", max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(st.data())
def test_nothing_makes_it_raise(data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from(sorted(schema.operations())))
    names = st.sampled_from(sorted({*schema.parameters(operation), "unknown"}))
    given = data.draw(st.dictionaries(names, JSON, max_size=6))
    for problem in problems(operation, given):
        assert str(problem)
        assert problem.path.split("[")[0] in {*given, *schema.required(operation)}
