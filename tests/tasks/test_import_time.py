"""What it costs to import the tasks, in a process of its own: flows are imported anew by each run on a worker."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys, time
import prefect
started = time.process_time()
import prefect_stripe.tasks
print(time.process_time() - started)
print(*sys.modules)
from prefect_stripe.tasks import create_invoice
print(*sys.modules)
"""


def test_tasks_are_made_when_they_are_asked_for_and_cost_nothing_before() -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    seconds, before, after = said.splitlines()
    assert float(seconds) < 0.15
    assert "prefect_stripe.blocks" not in before.split()
    of_ours = {name for name in after.split() if name.startswith("prefect_stripe.tasks.")}
    assert {name.rpartition(".")[2] for name in of_ours} == {
        "declaration",
        "forgotten",
        "goals",
        "identity",
        "invoices",
    }
    # The hundreds of TypedDicts are for type checkers, and for what is sent.
    assert "prefect_stripe.params" not in after.split()
