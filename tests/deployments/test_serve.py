"""Serving all flows from one process: what cannot be served is said in a line, and nothing is begun."""

from __future__ import annotations

import pytest

from prefect_stripe.deployments import serve


@pytest.mark.server
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--credentials", "not-saved"], "Unable to find block document named not-saved"),
        (["--prefect-file", "not-there.yaml"], "not-there.yaml"),
    ],
)
def test_what_is_not_there_is_named(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["serve", *arguments])
    with pytest.raises(SystemExit, match="2"):
        serve.main()
    assert told in capsys.readouterr().err
