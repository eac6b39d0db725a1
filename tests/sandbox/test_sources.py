"""Each rule of the sandbox names where it is from: Stripe's pages, its SDK, what was seen, or only what is believed.

[DOC] Stripe's pages; [SDK], [CL] its Python SDK, and that one's changelog; [SPEC23] its OpenAPI description of 2023;
[RUN] the SDK, executed; [PROBE], [SIM], [3P] others' notes of what Stripe answered; [K] unconfirmed, and read as
strictly as can be; [own] what the sandbox refuses because it does not simulate it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SANDBOX = Path(__file__).parents[2] / "sandbox"
SOURCE = re.compile(r"\[[^\]]*\b(DOC|SDK|CL|SPEC23|RUN|PROBE|SIM|3P|K|own)\b[^\]]*\]")
FOR_ALL = re.compile(r"Refusals here: .*\[")
REFUSING = {
    "Refusal",
    "bad_request",
    "card_error",
    "invalid",
    "missing_parameter",
    "refusal",
    "refused",
    "unexpected_state",
}
NO_RULES = {"DAY", "MAX_BODY", "PIECES"}
"""Numbers that say nothing about Stripe."""
MODULES = sorted(path.relative_to(SANDBOX).as_posix() for path in SANDBOX.rglob("*.py"))
MODULES.remove("errors.py")  # makes what others raise


def _refuses(node: ast.stmt) -> bool:
    functions = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
    names = {
        function.attr if isinstance(function, ast.Attribute) else function.id
        for function in functions
        if isinstance(function, ast.Attribute | ast.Name)
    }
    return isinstance(node, ast.FunctionDef) and bool(names & REFUSING)


def _is_number(value: ast.expr | None) -> bool:
    if isinstance(value, ast.BinOp):
        return _is_number(value.left) and _is_number(value.right)
    return isinstance(value, ast.Constant) and type(value.value) is int


def rules(text: str) -> Iterator[tuple[str, str]]:
    """Each function of a module that refuses, and each number, with the lines that it is written in."""
    lines, module = text.splitlines(), ast.parse(text)
    said_for_all = bool(FOR_ALL.search(ast.get_docstring(module) or ""))
    for node in module.body:
        words = "\n".join(lines[node.lineno - 1 : node.end_lineno])
        if isinstance(node, ast.FunctionDef) and _refuses(node) and not said_for_all:
            yield node.name, words
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and _is_number(node.value):
            yield node.target.id, words


@pytest.mark.parametrize("module", MODULES)
def test_each_rule_names_its_source(module: str) -> None:
    found = rules((SANDBOX / module).read_text())
    assert [name for name, words in found if name not in NO_RULES and not SOURCE.search(words)] == []


def test_what_is_looked_at_is_what_refuses() -> None:
    seen = [name for module in MODULES for name, _ in rules((SANDBOX / module).read_text())]
    assert {"void_invoice", "capture_payment_intent", "delete_product", "MAX_ITEMS", "KEPT_SECONDS"} <= {*seen}
    assert len(seen) > 80
    assert not SOURCE.search('raise bad_request("No.", param="lines[0][id]")  # [x]')
