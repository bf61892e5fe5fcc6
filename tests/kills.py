"""Kill a search, start it again, and check that no trial is lost, doubled or left open."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glyphline import tuning
from glyphline.params import Params
from tests.conftest import ROOT, environment
from tests.forks import forked
from tests.searches import Death, bowl, check_journal, check_sound, die, recorded, slow_bowl, trials
from tests.waiting import until

# The points with names: where a search that is killed could lose or double a trial.
POINTS = {
    "before ask": Death(after=False, at=2, words="INSERT INTO trials "),
    "within ask": Death(after=True, at=2, words="INSERT INTO trials "),
    "between two values of a candidate": Death(after=False, at=7, words="INSERT INTO trial_params"),
    "while the owner is written": Death(after=True, at=2, words="trial_user_attributes", ask="claim"),
    "after ask": Death(after=False, at=6, words="INSERT INTO trial_intermediate_values"),
    "during a report": Death(after=True, at=7, words="INSERT INTO trial_intermediate_values"),
    "after the last report": Death(after=False, at=2, words="trial_user_attributes", ask="seconds"),
    "before the state": Death(after=False, at=2, words="datetime_complete="),
    "between state and value": Death(after=True, at=2, words="datetime_complete="),
    "after the value": Death(after=True, at=2, words="INSERT INTO trial_values"),
}
# Where a dead process's trial gets its second attempt.
RESTART = Death(after=False, words="trial_user_attributes", ask="claim")


def killed_and_resumed(params: Params, location: tuning.StudyLocation | Path, folder: Path, death: Death) -> None:
    """A search killed at one statement ends as one that was not; its journal matches the study."""

    def doomed() -> None:
        death.install()
        recorded(params, location, folder)

    code = forked(doomed)
    assert code == -signal.SIGKILL, f"{death} was not reached"
    resumed(params, location, folder)


def resumed(params: Params, location: tuning.StudyLocation | Path, folder: Path) -> None:
    """However a search ended, run again it meets its budget and loses no trial; its journal matches the study."""
    before = trials(location)
    recorded(params, location, folder)
    ended = trials(location)
    check_sound(ended, before, params.tune.trials)
    check_journal(folder, ended)


def dies_first(params: Params, spec: Any, fit_context: Any, *, on_epoch: Any) -> dict[str, float]:
    """The worker of every other trial dies in its first attempt, and of trial 3 in the second too."""
    marks = Path(os.environ["BOWL_MARKS"])
    mark = marks / f"{spec.number}-{len(list(marks.glob(f'{spec.number}-*')))}"
    mark.touch()

    def after(epoch: int, metrics: Mapping[str, float]) -> None:
        on_epoch(epoch, metrics)
        if (spec.number % 2 and mark.name.endswith("-0")) or mark.name == "3-1":
            die()

    return bowl(params, spec, fit_context, on_epoch=after)


# The scheduler's process with its workers, as a program of its own: argv holds the arguments of `program`.
PROGRAM = """
import sys
from pathlib import Path
if __name__ == "__main__":
    from tests.kills import program
    program(*sys.argv[1:])
"""


def program(database: str, folder: str, budget: str, workers: str) -> None:
    """Run a search with slow epochs."""
    from tests.searches import light

    params = light(trials=int(budget), workers=int(workers))
    recorded(params, Path(database), Path(folder), slow_bowl)


def start(database: Path, folder: Path, budget: int, workers: int, **more: str) -> subprocess.Popen[str]:
    """Start `program` in a process group of its own."""
    script = folder / "program.py"
    script.write_text(PROGRAM)
    return subprocess.Popen(
        [sys.executable, str(script), str(database), str(folder), str(budget), str(workers)],
        cwd=ROOT,
        env=environment(**more),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def has_begun(database: Path, count: int = 1) -> bool:
    return database.exists() and len(states(database)) >= count


def states(database: Path) -> list[str]:
    """States by the number of the trial, read without Optuna, which would lock."""
    import sqlite3

    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as connection:
            read = [state for (state,) in connection.execute("SELECT state FROM trials ORDER BY number")]
        connection.close()
    except sqlite3.OperationalError:
        return []
    return read


def children(process: subprocess.Popen[str]) -> list[int]:
    """Processes of the group of `process`, without itself."""
    ids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != process.pid:
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if words[0] != "Z" and int(words[2]) == process.pid:
                ids.append(int(entry.name))
    return ids


def killed_at_random(database: Path, folder: Path, budget: int, workers: int, rng: random.Random) -> bool:
    """Kill the scheduler's process some time after its first trial; true when it was killed before its end."""
    process = start(database, folder, budget, workers, BOWL_EPOCH_S="0.02")
    try:
        # The number of trials grows from one process to the next until the budget is there.
        count = len(states(database))
        until(lambda: process.poll() is not None or len(states(database)) > count or rng.random() < 0.005)
        time.sleep(rng.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finally:
        if process.stderr:
            process.stderr.close()
    until(lambda: not children(process), 10)
    return process.returncode == -signal.SIGKILL
