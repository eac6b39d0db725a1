"""Take out, one after another, what keeps money from moving twice; each time a test must fail.

    python -m tests.mutations [--only WORDS]

It works on a copy of the tree. First the tests are seen to pass there, as only then a failure says anything.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutations.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "site", "build", "dist", "node_modules")
SECONDS = 600


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--only", default="", help="only those whose name has these words in it")
    words = parser.parse_args().only
    mutants = [mutant for mutant in MUTANTS if words in mutant.what]
    with TemporaryDirectory(prefix="mutations-") as folder:
        copy = Path(folder, "copy")
        shutil.copytree(ROOT, copy, symlinks=True, ignore=LEFT_OUT)
        for mutant in mutants:
            _mutated(copy, mutant)
        if problem := _not_sound(copy, sorted({test for mutant in mutants for test in mutant.tests})):
            print(problem)
            return 1
        survivors = 0
        width = max(len(mutant.what) for mutant in mutants)
        for mutant in mutants:
            caught, seconds = _tried(copy, mutant)
            survivors += caught is None
            print(f"{mutant.what:{width}}  {caught or 'NOTHING FAILED'}  ({seconds:.0f} s)", flush=True)
    print(f"{len(mutants)} taken out, {survivors} of which no test noticed")
    return int(survivors > 0)


def _mutated(copy: Path, mutant: Mutant) -> str:
    """Return the file's text without it.

    Raises:
        SystemExit: The code is no longer as the mutant says.
    """
    text = (copy / mutant.file).read_text()
    if text.count(mutant.before) != 1:
        raise SystemExit(f"{mutant.file} has {text.count(mutant.before)} times, not once:\n{mutant.before}")
    return text.replace(mutant.before, mutant.after)


def _not_sound(copy: Path, tests: Sequence[str]) -> str | None:
    where = _python(copy, "-c", "import prefect_stripe; print(prefect_stripe.__file__)").stdout.strip()
    if not Path(where).is_relative_to(copy):
        return f"the copy is not what is imported, but {where}"
    done = _python(copy, "-m", "pytest", "-x", *tests)
    return f"the tests fail without anything taken out:\n{done.stdout}{done.stderr}" if done.returncode else None


def _tried(copy: Path, mutant: Mutant) -> tuple[str | None, float]:
    """Take it out, run its tests, put it back; return the test that failed and the seconds that it took.

    Raises:
        SystemExit: No test failed, and none passed either.
    """
    begun = time.monotonic()
    file = copy / mutant.file
    text = file.read_text()
    file.write_text(_mutated(copy, mutant))
    try:
        done = _python(copy, "-m", "pytest", "-x", "-rf", "--tb=no", *mutant.tests)
    finally:
        file.write_text(text)
    failed = re.search(r"^FAILED (\S+::.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if failed is None and done.returncode:
        raise SystemExit(f"without {mutant.what} the tests cannot be run:\n{done.stdout}{done.stderr}")
    return failed and failed[1], time.monotonic() - begun


def _python(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Nothing is kept between mutants: a file changed twice within a second has one time, and Python goes by that.
    settings = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=settings,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
