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


def _refuses(node: ast.AST) -> bool:
    functions = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
    names = {
        function.attr if isinstance(function, ast.Attribute) else function.id
        for function in functions
        if isinstance(function, ast.Attribute | ast.Name)
    }
    return bool(names & REFUSING)


def _refusals(function: ast.FunctionDef, lines: list[str]) -> Iterator[str]:
    """What is written of each refusal of a function: there, at the condition that it stands under, and for all."""
    said = [*lines[function.lineno - 1 : function.body[0].lineno - 1], ast.get_docstring(function) or ""]
    for around in ast.walk(function):
        for node in ast.iter_child_nodes(around):
            if isinstance(node, ast.stmt) and not hasattr(node, "body") and _refuses(node):
                condition = around.test if isinstance(around, ast.If) else node
                yield "\n".join([*said, *_written(condition, lines), *_written(node, lines)])


def _written(node: ast.expr | ast.stmt, lines: list[str]) -> list[str]:
    return lines[node.lineno - 1 : node.end_lineno]


def _is_number(value: ast.expr | None) -> bool:
    if isinstance(value, ast.BinOp):
        return _is_number(value.left) and _is_number(value.right)
    return isinstance(value, ast.Constant) and type(value.value) is int


def rules(text: str) -> Iterator[tuple[str, str]]:
    """Each refusal of a module, by its function, and each number, with what is written of it."""
    lines, module = text.splitlines(), ast.parse(text)
    said_for_all = bool(FOR_ALL.search(ast.get_docstring(module) or ""))
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and not said_for_all:
            yield from ((node.name, words) for words in _refusals(node, lines))
    for node in module.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and _is_number(node.value):
            yield node.target.id, "\n".join(_written(node, lines))


@pytest.mark.parametrize("module", MODULES)
def test_each_rule_names_its_source(module: str) -> None:
    found = rules((SANDBOX / module).read_text())
    assert [name for name, words in found if name not in NO_RULES and not SOURCE.search(words)] == []


def test_what_is_looked_at_is_what_refuses() -> None:
    seen = [name for module in MODULES for name, _ in rules((SANDBOX / module).read_text())]
    assert {"void_invoice", "capture_payment_intent", "delete_product", "MAX_ITEMS", "KEPT_SECONDS"} <= {*seen}
    assert len(seen) > 150
    assert not SOURCE.search('raise bad_request("No.", param="lines[0][id]")  # [x]')


def test_a_source_is_that_of_its_own_refusal() -> None:
    text = """
def act(ctx):
    if ctx.one:  # [DOC]
        raise bad_request("One.")
    if ctx.other:
        raise bad_request("Other.")
"""
    assert [bool(SOURCE.search(words)) for _, words in rules(text)] == [True, False]
