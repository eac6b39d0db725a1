"""The sandbox's own routes, under /_sandbox: JSON in, JSON out. Stripe has none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from prefect_stripe.sandbox.app import Application
from prefect_stripe.sandbox.errors import Refusal
from prefect_stripe.sandbox.wire import Reply, Request

PREFIX: Final = "/_sandbox"


def answer(app: Application, request: Request) -> Reply:
    """Answer a control request; what is wrong with it is a 400 that says so."""
    name = request.path.removeprefix(PREFIX).strip("/")
    handler = _ROUTES.get((request.method, name))
    if handler is None:
        return _json(
            404, {"error": f"no {request.method} {request.path}", "routes": [" ".join(key) for key in _ROUTES]}
        )
    try:
        given: dict[str, Any] = orjson.loads(request.body) if request.body else dict(parse_qsl(request.query))
        return _json(200, handler(app, given))
    except (ValueError, TypeError, KeyError, Refusal) as error:
        return _json(400, {"error": str(error)})


def _json(status: int, value: Any) -> Reply:
    return Reply(status, [("Content-Type", "application/json")], orjson.dumps(value))


def _state(app: Application) -> Any:
    return {
        "time": app.clock.time(),
        "exchanges": app.exchanges,
        "latency": app.latency,
        "rate_limit": app.limiter.per_second,
        "search_lag": app.search_lag,
        "effects": app.ledger.counts(),
        "faults": app.faults.as_json(),
    }


def _clock(app: Application, given: Mapping[str, Any]) -> Any:
    for name, value in given.items():
        match name:
            case "advance":
                app.clock.advance(float(value))
            case "set":
                app.clock.set(float(value))
            case "freeze":
                if value:
                    app.clock.freeze()
                else:
                    app.clock.resume()
            case _:
                raise ValueError(f"the clock takes advance, set or freeze, not {name}")
    app.catch_up()
    return {"time": app.clock.time()}


def _settings(app: Application, given: Mapping[str, Any]) -> Any:
    for name, value in given.items():
        match name:
            case "latency":
                app.latency = float(value)
            case "rate_limit":
                app.limiter.per_second = None if value is None else float(value)
            case "search_lag":
                app.search_lag = float(value)
            case _:
                raise ValueError(f"the settings are latency, rate_limit and search_lag, not {name}")
    return _state(app)


def _reset(app: Application) -> Any:
    app.reset()
    return _state(app)


def _plan(app: Application, given: Mapping[str, Any]) -> Any:
    app.faults.add(**given)
    return app.faults.as_json()


def _seed(app: Application, given: Mapping[str, Any]) -> Any:
    return app.seed(**given)


def _unplan(app: Application) -> Any:
    app.faults.clear()
    return []


_ROUTES: Final[Mapping[tuple[str, str], Callable[[Application, Mapping[str, Any]], Any]]] = {
    ("GET", ""): lambda app, given: _state(app),
    ("POST", "reset"): lambda app, given: _reset(app),
    ("GET", "ledger"): lambda app, given: list(app.ledger.as_json(int(given.get("after", 0)))),
    ("GET", "effects"): lambda app, given: [entry for entry in app.ledger.as_json() if entry["entry"] == "effect"],
    ("GET", "exchanges"): lambda app, given: [entry for entry in app.ledger.as_json() if entry["entry"] == "exchange"],
    ("GET", "clock"): lambda app, given: {"time": app.clock.time()},
    ("POST", "clock"): _clock,
    ("POST", "seed"): _seed,
    ("GET", "faults"): lambda app, given: app.faults.as_json(),
    ("POST", "faults"): _plan,
    ("DELETE", "faults"): lambda app, given: _unplan(app),
    ("POST", "settings"): _settings,
}
