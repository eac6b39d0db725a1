"""The world of the flows' tests, for what workers do in it."""

from tests.flows.conftest import world

__all__ = ["world"]
