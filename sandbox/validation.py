"""A decoded form held against what the operation takes, and turned into typed values: the only user of the schema.

All of it happens before execution begins, so that what is refused here is not kept under an idempotency key [DOC].
'' clears a field and arrives as None. Enums are closed here, though the SDK's types leave them open [K: strictest].

Refusals here: what there is, what is required and of which type [SDK]; codes [SDK]; texts [K].
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final

from prefect_stripe.money import CURRENCIES
from prefect_stripe.sandbox.errors import Refusal, invalid, missing_parameter
from prefect_stripe.sandbox.form import Form, Node, below
from prefect_stripe.schema import Shape, request

MAX_STRING: Final = 5000  # [SPEC23]
# [SPEC23, SDK], by operation and name, or the last parts of the parameter's name.
MAX_LENGTHS: Final[Mapping[str, int]] = {
    "email": 512,
    "receipt_email": 512,
    "phone": 20,
    "unit_label": 12,
    "statement_descriptor": 22,
    "statement_descriptor_suffix": 22,
    "lookup_key": 200,
    "create_product.description": 40000,
    "update_product.description": 40000,
    "create_invoice.description": 1500,
    "update_invoice.description": 1500,
    "create_payment_intent.description": 1000,
    "update_payment_intent.description": 1000,
    "create_customer.name": 256,
    "update_customer.name": 256,
    "number": 26,
    "business_name": 150,
    "individual_name": 150,
    "custom_fields.name": 40,
    "custom_fields.value": 140,
    "marketing_features.name": 80,
}
MAX_ELEMENTS: Final[Mapping[str, int]] = {  # [SDK], by the same names
    "custom_fields": 4,
    "create_payment_link.custom_fields": 3,
    "update_payment_link.custom_fields": 3,
    "images": 8,
    "lookup_keys": 10,
    "marketing_features": 15,
    "optional_items": 10,
    "list_events.types": 20,
}
# Strings that name something: '' would name nothing, and they have no way to be unset.
_NAMES: Final = frozenset(
    {
        "currency",
        "customer",
        "invoice",
        "price",
        "product",
        "payment_method",
        "id",
        "query",
        "page",
        "starting_after",
        "ending_before",
        "invoice_item",
        "invoiceitem",
        "subscription",
        "charge",
        "payment_intent",
        "source",
        "on_behalf_of",
    }
)
_INDEX: Final = re.compile(r"\d{1,9}", re.ASCII)
_INTEGER: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?(\d{1,18}(\.\d*)?|\.\d+)", re.ASCII)
MAX_DECIMAL_PLACES: Final = 12  # [SDK]


def coerce(operation: str, form: Form) -> dict[str, Any]:
    """Return the typed parameters of an operation, or refuse as Stripe does."""
    shape = request(operation)
    _refuse_unknown(shape, form, "")
    typed: dict[str, Any] = _hash(operation, shape, form, "")
    return typed


def _refuse_unknown(shape: Shape, form: Form, path: str) -> None:
    unknown = [name for name in form if name not in shape.fields]
    if not unknown:
        return
    names = [below(path, name) for name in unknown]
    near = get_close_matches(unknown[0], shape.fields, n=1, cutoff=0.7)
    hint = f". Did you mean {near[0]}?" if near and len(unknown) == 1 else ""
    plural = "s" if len(unknown) > 1 else ""
    if unknown == ["payment_method_types"] and "allowed_payment_method_types" in shape.fields:  # [DOC]
        raise invalid(
            "The `payment_method_types` parameter is no longer supported. Use `allowed_payment_method_types` instead.",
            code="payment_method_types_no_longer_supported",
            param=names[0],
        )
    raise invalid(
        f"Received unknown parameter{plural}: {', '.join(names)}{hint}", code="parameter_unknown", param=names[0]
    )


def _value(operation: str, shape: Shape, value: Node, path: str) -> Any:
    if value == "" and shape.clearable:
        return None
    return _KINDS[shape.kind](operation, shape, value, path)


def _hash(operation: str, shape: Shape, value: Node, path: str) -> Any:
    if not isinstance(value, dict):
        raise invalid("Invalid object", param=path)
    _refuse_unknown(shape, value, path)
    for name in sorted(shape.required):
        if name not in value:
            raise missing_parameter(below(path, name), saved=False)
        if value[name] == "":
            raise _empty(below(path, name))
    return {name: _value(operation, shape.fields[name], item, below(path, name)) for name, item in value.items()}


def _map(operation: str, shape: Shape, value: Node, path: str) -> Any:
    if not isinstance(value, dict) or shape.item is None:
        raise invalid("Invalid object", param=path)
    if path.endswith("metadata"):
        return metadata(value, path)
    if path.endswith("currency_options"):
        value = {currency(code, path): item for code, item in value.items()}
    return {name: _value(operation, shape.item, item, below(path, name)) for name, item in value.items()}


def _list(operation: str, shape: Shape, value: Node, path: str) -> Any:
    if not isinstance(value, dict) or shape.item is None or not all(map(_INDEX.fullmatch, value)):
        raise invalid("Invalid array", param=path)
    most = _limit(MAX_ELEMENTS, operation, path)
    if most is not None and len(value) > most:
        raise invalid(f"Array {path} exceeded maximum {most} allowed elements.", param=path)
    ordered = sorted(value.items(), key=lambda entry: int(entry[0]))
    return [_value(operation, shape.item, item, f"{path}[{index}]") for index, item in ordered]


def _names(path: str) -> list[str]:
    """The parts of a parameter's name that are no numbers."""
    return [name for name in re.findall(r"[^\[\]]+", path) if not name.isdecimal()] or [path]


def _limit(limits: Mapping[str, int], operation: str, path: str) -> int | None:
    names = _names(path)
    for known in (f"{operation}.{path}", ".".join(names[-2:]), names[-1]):
        if known in limits:
            return limits[known]
    return None


def _union(operation: str, shape: Shape, value: Node, path: str) -> Any:
    refused: Refusal | None = None
    for one in shape.alternatives:
        if (one.kind in ("hash", "map")) != isinstance(value, dict):
            continue
        try:
            return _value(operation, one, value, path)
        except Refusal as error:
            refused = error
    raise refused or invalid("Invalid object", param=path)


def _string(operation: str, shape: Shape, value: Node, path: str) -> Any:
    text = _leaf(value, path, "string")
    name = _names(path)[-1]
    if text == "":
        if name in _NAMES:
            raise _empty(path)
        return None
    if name == "currency":
        return currency(text, path)
    longest = _limit(MAX_LENGTHS, operation, path) or MAX_STRING
    if len(text) > longest:
        raise invalid(f"Invalid string: {text[:10]}...{text[-4:]}; must be at most {longest} characters", param=path)
    if name in {"email", "receipt_email"} and not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise invalid(f"Invalid email address: {text}", code="email_invalid", param=path)
    if name == "statement_descriptor" and not re.fullmatch(r"[^<>\\\"']*[A-Za-z][^<>\\\"']*", text):
        raise invalid("A statement descriptor has a letter at least, and none of < > \\ ' \".", param=path)
    return text


def _boolean(operation: str, shape: Shape, value: Node, path: str) -> bool:
    text = _filled(value, path, "boolean")
    if text not in ("true", "false"):
        raise invalid(f"Invalid boolean: {text}", param=path)
    return text == "true"


def _integer(operation: str, shape: Shape, value: Node, path: str) -> int:
    text = _filled(value, path, "integer")
    if not _INTEGER.fullmatch(text):
        raise invalid(f"Invalid integer: {text}", code="parameter_invalid_integer", param=path)
    number = int(text)
    if path == "limit":
        bounds(number, path, 1, 100)
    return number


def _number(operation: str, shape: Shape, value: Node, path: str) -> float:
    text = _filled(value, path, "decimal")
    if not _DECIMAL.fullmatch(text):
        raise invalid(f"Invalid decimal: {text}", param=path)
    return float(text)


def _decimal(operation: str, shape: Shape, value: Node, path: str) -> Decimal:
    text = _filled(value, path, "decimal")
    if not _DECIMAL.fullmatch(text):
        raise invalid(f"Invalid decimal: {text}", param=path)
    _, _, places = text.partition(".")
    if len(places) > MAX_DECIMAL_PLACES:  # [SDK]
        raise invalid(
            f"Invalid decimal: {text}; must contain at maximum {MAX_DECIMAL_PLACES} decimal places.", param=path
        )
    return Decimal(text)


def _enum(operation: str, shape: Shape, value: Node, path: str) -> Any:
    text = _filled(value, path, "string")
    if text not in shape.choices:
        *most, last = shape.choices or ("''",)  # that which can only be cleared
        names = f"{', '.join(most)}, or {last}" if len(most) > 1 else " or ".join((*most, last))
        raise invalid(f"Invalid {path}: must be one of {names}", param=path)
    return text


_KINDS: Mapping[str, Callable[[str, Shape, Node, str], Any]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "decimal": _decimal,
    "boolean": _boolean,
    "timestamp": _integer,
    "enum": _enum,
    "list": _list,
    "map": _map,
    "hash": _hash,
    "union": _union,
}


def _leaf(value: Node, path: str, kind: str) -> str:
    if not isinstance(value, str):
        raise invalid(f"Invalid {kind}: {{…}}", param=path)
    return value


def _filled(value: Node, path: str, kind: str) -> str:
    if _leaf(value, path, kind) == "":
        raise _empty(path)
    return str(value)


def _empty(path: str) -> Refusal:
    return invalid(
        f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter; however "
        f"'{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty value.",
        code="parameter_invalid_empty",
        param=path,
    )


def currency(code: str, path: str) -> str:
    """A currency's code in lower case, as Stripe keeps it; capitals are taken [K]."""
    if code.lower() not in CURRENCIES:
        raise invalid(
            f"Invalid currency: {code}. Stripe currently supports these currencies: {', '.join(sorted(CURRENCIES))}",
            param=path,
        )
    return code.lower()


def bounds(number: int, path: str, least: int, most: int | None = None) -> None:
    """Refuse an integer out of its bounds."""
    if number < least:
        raise invalid(
            f"This value must be greater than or equal to {least}.", code="parameter_invalid_integer", param=path
        )
    if most is not None and number > most:
        raise invalid(f"This value must be less than or equal to {most}.", code="parameter_invalid_integer", param=path)


def metadata(given: Mapping[str, Any], path: str) -> dict[str, str]:
    """Metadata's own limits: 50 keys of 40 characters without square brackets, values of 500 [K]."""
    for key, value in given.items():
        if not isinstance(value, str):
            raise invalid(
                "Metadata values must be strings, but for key `" + key + "` you passed in a hash.",
                param=below(path, key),
            )
        if len(key) > 40:
            raise invalid(
                f"Metadata keys can have up to 40 characters, but you passed in a key that is {len(key)} characters. "
                f"Invalid key: {key}",
                param=path,
            )
        if len(value) > 500:
            raise invalid(
                f"Metadata values can have up to 500 characters, but you passed in a value that is {len(value)} "
                f"characters. Invalid value: {value}",
                param=below(path, key),
            )
    return dict(given)


def merged_metadata(old: Mapping[str, str], given: Mapping[str, str] | None) -> dict[str, str]:
    """Metadata after an update: merged by key, '' deletes a key, and clearing the whole deletes all [K]."""
    if given is None:
        return {}
    whole = {**old, **given}
    kept = {key: value for key, value in whole.items() if value != ""}
    if len(kept) > 50:
        raise invalid("You can only have up to 50 metadata keys on an object.", param="metadata")
    return kept
