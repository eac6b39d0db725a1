"""TLS: spoken with whom the certificate names, and with nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_stripe.client import APIConnectionError, RetryPolicy
from tests.client.server import CUSTOMER, Caller, Server, serving


@pytest.fixture
def server(tls_server: Server) -> Server:
    return tls_server


def test_an_answer_comes_over_tls_on_one_connection(
    call: Caller, server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    call.options["api_base"] = server.url.replace("http:", "https:")
    assert call("create_customer", params={"name": "Zoë"}).data == CUSTOMER
    if call.sync:
        call("retrieve_customer", "cus_1")
        assert server.connections == 1


def test_a_certificate_that_nobody_vouches_for_gets_no_key(call: Caller, server: Server) -> None:
    call.options |= {"api_base": server.url.replace("http:", "https:"), "retries": RetryPolicy(max_retries=0)}
    with pytest.raises(APIConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        call("retrieve_customer", "cus_1")
    assert server.seen == []


def test_a_certificate_of_another_name_gets_no_key(
    call: Caller, server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    base = server.url.replace("http://127.0.0.1", "https://localhost")
    call.options |= {"api_base": base, "retries": RetryPolicy(max_retries=0)}
    with pytest.raises(APIConnectionError, match=r"(?i)hostname mismatch"):
        call("retrieve_customer", "cus_1")
    assert server.seen == []


def test_plain_http_where_tls_was_wanted_gets_no_key(call: Caller) -> None:
    with serving(Server()) as plain:
        call.options |= {
            "api_base": plain.url.replace("http:", "https:"),
            "retries": RetryPolicy(max_retries=0),
            "timeout": 1.0,
            "connect_timeout": 0.5,
        }
        with pytest.raises(APIConnectionError):
            call("retrieve_customer", "cus_1")
        assert plain.seen == []
