"""Where journals are: in the workspace, and in DVC's cache for the commits and experiments of the past."""

import json
import logging
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from glyphline.errors import ArtifactError
from glyphline.journal import journal_file, lineage
from glyphline.journal.journal_file import History
from glyphline.journal.run_files import FileLocator
from glyphline.paths import Paths

log = logging.getLogger(__name__)

COMMITS = 50
NAME = "journal.jsonl"
REGISTER_STAGES = ("train", "evaluate", "register")
# Beside the experiments, refs/exps holds what DVC needs while it runs them.
_EXPERIMENT = re.compile(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/")


def workspace(paths: Paths) -> list[Path]:
    """The journals of the working folder."""
    return sorted((paths.work / "artifacts").glob(f"*/{NAME}"))


def past(paths: Paths, shelf: FileLocator) -> list[Path]:
    """The journals in DVC's cache that a `dvc.lock` of the last commits or of an experiment names."""
    found: dict[Path, None] = {}
    for text in _locks(paths.work):
        for stage in lineage.md5s(text).values():
            for path, md5 in stage["outs"].items():
                found |= dict.fromkeys(_journals(path, md5, shelf))
    return list(found)


def releases(paths: Paths, shelf: FileLocator) -> Iterator[dict[str, Path]]:
    """What each `dvc.lock` of the last commits, newest first, and of the experiments says of a registered model.

    Yields:
        Path in the project -> file in DVC's cache, of the outs of train, evaluate and register that are there.
    """
    for text in _locks(paths.work):
        stages = lineage.md5s(text)
        outs = (out for stage in REGISTER_STAGES for out in stages.get(stage, {}).get("outs", {}).items())
        found = {path: shelf.cached(md5) for path, md5 in outs}
        yield {path: file for path, file in found.items() if file.is_file() and file.suffix != ".dir"}


def experiments(work: Path) -> dict[str, str]:
    """DVC experiment -> commit that it is kept in; the newest, when experiments on several commits share a name."""
    return dict(_experiments(work))


def revision(paths: Paths, shelf: FileLocator, name: str) -> list[Path] | None:
    """The journals that belong to a DVC experiment or a git revision; None when it is neither.

    Args:
        paths: of the project.
        shelf: where files are.
        name: an experiment, a branch, a tag or a commit.
    """
    commit = experiments(paths.work).get(name)
    if commit is None:
        commit = _git(paths.work, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
    if not commit:
        return None
    lock = _git(paths.work, "cat-file", "blob", f"{commit}:./dvc.lock")
    outs = (out for stage in lineage.md5s(lock).values() for out in stage["outs"].items()) if lock else ()
    return list(dict.fromkeys(path for out in outs for path in _journals(*out, shelf)))


def histories(journals: list[Path]) -> list[History]:
    """The journals read, each once, oldest first; a damaged one is left out with a warning."""
    found: dict[str, History] = {}
    for path in journals:
        try:
            history = journal_file.read(path)
        except ArtifactError as error:
            log.warning("%s\nfix: %s", error.problem, error.fix)
            continue
        if history is not None:
            found.setdefault(history.id, history)
    # A run must be there before the journal of a later stage adds to it.
    return sorted(found.values(), key=lambda history: history.time)


def _experiments(work: Path) -> list[tuple[str, str]]:
    """Names and commits, oldest first; DVC keeps a name apart for each commit that experiments began at."""
    format_ = "--format=%(objectname) %(refname)"
    lines = _git(work, "for-each-ref", "--sort=committerdate", format_, "refs/exps").splitlines()
    found = (line.split(" ", 1) for line in lines if _EXPERIMENT.search(line))
    return [(ref.rpartition("/")[2], commit) for commit, ref in found]


def _journals(path: str, md5: str, shelf: FileLocator) -> Iterator[Path]:
    if md5.endswith(".dir"):
        listing = shelf.cached(md5)
        entries = json.loads(listing.read_text(encoding="utf-8")) if listing.is_file() else []
        candidates = [entry["md5"] for entry in entries if Path(entry["relpath"]).name == NAME]
    else:
        candidates = [md5] if Path(path).name == NAME else []
    yield from (file for file in map(shelf.cached, candidates) if file.is_file())


def _locks(work: Path) -> Iterator[str]:
    """Each different content of dvc.lock in the last commits and in the experiments."""
    commits = _git(work, "log", f"--max-count={COMMITS}", "--format=%H", "HEAD", "--", "dvc.lock").split()
    kept = dict.fromkeys([*commits, *(commit for _, commit in _experiments(work))])
    queries = "".join(f"{commit}:./dvc.lock\n" for commit in kept)
    names = _git(work, "cat-file", "--batch-check=%(objectname) %(objecttype)", given=queries).splitlines()
    for name in dict.fromkeys(line.split()[0] for line in names if line.endswith(" blob")):
        yield _git(work, "cat-file", "blob", name)


def _git(work: Path, *arguments: str, given: str = "") -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=work, input=given, capture_output=True, text=True, encoding="utf-8", check=False
        )
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
