"""Do the tests notice a change of the code? Random single mutations of the source against the tests: `make mutants`.

A mutant lives in a copy of the tree, never in the tree itself. Killed means that a test failed or that a run took too
long. What the quick gate (unit and contract tests) does not kill meets the related integration tests. Results are kept
in benchmarks/results/: a run that was interrupted goes on, and survivors meet new tests again.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import psutil

from tests.mutants.mutation import Mutant, mutants
from tests.mutants.related import gate, quick_tests, related_tests

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
RESULTS = ROOT / "benchmarks" / "results"
RELATED_LIMIT_S = 2400
NO_TEST_RAN = "pytest ended with"
# What killed a mutant, by step; empty where it lived.
Killers = dict[str, str]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


def copy_tree(folder: Path) -> Path:
    """The tree as it is now, without what git ignores, as a repository: some tests ask git for its files."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for command in (["git", "init", "-q"], ["git", "add", "."]):
        subprocess.run(command, cwd=folder, check=True)
    return folder


def run_tests(tree: Path, tests: list[Path], limit_s: float) -> str:
    """The test in a tree that failed first, or that the time was over; empty when all passed."""
    mark = uuid.uuid4().hex
    # A test that waits for what never comes is ended by pytest; what pytest cannot end is ended here.
    options = ["-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--timeout=120", "--no-header", "--tb=no"]
    process = subprocess.Popen(
        [sys.executable, "-B", "-m", "pytest", *options, *tests],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}", "GLYPHLINE_MUTANT": mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        out = process.communicate(timeout=limit_s)[0]
    except subprocess.TimeoutExpired:
        return f"no end after {limit_s:.0f} s"
    finally:
        end_all(mark)
        process.wait()
    if process.returncode == 0:
        return ""
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", out, re.MULTILINE)
    return failed[1] if failed else f"{NO_TEST_RAN} {process.returncode}: {out[-300:]}"


def end_all(mark: str) -> None:
    """End what a test run started, in whichever session it is."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("GLYPHLINE_MUTANT") == mark:
                process.kill()
        except (psutil.Error, OSError):
            continue


def judge(mutant: Mutant, tree: Path, step: str, limit_s: float) -> Killers:
    """Run the tests of a step with a mutant in a tree; `all`: the related ones for what the quick gate let through."""
    target = tree / mutant.path.relative_to(ROOT)
    kept = target.read_bytes()
    target.write_bytes(mutant.source)
    killers = {}
    try:
        if step in {"quick", "all"}:
            killers["quick"] = run_tests(tree, quick_tests(module_of(mutant.path)), limit_s)
        related = related_tests(module_of(mutant.path))
        if step in {"related", "all"} and related and not any(killers.values()):
            killers["related"] = run_tests(tree, related, RELATED_LIMIT_S)
    finally:
        target.write_bytes(kept)
    return killers


def equivalent() -> dict[str, str]:
    """Key of a mutant that changes nothing -> the reason."""
    entries = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text(encoding="utf-8"))["mutants"]
    return {entry["key"]: entry["reason"] for entry in entries}


def report(chosen: list[Mutant], results: dict[str, Killers]) -> str:
    """The scores and a table of survivors."""
    reasons = equivalent()
    done = [mutant for mutant in chosen if mutant.key in results]
    quick = sum(bool(results[mutant.key].get("quick")) for mutant in done)
    lived = sorted((m for m in done if not any(results[m.key].values())), key=lambda m: (m.path, m.line))
    idle = sum(mutant.key in reasons for mutant in lived)
    noticeable, killed = len(done) - idle, len(done) - len(lived)
    lines = [
        f"{len(done)} of {len(chosen)} mutants were run, {len(lived)} lived, {idle} of these change nothing",
        f"quick gate: {quick} of {len(done)} killed, {quick / max(len(done), 1):.0%}",
        f"all: {killed} killed of {noticeable} that change something, {killed / max(noticeable, 1):.0%}",
        "",
        "| survivor | before | after | changes nothing because |",
        "|---|---|---|---|",
    ]
    for mutant in lived:
        before, after = (text.replace("|", "\\|") for text in (mutant.before, mutant.after))
        place = f"{mutant.path.relative_to(ROOT)}:{mutant.line}"
        lines.append(f"| {place} | `{before}` | `{after}` | {reasons.get(mutant.key, '')} |")
    return "\n".join(lines)


def digest_of(folder: Path) -> str:
    """SHA-256 of all code below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--step", choices=["quick", "related", "all"], default="all", help="which tests")
    parser.add_argument("--jobs", type=int, choices=[1, 2], default=1, help="mutants at a time")
    parser.add_argument("--only", default="", help="files whose path holds this text, for example registry/gate")
    options = parser.parse_args()
    paths = [path for path in sorted(SRC.rglob("*.py")) if options.only in str(path.relative_to(SRC))]
    # The same change of two equal lines of a function counts once.
    sites = list({mutant.key: mutant for path in paths for mutant in mutants(path, module_of(path))}.values())
    if not options.only:
        for key in equivalent().keys() - {mutant.key for mutant in sites}:
            print(f"equivalent.toml names what is no mutant any more: {key}", flush=True)
    chosen = random.Random(options.seed).sample(sites, min(options.count, len(sites)))
    RESULTS.mkdir(parents=True, exist_ok=True)
    # Results hold for one state of the source. Other tests may kill what lived; what was killed stays so.
    kept = RESULTS / f"mutants-{digest_of(SRC)[:12]}.jsonl"
    tests = f"{options.step} {digest_of(ROOT / 'tests')}"
    entries = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()] if kept.exists() else []
    results: dict[str, Killers] = {entry["key"]: entry["killers"] for entry in entries}
    done = {entry["key"] for entry in entries if any(entry["killers"].values()) or entry["tests"] == tests}
    todo = [mutant for mutant in chosen if mutant.key not in done]
    print(f"{len(sites)} possible mutants, {len(chosen)} chosen, {len(todo)} to run", flush=True)
    if todo:
        with tempfile.TemporaryDirectory(prefix="mutants-") as home:
            trees: Queue[Path] = Queue()
            for number in range(options.jobs):
                trees.put(copy_tree(Path(home, str(number))))
            began = time.monotonic()
            if killer := run_tests(Path(home, "0"), gate(), RELATED_LIMIT_S):
                sys.exit(f"without any mutant the quick gate fails: {killer}")
            # Several times what the tests take alone: the machine may have other work.
            limit_s = 60 + 4 * options.jobs * (time.monotonic() - began)

            def one(mutant: Mutant) -> None:
                tree = trees.get()
                killers = judge(mutant, tree, options.step, limit_s)
                # No test failed: the mutant may have broken every import, or somebody the environment.
                if NO_TEST_RAN in "".join(killers.values()) and (killer := run_tests(tree, gate(), RELATED_LIMIT_S)):
                    pool.shutdown(wait=False, cancel_futures=True)
                    sys.exit(f"without any mutant the quick gate fails by now: {killer}")
                trees.put(tree)
                results[mutant.key] = killers
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": mutant.key, "killers": killers, "tests": tests}) + "\n")
                end = next((f"killed by {killer}" for killer in killers.values() if killer), "LIVED")
                print(f"{mutant.key}\n    {end}", flush=True)

            with ThreadPoolExecutor(options.jobs) as pool:
                list(pool.map(one, todo))
    text = report(chosen, results)
    (RESULTS / f"mutants-seed-{options.seed}.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
