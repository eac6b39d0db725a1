"""Keys, addresses and headers: checked before anything is sent."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from prefect_stripe.client import AsyncStripeClient, AuthenticationError, ClientConfig, ParameterError, StripeClient

KEY = "sk_test_51AbCdEf"


@pytest.mark.parametrize(
    ("key", "mode"),
    [
        ("sk_test_1", "test"),
        ("rk_test_1", "test"),
        ("sk_live_1", "live"),
        ("rk_live_1", "live"),
        ("sk_test_a_b", "test"),
    ],
)
def test_a_key_of_the_declared_mode_is_taken(key: str, mode: Any) -> None:
    assert ClientConfig(api_key=key, mode=mode).mode == mode


@pytest.mark.parametrize(
    ("key", "mode", "why"),
    [
        ("", "test", "no API key: set STRIPE_API_KEY"),
        (None, "test", "no API key: set STRIPE_API_KEY"),
        ("pk_test_51AbCdEf", "test", "publishable key"),
        ("pk_live_51AbCdEf", "live", "publishable key"),
        ("sk_live_51AbCdEf", "test", "a live key, and the mode is 'test'"),
        ("rk_live_51AbCdEf", "test", "a live key, and the mode is 'test'"),
        ("sk_test_51AbCdEf", "live", "a test key, and the mode is 'live'"),
        ("sk_test_", "test", "not a Stripe API key"),
        ("sk_51AbCdEf", "test", "not a Stripe API key"),
        ("whsec_51AbCdEf", "test", "not a Stripe API key"),
        ("Bearer sk_test_51AbCdEf", "test", "not a Stripe API key"),
        (" sk_test_51AbCdEf", "test", "not a Stripe API key"),
        ("sk_test_51AbCdÉf", "test", "not a Stripe API key"),
        ("sk_test_51AbCdEf\n", "test", "copy it once more"),
        ("sk_test_51Ab CdEf", "test", "copy it once more"),
        ("sk_test_51Ab\x00CdEf", "test", "copy it once more"),
    ],
)
def test_any_other_is_refused_with_what_to_do_and_never_shown(key: Any, mode: Any, why: str) -> None:
    with pytest.raises(AuthenticationError, match=why) as caught:
        ClientConfig(api_key=key, mode=mode)
    assert "51Ab" not in str(caught.value)


@pytest.mark.parametrize(
    "base",
    [
        "https://api.stripe.com",
        "https://proxy.example:8443/stripe",
        "http://127.0.0.1:1",
        "http://localhost:1",
        "http://[::1]:1",
    ],
)
def test_an_address_that_a_key_may_be_sent_to(base: str) -> None:
    assert ClientConfig(api_key=KEY, api_base=base).api_base == base


@pytest.mark.parametrize(
    "base",
    [
        "http://api.stripe.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "https://user:pass@api.stripe.com",
        "https://@",
        "https://api.stripe.com?x=1",
        "https://api.stripe.com#x",
        "api.stripe.com",
        "ftp://api.stripe.com",
        "https://api.stripe.com:99999",
        "https://[::1",
        "https://a..b",
        "https://api.stripe.com/v1",
        "https://proxy.example/stripe/v1/",
        "",
    ],
)
def test_an_address_that_it_may_not(base: str) -> None:
    with pytest.raises(ParameterError, match="api_base is"):
        ClientConfig(api_key=KEY, api_base=base)


@pytest.mark.parametrize("name", ["api_version", "stripe_account"])
@pytest.mark.parametrize("value", ["", "a\nb", "a\r\nAuthorization: x", "é", " a", "a ", "x" * 256])
def test_what_a_header_has_no_room_for_is_refused(name: str, value: str) -> None:
    values: dict[str, Any] = {"api_key": KEY, name: value}
    with pytest.raises(ParameterError, match=f"{name} must be"):
        ClientConfig(**values)


def test_the_account_tells_accounts_apart_without_the_key() -> None:
    accounts = [
        ClientConfig(api_key=KEY).account,
        ClientConfig(api_key=KEY, stripe_account="acct_1").account,
        ClientConfig(api_key="sk_test_other").account,
        ClientConfig(api_key="sk_live_51AbCdEf", mode="live").account,
    ]
    assert len(set(accounts)) == 4
    assert not any("51Ab" in account for account in accounts)


@pytest.mark.parametrize("made", [ClientConfig, StripeClient, AsyncStripeClient])
def test_what_holds_the_key_is_copied_as_itself_shown_without_it_and_not_pickled(made: Any) -> None:
    config = ClientConfig(api_key=KEY)
    thing = config if made is ClientConfig else made(config)
    assert KEY not in repr(thing)
    assert copy.copy(thing) is thing
    assert copy.deepcopy({"inside": [thing]})["inside"][0] is thing
    with pytest.raises(TypeError, match="holds the API key: pass StripeCredentials"):
        pickle.dumps(thing)


def test_a_changed_config_is_checked_again() -> None:
    with pytest.raises(AuthenticationError):
        dataclasses.replace(ClientConfig(api_key=KEY), mode="live")
