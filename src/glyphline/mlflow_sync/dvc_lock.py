"""dvc.lock: the MD5 of every dependency and out, also in the last commits and in DVC's experiments."""

import logging
import re
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

log = logging.getLogger(__name__)

DvcLock = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Stage -> `deps` and `outs` -> path -> MD5."""
MAX_COMMITS = 50
# refs/exps also holds what DVC needs while it runs experiments.
_EXPERIMENT = re.compile(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/")


@lru_cache(maxsize=256)
def parse(text: str) -> DvcLock:
    """The content of a dvc.lock; empty, after a warning, when it is damaged.

    Parsing takes tenths of a second, and the journals of one commit hold the same text.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        stages = (YAML(typ="safe").load(text) or {}).get("stages") or {}
        return {
            name: {
                side: {entry["path"]: str(entry.get("md5", "")) for entry in (stage or {}).get(side) or ()}
                for side in ("deps", "outs")
            }
            for name, stage in stages.items()
        }
    except (YAMLError, AttributeError, LookupError, TypeError, ValueError) as error:
        # During a merge, for example, it holds both sides; it may also be one of many in the past.
        reason = " ".join(str(error).split())
        log.warning(
            "a dvc.lock is damaged and left out: %s\nfix: restore it, or make it again with `dvc repro`", reason
        )
        return {}


def past(work: Path) -> list[DvcLock]:
    """Each different dvc.lock of the last commits, newest first, and of the experiments."""
    commits = _git(work, "log", f"--max-count={MAX_COMMITS}", "--format=%H", "HEAD", "--", "dvc.lock").split()
    commits += [commit for _, commit in _experiments(work)]
    queries = "".join(f"{commit}:./dvc.lock\n" for commit in dict.fromkeys(commits))
    answers = _git(work, "cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=queries).splitlines()
    blobs = dict.fromkeys(line.split()[0] for line in answers if line.endswith(" blob"))
    return [parse(_git(work, "cat-file", "blob", blob)) for blob in blobs]


def at(work: Path, revision: str) -> DvcLock:
    """The dvc.lock of a DVC experiment or a git revision; empty when it is neither, or has none.

    Args:
        work: a folder of the project.
        revision: an experiment, a branch, a tag or a commit.
    """
    commit = experiments(work).get(revision)
    if commit is None:
        arguments = ("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        commit = _git(work, "rev-parse", *arguments).strip()
    return parse(_git(work, "cat-file", "blob", f"{commit}:./dvc.lock")) if commit else {}


def experiments(work: Path) -> dict[str, str]:
    """DVC experiment -> its commit; the newest, when experiments that began at several commits share a name."""
    return dict(_experiments(work))


def _experiments(work: Path) -> list[tuple[str, str]]:
    """Names and commits, oldest first; DVC has a ref of a name for each commit at which such experiments began."""
    lines = _git(work, "for-each-ref", "--sort=committerdate", "--format=%(objectname) %(refname)", "refs/exps")
    refs = (line.split(" ", 1) for line in lines.splitlines() if _EXPERIMENT.search(line))
    return [(ref.rpartition("/")[2], commit) for commit, ref in refs]


def _git(work: Path, *arguments: str, stdin: str = "") -> str:
    """The output of git; empty when it fails or is not installed."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=work, input=stdin, capture_output=True, text=True, encoding="utf-8", check=False
        )
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
