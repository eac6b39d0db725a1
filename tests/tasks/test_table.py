"""Every operation has its task, and every task is what the tables say: ids, parameters, retries, documentation."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any, cast, get_args

import pytest
from prefect import Task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr
from typing_extensions import get_type_hints

from prefect_stripe import StripeCredentials, tasks
from prefect_stripe import params as stripe_params
from prefect_stripe.client import OPERATIONS, APIError, Operation, ParameterError
from prefect_stripe.params import OPERATION_PARAMS
from prefect_stripe.schema import parameters

TASKS: Mapping[str, Task[..., Any]] = {name: getattr(tasks, name) for name in OPERATIONS}
TWINS: Mapping[str, Task[..., Any]] = {name: getattr(tasks, f"a{name}") for name in OPERATIONS}
MODULES: Mapping[str, tuple[str, ...]] = vars(tasks)["_MODULES"]
HOME: Mapping[str, str] = vars(tasks)["_HOME"]
FOLDER = Path(inspect.getfile(tasks)).parent

every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
every_task = pytest.mark.parametrize("task", [*TASKS.values(), *TWINS.values()], ids=lambda task: task.name)


def options(operation: Operation) -> set[str]:
    """Which of our own options a task takes, by what it does."""
    if operation.method == "DELETE":
        return {"stripe_account"}
    if operation.paging:
        return {"expand", "stripe_account", "max_items"}
    return {"expand", "stripe_account"} | ({"idempotency_key", "slot"} if operation.writes else set())


def required(operation: Operation) -> list[str]:
    own = OPERATION_PARAMS[operation.name][1]
    return list(get_type_hints(own)) if own else []


def signature(task: Task[..., Any]) -> inspect.Signature:
    return inspect.signature(task.fn)


def hints(task: Task[..., Any]) -> dict[str, Any]:
    function: Any = inspect.unwrap(task.fn)
    return get_type_hints(function, localns=vars(stripe_params), include_extras=True)


@every_operation
def test_a_task_takes_the_ids_first_then_what_stripe_requires_then_our_options(operation: Operation) -> None:
    given = signature(TASKS[operation.name]).parameters
    positional, keywords, rest = (
        [p.name for p in given.values() if p.kind == kind]
        for kind in (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
            inspect.Parameter.VAR_KEYWORD,
        )
    )
    assert positional == ["credentials", *operation.ids]
    assert keywords[: len(required(operation))] == required(operation)
    assert set(keywords[len(required(operation)) :]) == options(operation)
    assert rest == ["params"]
    without_default = {p.name for p in given.values() if p.default is p.empty and p.kind != p.VAR_KEYWORD}
    assert without_default == {"credentials", *operation.ids, *required(operation)}


@every_operation
def test_parameters_have_the_types_of_the_operation_and_of_no_other(operation: Operation) -> None:
    optional, own = OPERATION_PARAMS[operation.name]
    given = hints(TASKS[operation.name])
    assert get_args(given["params"]) == (optional,)
    expected = get_type_hints(own, include_extras=False) if own else {}
    assert {name: given[name] for name in expected} == expected
    assert [given[id_] for id_ in operation.ids] == [str for _ in operation.ids]


def test_no_parameter_of_stripe_has_the_name_of_an_option() -> None:
    for name, classes in OPERATION_PARAMS.items():
        for part in filter(None, classes):
            assert not {"credentials", "slot", "idempotency_key", "stripe_account", "max_items"} & {
                *part.__annotations__
            }, name


@every_operation
def test_what_a_task_wants_is_the_operation_of_its_name_with_all_that_was_given(operation: Operation) -> None:
    # Ids and parameters are declared twice a task, in the signature and in the call.
    credentials = StripeCredentials(api_key=SecretStr("sk_test_51Table"))
    ids = [f"id_{i}" for i, _ in enumerate(operation.ids)]
    keywords: dict[str, Any] = {name: object() for name in required(operation)}
    ours: dict[str, Any] = {"expand": ("a", "b"), "stripe_account": "acct_1", "slot": "s", "max_items": 3}
    ours = {**ours, "idempotency_key": "key"}
    ours = {name: ours[name] for name in options(operation)}
    function: Any = inspect.unwrap(TASKS[operation.name].fn)
    returned = function(credentials, *ids, **keywords, **ours, metadata={"a": "b"})
    wanted = cast(Any, next(returned) if inspect.isgenerator(returned) else returned)
    assert wanted.credentials is credentials
    assert (wanted.call.operation, wanted.call.ids) == (operation.name, tuple(ids))
    assert wanted.call.params == {**keywords, "metadata": {"a": "b"}}
    assert wanted.call.expand == ours.get("expand", ())
    assert wanted.call.idempotency_key == ours.get("idempotency_key")
    assert wanted.call.stripe_account == "acct_1"
    assert (wanted.slot, wanted.max_items) == (ours.get("slot"), ours.get("max_items"))


@every_operation
def test_the_twin_is_the_same_but_async(operation: Operation) -> None:
    task, twin = TASKS[operation.name], TWINS[operation.name]
    assert signature(twin) == signature(task)
    assert inspect.unwrap(twin.fn) is inspect.unwrap(task.fn)
    assert (task.name, twin.name) == (operation.name, f"a{operation.name}")
    assert (task.isasync, twin.isasync) == (False, True)
    assert inspect.iscoroutinefunction(twin.fn)
    assert not inspect.iscoroutinefunction(task.fn)


@every_task
def test_nothing_is_cached_and_only_what_may_pass_is_tried_again(task: Task[..., Any]) -> None:
    assert task.cache_policy is NO_CACHE
    assert task.retries == 2
    # A callable object in this place silently never retries.
    assert type(task.retry_condition_fn) is FunctionType
    assert isinstance(task.retry_delay_seconds, list)
    assert len(task.retry_delay_seconds) == task.retries
    assert task.retry_jitter_factor


class _Failed:
    def __init__(self, data: object) -> None:
        self.data = data


@pytest.mark.parametrize(
    ("failure", "again"),
    [
        (APIError("failed", retryable=True), True),
        (APIError("failed", retryable=False), False),
        (ParameterError("misspelt"), False),
        (ValueError("somebody's mistake"), False),
        (None, False),
    ],
)
def test_a_task_is_tried_again_only_if_stripe_may_answer_otherwise(failure: object, again: bool) -> None:
    condition: Any = tasks.create_customer.retry_condition_fn
    assert condition(None, None, _Failed(failure)) is again


@every_task
def test_it_can_be_used_as_any_task(task: Task[..., Any]) -> None:
    assert isinstance(task, Task)
    assert all(callable(getattr(task, way)) for way in ("submit", "map", "delay"))
    other = task.with_options(name="other", retries=0)
    assert (other.name, other.retries, other.task_run_name) == ("other", 0, task.task_run_name)


@every_operation
@pytest.mark.parametrize("prefix", ["", "a"])
def test_a_run_is_named_by_the_ids_and_by_nothing_that_may_be_personal(operation: Operation, prefix: str) -> None:
    task: Task[..., Any] = getattr(tasks, prefix + operation.name)
    if not operation.ids:
        assert task.task_run_name is None
        return
    given: dict[str, Any] = dict.fromkeys(signature(task).parameters, "jenny@example.com")
    name: Any = task.task_run_name
    assert name(parameters=given | {id_: f"{id_}_1" for id_ in operation.ids}) == " ".join(
        [prefix + operation.name, *(f"{id_}_1" for id_ in operation.ids)]
    )
    secrets = ("sk_test_51Secret", "pi_3AbCdEfGh_secret_XyZ123456", "4242424242424242", {"email": "jenny@example.com"})
    for secret in secrets:
        said = name(parameters=given | dict.fromkeys(operation.ids, secret))
        assert not any(word in said for word in ("51Secret", "XyZ123456", "424242424", "jenny"))


def sections(doc: str) -> dict[str, str]:
    """A docstring's parts by their titles, the part before the first as ''."""
    parts = re.split(r"^(Args|Returns|Raises|Example):$", doc, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


@every_operation
def test_the_docstring_tells_everything(operation: Operation) -> None:
    task = TASKS[operation.name]
    doc = sections(inspect.cleandoc(task.fn.__doc__ or ""))
    assert list(doc) == ["", "Args", "Returns", "Raises", "Example"]
    assert re.search(r'Stripe page: "[A-Z][^"]+"\.', doc[""])
    assert re.findall(r"^    (\**\w+): \S", doc["Args"], re.MULTILINE) == [
        name if name != "params" else "**params" for name in signature(task).parameters
    ]
    assert doc["Returns"].strip()
    assert "ParameterError:" in doc["Raises"]
    assert "    StripeError:" in doc["Raises"]
    assert f"def try_{operation.name}(credentials: StripeCredentials)" in doc["Example"]
    assert re.search(rf"\b{operation.name}\(", doc["Example"])


@every_operation
def test_the_docstring_tells_the_unit_of_what_is_money(operation: Operation) -> None:
    money = [name for name in parameters(operation.name) if re.search(r"(^|_)amounts?($|_to_)", name)]
    said = " ".join((TASKS[operation.name].fn.__doc__ or "").lower().split())
    assert not money or "minor unit" in said or "cents" in said, money


@every_operation
def test_the_docstring_of_an_action_tells_the_states_it_is_legal_in(operation: Operation) -> None:
    if operation.goal and operation.method == "POST":
        assert "\nLegal " in inspect.cleandoc(TASKS[operation.name].fn.__doc__ or "")


@every_operation
def test_a_documented_parameter_exists(operation: Operation) -> None:
    doc = sections(inspect.cleandoc(TASKS[operation.name].fn.__doc__ or ""))
    stripes_own = doc["Args"].split("**params:")[1]
    takes = {*get_type_hints(OPERATION_PARAMS[operation.name][0])}
    if not takes:
        assert stripes_own.strip() == "None: Stripe takes no others here."
    known = takes.union(*(parameters(operation.name)[name].choices for name in takes))
    assert set(re.findall(r"`([a-z_]+)`", stripes_own)) <= known


@every_operation
def test_what_is_said_of_default_keys_is_said_of_writes_alone(operation: Operation) -> None:
    doc = TASKS[operation.name].fn.__doc__ or ""
    assert ("idempotency_key:" in doc) == (operation.writes and operation.method == "POST")


def test_each_module_defines_what_the_package_says_it_does() -> None:
    for module, names in MODULES.items():
        within = vars(import_module(f"prefect_stripe.tasks.{module}"))
        made = {k: cast(Task[..., Any], v) for k, v in within.items() if isinstance(v, Task)}
        assert set(made) == {n for name in names for n in (name, f"a{name}")}, module
        assert all(v.name == k for k, v in made.items()), module
    assert [*MODULES] == sorted(MODULES)
    assert sorted(name for names in MODULES.values() for name in names) == sorted(OPERATIONS)
    without_tasks = {"__init__", "declaration", "forgotten", "goals", "identity"}
    assert {path.stem for path in FOLDER.glob("*.py")} == {*MODULES} | without_tasks


def test_editors_and_type_checkers_see_what_is_imported_late() -> None:
    tree = ast.parse((FOLDER / "__init__.py").read_text())
    late = next(node for node in tree.body if isinstance(node, ast.If))
    seen: dict[str, str] = {}
    for node in late.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name  # or it is not exported
            seen[alias.name] = str(node.module)
    assert seen == {name: f"prefect_stripe.tasks.{module}" for name, module in HOME.items()}
    assert {*seen} <= {*dir(tasks)}


def test_a_name_that_is_no_task_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="create_custmer"):
        getattr(tasks, "create_custmer")  # noqa: B009 - a type checker would say so first
