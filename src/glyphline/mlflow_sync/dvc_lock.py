"""dvc.lock: the MD5 of every dependency and out, also in the last commits and in DVC's experiments."""

import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from glyphline import git
from glyphline.mlflow_sync import dvc_cache
from glyphline.paths import is_inside

log = logging.getLogger(__name__)

DvcLock = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Stage -> `deps` and `outs` -> path -> MD5; the paths lead to places below the project's folder."""
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
                side: {
                    entry["path"]: md5 if dvc_cache.is_md5(md5 := str(entry.get("md5", ""))) else ""
                    for entry in (stage or {}).get(side) or ()
                    # DVC takes other places as well; nothing of theirs is read or written here.
                    if is_inside(entry["path"])
                }
                for side in ("deps", "outs")
            }
            for name, stage in stages.items()
        }
    # Recursion: brackets nested without end.
    except (YAMLError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        # During a merge, for example, it holds both sides; it may also be one of many in the past.
        reason = " ".join(str(error).split())
        log.warning(
            "a dvc.lock is damaged and left out: %s\nfix: restore it, or make it again with `dvc repro`", reason
        )
        return {}


def past(work: Path) -> list[DvcLock]:
    """Each different dvc.lock of the last commits, newest first, and of the experiments."""
    commits = git.ask(work, "log", f"--max-count={MAX_COMMITS}", "--format=%H", "HEAD", "--", "dvc.lock").text.split()
    commits += [commit for _, commit in _experiments(work)]
    return _locks(work, commits)


def _locks(work: Path, commits: list[str]) -> list[DvcLock]:
    queries = "".join(f"{commit}:./dvc.lock\n" for commit in dict.fromkeys(commits))
    answers = git.ask(work, "cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=queries).text.splitlines()
    blobs = dict.fromkeys(line.split()[0] for line in answers if line.endswith(" blob"))
    return [parse(git.ask(work, "cat-file", "blob", blob).text) for blob in blobs]


def needed(work: Path) -> list[DvcLock]:
    """Each different dvc.lock that a person can come back to: of branches, tags, experiments and DVC's queue."""
    refs = git.ask(
        work, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags", "refs/exps"
    ).text.splitlines()
    commits = ["HEAD", *refs]
    for ref in refs:
        # Of a stash, git's log alone knows all but the last entry: DVC keeps its queue there.
        if ref.startswith("refs/exps/") and ref.endswith(("/stash", "/failed")):
            commits += git.ask(work, "log", "--walk-reflogs", "--format=%H", ref, "--").text.split()
    return _locks(work, commits)


def at(work: Path, revision: str) -> DvcLock:
    """The dvc.lock of a DVC experiment or a git revision; empty when it is neither, or has none.

    Args:
        work: a folder of the project.
        revision: an experiment, a branch, a tag or a commit.
    """
    commit = experiments(work).get(revision)
    if commit is None:
        arguments = ("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        commit = git.ask(work, "rev-parse", *arguments).text.strip()
    return parse(git.ask(work, "cat-file", "blob", f"{commit}:./dvc.lock").text) if commit else {}


def experiments(work: Path) -> dict[str, str]:
    """DVC experiment -> its commit; the newest, when experiments that began at several commits share a name."""
    return dict(_experiments(work))


def _experiments(work: Path) -> list[tuple[str, str]]:
    """Names and commits, oldest first; DVC has a ref of a name for each commit at which such experiments began."""
    listing = git.ask(work, "for-each-ref", "--sort=committerdate", "--format=%(objectname) %(refname)", "refs/exps")
    if listing.error:
        log.warning("past commits and experiments are not known: %s\nfix: %s", listing.error, git.FIX)
    refs = (line.split(" ", 1) for line in listing.text.splitlines() if _EXPERIMENT.search(line))
    return [(ref.rpartition("/")[2], commit) for commit, ref in refs]
