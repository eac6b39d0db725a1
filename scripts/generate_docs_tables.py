"""Derive the tables in the pages of `docs/` that repeat what the code declares: fields of models, and events.

    python scripts/generate_docs_tables.py

A page says where: between `<!-- table: NAME -->` and `<!-- end of table -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from prefect_stripe.client import OPERATIONS
from prefect_stripe.flows import InvoiceOrder, InvoiceOutcome, LineCorrection, OrderLine, PaymentOrder, PaymentOutcome
from prefect_stripe.flows.accounts import COLUMNS, DEFAULT
from prefect_stripe.flows.approvals import ApprovalLimit, Decision
from prefect_stripe.flows.close_report import CloseReport
from prefect_stripe.flows.extract import ExtractReport
from prefect_stripe.flows.receivables import AgeingReport
from prefect_stripe.flows.story import EVENTS, STATE_EVENTS
from prefect_stripe.flows.sync_ledger import SyncReport

Schema = dict[str, Any]

DOCS: Final = Path(__file__).parent.parent / "docs"

MARKED: Final = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def filled(text: str) -> str:
    """Return a page with its tables as they should be."""
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", text)


def fields(model: type[BaseModel]) -> str:
    """Return the table of a model's fields."""
    schema = model.model_json_schema()
    rows = [
        (
            f"`{name}`",
            _values(field),
            "required" if name in schema.get("required", ()) else _default(field.get("default")),
            field["description"],
        )
        for name, field in schema["properties"].items()
    ]
    return _table(("Field", "Values", "Default", "Meaning"), rows)


def facts(model: type[BaseModel]) -> str:
    """Return the table of what an outcome says."""
    return _table(
        ("Field", "Meaning"), [(f"`{name}`", field.description or "") for name, field in model.model_fields.items()]
    )


def chart() -> str:
    """Return the table of the accounts that are posted to where nobody says otherwise."""
    rows = [(f"`{posts}`", *account) for posts, account in DEFAULT.accounts.items()]
    return _table(tuple(f"`{column}`" for column in COLUMNS), rows)


def events(object_: str) -> str:
    """Return the table of the events that are emitted about one kind of object."""
    return _table(
        ("Event", "Emitted when this was done"), [(f"`{name}`", f"`{by}`") for name, by in _events_of(object_)]
    )


def _events_of(object_: str) -> Iterator[tuple[str, str]]:
    after: dict[str, list[str]] = {}
    for operation, event in EVENTS.items():
        after.setdefault(event, []).append(operation)
    for operation, states in STATE_EVENTS.items():
        for event in (*states.values(), "payment_failed"):
            after.setdefault(event, []).append(operation)
    for event, operations in after.items():
        if by := [operation for operation in operations if OPERATIONS[operation].object == object_]:
            yield f"stripe.{object_}.{event}", "`, `".join(by)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _values(field: Schema) -> str:
    for choice in field.get("anyOf", ()):
        if choice != {"type": "null"}:
            return _values(choice)
    if "enum" in field:
        return ", ".join(f"`{choice}`" for choice in field["enum"] if choice is not None)
    match field.get("format", field.get("type")):
        case "date-time":
            return "time with its zone"
        case "integer":
            return "whole number" + _limits(
                # Where an integer may be left out, pydantic writes its bounds down under its own names.
                field.get("minimum", field.get("ge")),
                field.get("maximum", field.get("le")),
            )
        case "string":
            return "text" + _limits(field.get("minLength"), field.get("maxLength"), " characters")
        case "array" if "prefixItems" in field:
            return f"{len(field['prefixItems'])} whole numbers"
        case "array":
            model = field["items"]["$ref"].rpartition("/")[2]
            return f"list of `{model}`" + _limits(field.get("minItems"), field.get("maxItems"))
        case other:
            raise ValueError(f"no words for {other}: {field}")


def _limits(least: int | None, most: int | None, unit: str = "") -> str:
    if least == most:
        return "" if least is None else f", {least}{unit}"
    if most is None:
        return f", at least {least}{unit}"
    return f", at most {most}{unit}" if least is None else f", {least} to {most}{unit}"


def _default(value: object) -> str:
    return "" if value is None else f"`{value}`"


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    **{
        model.__name__: partial(fields, model)
        for model in (InvoiceOrder, OrderLine, LineCorrection, PaymentOrder, ApprovalLimit, Decision)
    },
    **{model.__name__: partial(facts, model) for model in (InvoiceOutcome, PaymentOutcome)},
    **{model.__name__: partial(facts, model) for model in (CloseReport, SyncReport, AgeingReport, ExtractReport)},
    "chart": chart,
    "invoice_events": partial(events, "invoice"),
    "payment_intent_events": partial(events, "payment_intent"),
}


if __name__ == "__main__":
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
