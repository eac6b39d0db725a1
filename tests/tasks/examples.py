"""The examples in the tasks' docstrings, as code."""

from __future__ import annotations

import inspect
import re
import textwrap

from prefect_stripe import tasks


def example(operation: str) -> str:
    """The code of a task's example, which defines the flow `try_<operation>`."""
    doc = inspect.cleandoc(getattr(tasks, operation).fn.__doc__)
    (code,) = re.findall(r"^ *```python\n(.*?)^ *```$", doc.split("\nExample:\n")[1], re.DOTALL | re.MULTILINE)
    return textwrap.dedent(code)
