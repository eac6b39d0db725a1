"""One flow that runs any operation by its name: for the UI, where a person starts what no other flow covers."""

# No postponed annotations here: Prefect loads a served flow by its file, as a module that they cannot be resolved in.

from typing import Annotated, Final, Literal

import orjson
from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact

import prefect_stripe.tasks
from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.client import OPERATIONS, ParameterError
from prefect_stripe.flows.forms import plain_form, titled
from prefect_stripe.flows.operation_parameters import OperationParameter, typed_parameters
from prefect_stripe.schema import problems
from prefect_stripe.tasks.declaration import StripeObject

# Written out, so that editors and forms know the choices; a test holds it to the table of operations.
OperationName = Literal[
    "add_invoice_lines",
    "apply_payment_intent_customer_balance",
    "attach_payment_method",
    "cancel_payment_intent",
    "capture_charge",
    "capture_payment_intent",
    "confirm_payment_intent",
    "create_customer",
    "create_invoice",
    "create_invoice_item",
    "create_payment_intent",
    "create_payment_link",
    "create_price",
    "create_product",
    "create_refund",
    "delete_customer",
    "delete_invoice",
    "delete_invoice_item",
    "delete_product",
    "finalize_invoice",
    "fund_customer_cash_balance",
    "increment_payment_intent_authorization",
    "list_balance_transactions",
    "list_charges",
    "list_customer_payment_methods",
    "list_customers",
    "list_events",
    "list_invoice_items",
    "list_invoice_line_items",
    "list_invoice_payments",
    "list_invoices",
    "list_payment_intents",
    "list_payment_link_line_items",
    "list_payment_links",
    "list_payouts",
    "list_preview_lines",
    "list_prices",
    "list_products",
    "list_refunds",
    "list_subscription_items",
    "list_subscriptions",
    "mark_invoice_uncollectible",
    "pay_invoice",
    "preview_invoice",
    "remove_invoice_lines",
    "retrieve_balance",
    "retrieve_balance_transaction",
    "retrieve_charge",
    "retrieve_customer",
    "retrieve_event",
    "retrieve_invoice",
    "retrieve_invoice_item",
    "retrieve_payment_intent",
    "retrieve_payment_link",
    "retrieve_payment_method",
    "retrieve_payout",
    "retrieve_price",
    "retrieve_product",
    "retrieve_refund",
    "search_charges",
    "search_customers",
    "search_invoices",
    "search_payment_intents",
    "search_prices",
    "search_products",
    "send_invoice",
    "update_charge",
    "update_customer",
    "update_invoice",
    "update_invoice_item",
    "update_invoice_line",
    "update_invoice_lines",
    "update_payment_intent",
    "update_payment_link",
    "update_price",
    "update_product",
    "verify_payment_intent_microdeposits",
    "void_invoice",
]

MOST_ROWS: Final = 500
"""How many items of a list the artifact shows; the flow returns all of them."""


@plain_form
@flow(name="run-operation", flow_run_name="{operation}", persist_result=False)
def run_operation(
    operation: Annotated[OperationName, titled("Operation")],
    ids: Annotated[list[str], titled("Ids")] = [],  # noqa: B006 - never changed, and a form shows it as an empty list
    parameters: Annotated[list[OperationParameter], titled("Parameters")] = [],  # noqa: B006
    credentials: Annotated[StripeCredentials | None, titled("Stripe account")] = None,
    max_items: Annotated[int, titled("Most items", ge=0)] = 100,
) -> StripeObject | list[StripeObject]:
    """Run one operation of the Stripe API, and show what it answered.

    The run is the business: running it again is another write, and retrying this run is the same one.

    Args:
        operation: What to do.
        ids: Ids of the objects it is done to, in the order of their names in the API's path; often one, or none.
        parameters: Stripe's parameters, by Stripe's names; amounts in minor units.
        credentials: The Stripe account to use. Empty means the worker's STRIPE_API_KEY and other STRIPE_ variables.
        max_items: How many items of a list or a search at the most. 0 means all.

    Returns:
        The object, or the items of a list or a search.

    Raises:
        ParameterError: A wrong number of ids, or a parameter that the operation does not take; nothing was sent.
        StripeError: Stripe refused, failed, or could not be reached.

    Example:
        ```python
        from prefect_stripe import StripeCredentials
        from prefect_stripe.flows import OperationParameter, run_operation

        run_operation(
            "create_product",
            parameters=[OperationParameter(name="name", value="Coffee, 1 kg")],
            credentials=StripeCredentials.load("BLOCK_NAME"),
        )
        ```
    """
    row = OPERATIONS[operation]
    if len(ids) != len(row.ids):
        raise ParameterError(f"{operation} takes {len(row.ids)} ids ({', '.join(row.ids) or 'none'}), not {len(ids)}")
    params = typed_parameters(operation, parameters)
    # The task would refuse them too, but a missing one in Python's words.
    if found := problems(operation, params):
        raise ParameterError("; ".join(map(str, found[:5])), operation=operation, ids=tuple(ids))
    if row.paging is not None:
        params["max_items"] = max_items or None
    task = getattr(prefect_stripe.tasks, operation)
    result: StripeObject | list[StripeObject] = task(
        credentials or StripeCredentials.from_environment(), *ids, **params
    )
    if isinstance(result, list):
        _show_items(operation, result, max_items)
    else:
        _show_object(operation, result)
    return result


def _show_object(operation: str, result: StripeObject) -> None:
    text = orjson.dumps(result, option=orjson.OPT_INDENT_2).decode()
    title = " ".join(str(result[name]) for name in ("object", "id", "status") if result.get(name)) or "nothing"
    create_markdown_artifact(key=_key(operation), markdown=f"**{title}**\n\n```json\n{text}\n```", description=title)


def _show_items(operation: str, items: list[StripeObject], max_items: int) -> None:
    rows = [{name: value for name, value in item.items() if not isinstance(value, dict | list)} for item in items]
    shown = f", the first {MOST_ROWS} shown" if len(items) > MOST_ROWS else ""
    more = ", as many as were asked for: there may be more" if len(items) == max_items > 0 else ""
    create_table_artifact(key=_key(operation), table=rows[:MOST_ROWS], description=f"{len(items)} items{shown}{more}")


def _key(operation: str) -> str:
    return "stripe-" + operation.replace("_", "-")
