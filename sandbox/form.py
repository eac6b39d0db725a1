"""Stripe's wire form: `a[b][0][c]=d`, decoded into nested dicts whose leaves are strings.

Whether a dict of numbered entries is a list or a hash is for the parameter's shape to say, so indexes stay keys here.
"""

from __future__ import annotations

import re
from typing import TypeAlias
from urllib.parse import parse_qsl

from prefect_stripe.sandbox.errors import Refusal, invalid

Form: TypeAlias = "dict[str, str | Form]"
Node: TypeAlias = "str | Form"

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_MAX_FIELDS = 10_000
_MOST_LEVELS = 50


def decode(*encoded: bytes | str) -> Form:
    """Decode query strings and bodies, in order, into one tree [RUN: what clients send; refusals K]."""
    form: Form = {}
    for part in encoded:
        for name, value in _pairs(part):
            match = _NAME.fullmatch(name)
            if match is None:
                raise invalid(f"Invalid parameter name: {name}", param=name)
            keys = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
            if len(keys) > _MOST_LEVELS:
                raise invalid(f"Invalid parameter name: {name[:100]}… is nested too deeply.", param=name[:100])
            _put(form, keys, value, name)
    return form


def _pairs(part: bytes | str) -> list[tuple[str, str]]:
    """Names and values; bytes that are no form are refused [K]."""
    try:
        text = part.decode() if isinstance(part, bytes) else part
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except (UnicodeDecodeError, ValueError) as error:
        raise Refusal(400, {"type": "invalid_request_error", "message": "Invalid request: malformed form."}) from error


def _put(form: Form, keys: list[str], value: str, name: str) -> None:
    """A name that is both a value and a hash is refused [K: strictest reading]."""
    node = form
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if key == "":
            key = _index(node, keys[depth + 1 :])
        if last:
            if isinstance(node.get(key), dict):
                raise invalid(f"Invalid request: {name} is both a value and a hash.", param=name)
            node[key] = value
            return
        child = node.setdefault(key, {})
        if not isinstance(child, dict):
            raise invalid(f"Invalid request: {name} is both a value and a hash.", param=name)
        node = child


def _index(node: Form, rest: list[str]) -> str:
    """Where `[]` points: to the last element while it lacks the key that follows, else to a new one."""
    last = node.get(str(len(node) - 1))
    if rest and isinstance(last, dict) and rest[0] and rest[0] not in last:
        return str(len(node) - 1)
    return str(len(node))


def below(path: str, name: str) -> str:
    """The name of a parameter inside a hash or a list, as Stripe writes it: `lines[0][amount]`."""
    return f"{path}[{name}]" if path else name
