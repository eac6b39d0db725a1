"""The credentials block: its form, its messages, the environment, and that no key leaves it by accident."""

from __future__ import annotations

import copy
import json
import os
import pickle
from typing import Any

import cloudpickle  # pyright: ignore[reportMissingTypeStubs]
import pytest
from prefect import flow, task
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites.blocks import BlockStandardTestSuite
from prefect.utilities.hashing import hash_objects
from pydantic import SecretStr, TypeAdapter, ValidationError

import prefect_stripe
from prefect_stripe.blocks import StripeCredentials
from prefect_stripe.blocks.settings import StripeSettings
from prefect_stripe.client import API_BASE, API_VERSION, AsyncStripeClient, AuthenticationError, StripeClient

KEY = "sk_test_51CredentialsKey"


@pytest.fixture(autouse=True)
def _no_stripe_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("STRIPE_")]:
        monkeypatch.delenv(name)


class TestStandards(BlockStandardTestSuite):
    @pytest.fixture
    def block(self) -> type[Block]:
        return StripeCredentials

    # It would download the logo.
    test_has_a_valid_image: Any = None


def test_every_field_has_a_title_and_only_the_key_is_required() -> None:
    schema = StripeCredentials.model_json_schema()
    assert schema["required"] == ["api_key"]
    assert schema["secret_fields"] == ["api_key"]
    assert all(field.title and field.description for field in StripeCredentials.model_fields.values())
    assert StripeCredentials.get_block_type_slug() == "stripe-credentials"


def test_the_package_shows_it_where_prefect_looks_for_it() -> None:
    assert prefect_stripe.StripeCredentials is StripeCredentials


def test_the_key_is_all_it_takes() -> None:
    config = StripeCredentials(api_key=SecretStr(KEY)).config()
    assert (config.api_key, config.mode, config.api_base, config.api_version) == (KEY, "test", API_BASE, API_VERSION)
    assert config.stripe_account is None
    assert not config.allow_live_writes


def test_every_setting_reaches_the_client() -> None:
    config = StripeCredentials(
        api_key=SecretStr("sk_live_51CredentialsKey"),
        mode="live",
        api_base="http://127.0.0.1:12111",
        stripe_account="acct_1",
        api_version="2026-01-01.test",
        timeout_seconds=1.5,
        connect_timeout_seconds=2.5,
        max_retries=7,
        retry_budget_seconds=3.5,
        requests_per_second=4.5,
        allow_live_writes=True,
    ).config()
    assert (config.mode, config.api_base, config.stripe_account) == ("live", "http://127.0.0.1:12111", "acct_1")
    assert (config.api_version, config.timeout, config.connect_timeout) == ("2026-01-01.test", 1.5, 2.5)
    assert (config.retries.max_retries, config.retries.budget) == (7, 3.5)
    assert (config.requests_per_second, config.allow_live_writes) == (4.5, True)


def test_clients_come_in_both_kinds() -> None:
    credentials = StripeCredentials(api_key=SecretStr(KEY))
    assert isinstance(credentials.get_client(), StripeClient)
    assert isinstance(credentials.get_async_client(), AsyncStripeClient)


def test_the_account_is_mode_and_connected_account_and_outlives_a_rolled_key() -> None:
    assert make(KEY).account == make("sk_test_rolled").account == "test:"
    assert make(KEY, stripe_account="acct_1").account == "test:acct_1"
    assert make("sk_live_1", mode="live").account == "live:"


def make(api_key: object = KEY, **values: Any) -> StripeCredentials:
    given: dict[str, Any] = {"api_key": api_key, **values}
    return StripeCredentials(**given)


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({}, AuthenticationError, "no API key: set STRIPE_API_KEY"),
    ({"api_key": None}, AuthenticationError, "no API key: set STRIPE_API_KEY"),
    ({"api_key": ""}, AuthenticationError, "no API key: set STRIPE_API_KEY"),
    ({"api_key": "pk_test_51CredentialsKey"}, AuthenticationError, "publishable key"),
    ({"api_key": "51CredentialsKey"}, AuthenticationError, "should start with sk_test_"),
    ({"api_key": "sk_live_51CredentialsKey"}, AuthenticationError, "declare mode='live'"),
    ({"api_key": KEY, "mode": "live"}, AuthenticationError, "declare mode='test'"),
    ({"api_key": KEY, "mode": "prod"}, ValidationError, "'test' or 'live'"),
    ({"api_key": KEY, "api_base": "http://api.stripe.com"}, ValidationError, "https only"),
    ({"api_key": KEY, "api_version": "x\ny"}, ValidationError, "api_version must be"),
    ({"api_key": KEY, "stripe_account": "acct 1 "}, ValidationError, "stripe_account must be"),
    ({"api_key": KEY, "timeout_seconds": 0}, ValidationError, "greater than 0"),
    ({"api_key": KEY, "max_retries": -1}, ValidationError, "greater than or equal to 0"),
    ({"api_key": KEY, "stripe_acount": "acct_1"}, TypeError, "did you mean 'stripe_account'"),
    ({"apikey": KEY}, TypeError, "no field 'apikey'; did you mean 'api_key'"),
    ({"api_key": KEY, "colour": "red"}, TypeError, "no field 'colour'$"),
]


@pytest.mark.parametrize(("values", "kind", "why"), WRONG)
def test_what_is_wrong_is_said_without_the_key(values: dict[str, Any], kind: type[Exception], why: str) -> None:
    with pytest.raises(kind, match=why) as caught:
        StripeCredentials(**values)
    told = [str(caught.value), repr(caught.value)]
    if isinstance(caught.value, ValidationError):
        told.append(repr(caught.value.errors()))
    assert "51CredentialsKey" not in "".join(told)


def test_a_misspelt_field_cannot_be_set_later_either() -> None:
    with pytest.raises(ValueError, match="stripe_acount"):
        make().stripe_acount = "acct_1"  # type: ignore[attr-defined]  # pyright: ignore


def test_an_empty_connected_account_of_a_form_is_none() -> None:
    assert make(stripe_account="").stripe_account is None


def test_nothing_that_shows_or_writes_it_down_has_the_key() -> None:
    credentials = make()
    shown = [str(credentials), repr(credentials), f"{vars(credentials)}", credentials.model_dump_json()]
    shown += [str(credentials.model_dump()), hash_objects({"credentials": credentials}) or ""]
    assert "51CredentialsKey" not in "".join(shown)


def test_what_prefect_stores_of_a_block_is_read_back() -> None:
    stored = json.loads(make(stripe_account="acct_1").model_dump_json(context={"include_secrets": True}))
    assert StripeCredentials.model_validate(stored).config() == make(stripe_account="acct_1").config()


# The environment


def test_the_environment_has_every_field_of_the_block() -> None:
    assert StripeSettings.model_fields.keys() == StripeCredentials.model_fields.keys()


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "STRIPE_API_KEY": "sk_live_51CredentialsKey",
        "STRIPE_MODE": "live",
        "STRIPE_API_BASE": "http://127.0.0.1:12111",
        "STRIPE_ACCOUNT": "acct_1",
        "STRIPE_API_VERSION": "2026-01-01.test",
        "STRIPE_TIMEOUT_SECONDS": "1.5",
        "STRIPE_CONNECT_TIMEOUT_SECONDS": "2.5",
        "STRIPE_MAX_RETRIES": "7",
        "STRIPE_RETRY_BUDGET_SECONDS": "3.5",
        "STRIPE_REQUESTS_PER_SECOND": "4.5",
        "STRIPE_ALLOW_LIVE_WRITES": "true",
    }.items():
        monkeypatch.setenv(name, value)
    expected = {
        "mode": "live", "api_base": "http://127.0.0.1:12111", "stripe_account": "acct_1",
        "api_version": "2026-01-01.test", "timeout_seconds": 1.5, "connect_timeout_seconds": 2.5, "max_retries": 7,
        "retry_budget_seconds": 3.5, "requests_per_second": 4.5, "allow_live_writes": True,
    }  # fmt: skip
    found = StripeCredentials.from_environment()
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.config().api_key == "sk_live_51CredentialsKey"


def test_what_is_not_set_or_empty_has_the_blocks_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    monkeypatch.setenv("STRIPE_ACCOUNT", "")
    monkeypatch.setenv("STRIPE_MAX_RETRIES", "")
    assert StripeCredentials.from_environment().config() == make().config()


def test_without_a_key_in_the_environment_it_says_what_to_do() -> None:
    with pytest.raises(AuthenticationError, match="pass a StripeCredentials block, or set STRIPE_API_KEY"):
        StripeCredentials.from_environment()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("STRIPE_MODE", "sk_test_pastedIntoTheWrongOne", "Input should be 'test' or 'live'"),
        ("STRIPE_TIMEOUT_SECONDS", "-1", "Input should be greater than 0"),
        ("STRIPE_ACCOUNT", " acct_1", "without spaces at its ends"),
    ],
)
def test_a_variable_that_is_wrong_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=rf"(?s)for the environment\n{name}\n.*{says}") as raised:
        StripeCredentials.from_environment()
    told = f"{raised.value}{raised.value.errors()}{raised.value.json()}"
    assert KEY not in told
    assert value not in told


def test_a_live_key_in_the_environment_is_not_taken_for_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_51CredentialsKey")
    with pytest.raises(AuthenticationError, match="declare mode='live'"):
        StripeCredentials.from_environment()


# Pickles and copies


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> StripeCredentials:
    """A block as Prefect hands it out, and the store that it is loaded from."""

    def load(cls: type[StripeCredentials], name: str, **options: Any) -> StripeCredentials:
        assert options == {"_sync": True}
        return stored[name].model_copy()

    stored = {"billing": make()}
    stored["billing"]._block_document_name = "billing"  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(StripeCredentials, "load", classmethod(load))
    return stored["billing"]


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_a_saved_block_is_pickled_as_its_name_and_what_was_changed_on_it(
    saved: StripeCredentials, pickler: Any
) -> None:
    changed = saved.model_copy(update={"stripe_account": "acct_2", "max_retries": 1})
    pickled = pickler.dumps(changed)
    assert b"51CredentialsKey" not in pickled
    assert b"billing" in pickled

    again: StripeCredentials = pickle.loads(pickled)
    assert again.account == "test:acct_2"
    assert again.config() == changed.config()
    assert pickle.loads(pickle.dumps(again)).config() == changed.config()
    assert "51CredentialsKey" not in repr(again) + str(again.model_dump()) + again.model_dump_json()


def test_a_block_is_loaded_when_its_key_is_needed_and_not_before(
    saved: StripeCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = pickle.dumps(saved)
    monkeypatch.setattr(StripeCredentials, "load", None)
    assert pickle.loads(pickled).stripe_account is None


def test_another_key_than_when_it_was_pickled_is_refused(saved: StripeCredentials) -> None:
    pickled = pickle.dumps(saved)
    saved.api_key = SecretStr("sk_test_of_another_account")
    with pytest.raises(AuthenticationError, match="the block 'billing' has another key"):
        pickle.loads(pickled).get_client()


def test_credentials_from_the_environment_are_pickled_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    pickled = pickle.dumps(StripeCredentials.from_environment())
    assert b"51CredentialsKey" not in pickled
    assert pickle.loads(pickled).config() == make().config()

    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_of_another_account")
    with pytest.raises(AuthenticationError, match="STRIPE_API_KEY has another key"):
        pickle.loads(pickled).config()


def test_credentials_made_in_code_are_not_pickled() -> None:
    for pickler in (pickle, cloudpickle):
        with pytest.raises(TypeError, match=r"credentials\.save\('NAME'\)") as caught:
            pickler.dumps(make())
        assert "51CredentialsKey" not in str(caught.value)


def test_copies_are_made_without_pickling() -> None:
    for again in (copy.copy(make()), copy.deepcopy(make()), make().model_copy(), make().model_copy(deep=True)):
        assert again.config() == make().config()
    assert TypeAdapter(StripeCredentials).validate_python(make()).config() == make().config()


def test_prefect_takes_unsaved_credentials_as_a_parameter() -> None:
    @task
    def keyed(credentials: StripeCredentials) -> str:
        return credentials.config().account

    @flow
    def of(credentials: StripeCredentials, number: int = 1) -> str:
        return keyed(credentials)

    parameters = of.validate_parameters({"credentials": make(), "number": "2"})
    assert parameters["number"] == 2
    assert parameters["credentials"].config() == make().config()
    assert "51CredentialsKey" not in json.dumps(of.serialize_parameters(parameters))
    assert keyed.fn(make()) == make().config().account
