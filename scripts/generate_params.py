"""Derive `prefect_stripe/params.py` from the TypedDicts of the installed `stripe` SDK.

    python scripts/generate_params.py

The SDK's source is parsed, not imported: its annotations name things that it never imports, so they cannot be resolved.

What becomes of a parameter:

- Required ones of an operation go into a TypedDict of their own (`PriceCreateRequired`), all others into the one with
  the SDK's name, so that a task has the former as explicit keywords and unpacks the latter.
- The SDK's request options (api_key, idempotency_key, ...) and `expand` are left out: the client has its own.
- An integer is a timestamp if its name says so (TIMESTAMP_NAME), which holds for the bounds of a range (gt, gte, lt,
  lte) too, since Stripe has them for times alone. An integer whose documentation speaks of a timestamp although its
  name does not stops the script, so that a newer SDK cannot get around this rule unseen.
- Types that are alike in all they contain are written once; the others' names are aliases.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

TARGET = Path(__file__).parent.parent / "prefect_stripe" / "params.py"

# Each operation and the SDK's class of its parameters, without that class's ending "Params".
OPERATIONS = {
    "create_customer": "CustomerCreate",
    "retrieve_customer": "CustomerRetrieve",
    "update_customer": "CustomerUpdate",
    "delete_customer": "CustomerDelete",
    "list_customers": "CustomerList",
    "search_customers": "CustomerSearch",
    "fund_customer_cash_balance": "CustomerFundCashBalance",
    "create_payment_link": "PaymentLinkCreate",
    "retrieve_payment_link": "PaymentLinkRetrieve",
    "update_payment_link": "PaymentLinkUpdate",
    "list_payment_links": "PaymentLinkList",
    "list_payment_link_line_items": "PaymentLinkLineItemList",
    "create_price": "PriceCreate",
    "retrieve_price": "PriceRetrieve",
    "update_price": "PriceUpdate",
    "list_prices": "PriceList",
    "search_prices": "PriceSearch",
    "create_product": "ProductCreate",
    "retrieve_product": "ProductRetrieve",
    "update_product": "ProductUpdate",
    "delete_product": "ProductDelete",
    "list_products": "ProductList",
    "search_products": "ProductSearch",
    "create_invoice": "InvoiceCreate",
    "retrieve_invoice": "InvoiceRetrieve",
    "update_invoice": "InvoiceUpdate",
    "delete_invoice": "InvoiceDelete",
    "list_invoices": "InvoiceList",
    "search_invoices": "InvoiceSearch",
    "list_invoice_line_items": "InvoiceLineItemList",
    "update_invoice_line": "InvoiceLineItemUpdate",
    "add_invoice_lines": "InvoiceAddLines",
    "update_invoice_lines": "InvoiceUpdateLines",
    "remove_invoice_lines": "InvoiceRemoveLines",
    "finalize_invoice": "InvoiceFinalizeInvoice",
    "send_invoice": "InvoiceSendInvoice",
    "pay_invoice": "InvoicePay",
    "void_invoice": "InvoiceVoidInvoice",
    "mark_invoice_uncollectible": "InvoiceMarkUncollectible",
    "list_invoice_payments": "InvoicePaymentList",
    "preview_invoice": "InvoiceCreatePreview",
    "list_preview_lines": "InvoiceLineItemList",
    "create_invoice_item": "InvoiceItemCreate",
    "retrieve_invoice_item": "InvoiceItemRetrieve",
    "update_invoice_item": "InvoiceItemUpdate",
    "delete_invoice_item": "InvoiceItemDelete",
    "list_invoice_items": "InvoiceItemList",
    "create_payment_intent": "PaymentIntentCreate",
    "retrieve_payment_intent": "PaymentIntentRetrieve",
    "update_payment_intent": "PaymentIntentUpdate",
    "list_payment_intents": "PaymentIntentList",
    "search_payment_intents": "PaymentIntentSearch",
    "confirm_payment_intent": "PaymentIntentConfirm",
    "capture_payment_intent": "PaymentIntentCapture",
    "cancel_payment_intent": "PaymentIntentCancel",
    "increment_payment_intent_authorization": "PaymentIntentIncrementAuthorization",
    "verify_payment_intent_microdeposits": "PaymentIntentVerifyMicrodeposits",
    "apply_payment_intent_customer_balance": "PaymentIntentApplyCustomerBalance",
    "retrieve_charge": "ChargeRetrieve",
    "update_charge": "ChargeUpdate",
    "list_charges": "ChargeList",
    "search_charges": "ChargeSearch",
    "capture_charge": "ChargeCapture",
    "retrieve_balance": "BalanceRetrieve",
    "retrieve_balance_transaction": "BalanceTransactionRetrieve",
    "list_balance_transactions": "BalanceTransactionList",
    "attach_payment_method": "PaymentMethodAttach",
    "retrieve_payment_method": "PaymentMethodRetrieve",
    "list_customer_payment_methods": "CustomerPaymentMethodList",
    "list_subscriptions": "SubscriptionList",
    "list_subscription_items": "SubscriptionItemList",
    "create_refund": "RefundCreate",
    "retrieve_refund": "RefundRetrieve",
    "list_refunds": "RefundList",
    "retrieve_payout": "PayoutRetrieve",
    "list_payouts": "PayoutList",
    "retrieve_event": "EventRetrieve",
    "list_events": "EventList",
}

TIMESTAMP_NAME = re.compile(r"(.+_)?(at|date|start|end)|created|timestamp|gte?|lte?")
TIMESTAMP_DOCUMENTATION = re.compile(r"\bunix\b|\btimestamp\b", re.IGNORECASE)

HEADER = '''\
"""The parameters of every operation, as Stripe names and types them.

Generated by scripts/generate_params.py from the official SDK, stripe {version}. Do not edit: run the script again.

`OPERATION_PARAMS` gives each operation the TypedDict of its optional parameters and, where it has any, the one of its
required parameters. `Literal['']` clears a field. Types that are alike in all they contain share one class.
"""

# fmt: off
# Annotations are left to be evaluated: as strings, each would cost a compilation on import.
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from typing_extensions import NotRequired, TypedDict

Timestamp: TypeAlias = int | datetime
"""Unix seconds, or a datetime with a time zone."""

DecimalNumber: TypeAlias = Decimal | int | str
"""A decimal number without loss: never a float."""
'''


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str
    required: bool

    def line(self, mark_optional: bool) -> str:
        marked = f"NotRequired[{self.type}]" if mark_optional and not self.required else self.type
        return f"    {self.name}: {marked}"


@dataclass(frozen=True)
class SdkClass:
    bases: tuple[str, ...]
    fields: tuple[tuple[str, ast.expr, str], ...]
    """Name, annotation and documentation of each."""


def sdk_classes() -> dict[str, SdkClass]:
    spec = find_spec("stripe")
    if spec is None or spec.origin is None:
        raise SystemExit("the stripe SDK is not installed")
    folder = Path(spec.origin).parent / "params"
    classes: dict[str, SdkClass] = {}
    for path in sorted([*folder.glob("*.py"), *folder.glob("test_helpers/_customer_*.py")]):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                bases = tuple(ast.unparse(base) for base in node.bases)
                classes[node.name] = SdkClass(bases, tuple(_fields(node.body)))
    return classes


def _fields(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr, str]]:
    for statement, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            documentation = ast.unparse(following) if isinstance(following, ast.Expr) else ""
            yield statement.target.id, statement.annotation, documentation


class Module:
    """The text of the module, each class written after all that it names."""

    def __init__(self, classes: Mapping[str, SdkClass]) -> None:
        self.classes = classes
        self.blocks: list[str] = []
        self.written: dict[str, str] = {}
        """The name that stands for each of the SDK's classes."""
        self.by_body: dict[str, str] = {}

    def operation(self, operation: str, sdk_name: str) -> str:
        """Write an operation's classes; its line in OPERATION_PARAMS."""
        name, required_name = f"{sdk_name}Params", f"{sdk_name}Required"
        parameters = list(self.parameters(name))
        expandable = any(parameter.name == "expand" for parameter in parameters)
        if expandable == operation.startswith("delete_"):
            raise SystemExit(f"{operation}: a delete takes no expand, all others do; the SDK now differs")
        required = [parameter for parameter in parameters if parameter.required]
        optional = [parameter for parameter in parameters if not parameter.required and parameter.name != "expand"]
        if name not in self.written:
            self.written[name] = name
            self.blocks.append(class_text(name, optional))
            if required:
                self.blocks.append(class_text(required_name, required))
        return f'    "{operation}": ({name}, {required_name if required else None}),'

    def nested(self, name: str) -> str:
        """The name of the class that stands for one of the SDK's nested classes, written if it was not yet."""
        if name not in self.written:
            parameters = list(self.parameters(name))
            body = class_text("", parameters)
            self.written[name] = self.by_body.setdefault(body, name)
            alike = self.written[name]
            self.blocks.append(class_text(name, parameters) if alike == name else f"{name} = {alike}")
        return self.written[name]

    def parameters(self, name: str) -> Iterator[Parameter]:
        sdk_class = self.classes[name]
        if sdk_class.bases not in (("TypedDict",), ("RequestOptions",)):
            raise SystemExit(f"{name}: bases {sdk_class.bases} are not understood")
        for field, annotation, documentation in sdk_class.fields:
            optional = isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "NotRequired"
            inner = annotation.slice if optional and isinstance(annotation, ast.Subscript) else annotation
            is_timestamp = TIMESTAMP_NAME.fullmatch(field) is not None
            type_text = self.type_text(inner, "Timestamp" if is_timestamp else "int")
            if "int" in type_text.split(" | ") and TIMESTAMP_DOCUMENTATION.search(documentation):
                raise SystemExit(f"{name}.{field}: a time by its documentation, an integer by its name")
            yield Parameter(field, type_text, not optional)

    def type_text(self, annotation: ast.expr, integer: str) -> str:
        # One order for all, since it differs between the SDK's classes that are alike: '' first, str last.
        members = set(self.members(annotation, integer))
        return " | ".join(sorted(members, key=lambda member: (member != "Literal['']", member == "str", member)))

    def members(self, annotation: ast.expr, integer: str) -> Iterator[str]:
        """Our text for each member of a union, or for the one type that it is."""
        match annotation:
            case ast.Constant(value=str(text)):
                yield from self.members(ast.parse(text, mode="eval").body, integer)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                yield from self.members(left, integer)
                yield from self.members(right, integer)
            case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=elements)):
                for element in elements:
                    yield from self.members(element, integer)
            case ast.Subscript(value=ast.Name(id="UntypedStripeObject")):
                pass
            case ast.Subscript(value=ast.Name(id="Literal")):
                yield ast.unparse(annotation)
            case ast.Subscript(value=ast.Name(id="List"), slice=item):
                yield f"list[{self.type_text(item, integer)}]"
            case ast.Subscript(value=ast.Name(id="Dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), value])):
                yield f"dict[str, {self.type_text(value, integer)}]"
            case ast.Name(id="int"):
                yield integer
            case ast.Name(id="Decimal"):
                yield "DecimalNumber"
            case ast.Name(id=name) if hasattr(builtins, name):
                yield name
            case ast.Name(id=name):
                yield self.nested(name)
            case _:
                raise SystemExit(f"not understood: {ast.unparse(annotation)}")


def class_text(name: str, parameters: Iterable[Parameter]) -> str:
    parameters = sorted(parameters, key=lambda parameter: parameter.name)
    reserved = [parameter.name for parameter in parameters if keyword.iskeyword(parameter.name)]
    if reserved:
        raise SystemExit(f"{name}: {reserved} are keywords of Python; write such a class with the functional syntax")
    required = [parameter for parameter in parameters if parameter.required]
    total = "" if required else ", total=False"
    lines = [parameter.line(mark_optional=bool(required)) for parameter in parameters] or ["    pass"]
    return "\n".join([f"class {name}(TypedDict{total}):", *lines])


def generate() -> str:
    module = Module(sdk_classes())
    rows = [module.operation(operation, sdk_name) for operation, sdk_name in OPERATIONS.items()]
    table = "\n".join(["OPERATION_PARAMS: dict[str, tuple[type, type | None]] = {", *rows, "}"])
    return "\n\n".join([HEADER.format(version=version("stripe")), *module.blocks, table]) + "\n"


if __name__ == "__main__":
    TARGET.write_text(generate())
