"""A worktree of its own at the commit of a run, with the run's changes and data, in which stages can be run."""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glyphline import git
from glyphline.errors import RegistryError
from glyphline.journal import lineage
from glyphline.mlflow_sync import projector_launch
from glyphline.mlflow_sync.dvc_cache import DvcCache
from glyphline.paths import Paths
from glyphline.scratch import scratch_folder

log = logging.getLogger(__name__)

# Variables that must not reach the rebuilt stages, which are to use their own store and their own folders.
FOREIGN = ("DVC_ROOT", "DVC_STAGE", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID")


@contextmanager
def worktree(repository: Path, commit: str, patch: Path | None) -> Iterator[Path]:
    """A checkout of a commit with a patch applied; it is removed when the block ends.

    Raises:
        RegistryError: git does not open the repository or does not have the commit, or the patch does not fit it.
    """
    opened = git.ask(repository, "rev-parse", "--show-prefix")
    if opened.error:
        raise RegistryError(f"git does not open the project's repository: {opened.error}", fix=git.FIX)
    if git.ask(repository, "cat-file", "-e", f"{commit}^{{commit}}").error:
        raise RegistryError(
            f"commit {commit} is not in this repository",
            fix="get it with `git fetch --all`, or `git fetch --unshallow` in a shallow clone",
        )
    with scratch_folder(Paths(work=repository, home=repository).scratch, "reproduce") as scratch:
        folder = scratch / "tree"
        try:
            added = git.ask(repository, "worktree", "add", "--detach", str(folder), commit)
            if added.error:
                raise RegistryError(f"git makes no worktree: {added.error}", fix="try `git worktree prune`")
            if patch is not None:
                _apply(folder, commit, patch)
            yield folder / opened.text.rstrip("\n")
        finally:
            # Twice: git locks a worktree while it is made, and it may have been stopped meanwhile.
            git.ask(repository, "worktree", "remove", "--force", "--force", str(folder))


def _apply(folder: Path, commit: str, patch: Path) -> None:
    blanked = patch.read_bytes().startswith(lineage.BLANKED.encode())
    if blanked:
        log.warning("credentials were blanked in the changes of the run: this code may not be what ran")
    applied = git.ask(folder, "apply", "--binary", "--whitespace=nowarn", str(patch))
    if applied.error:
        raise RegistryError(
            f"the changes of the run do not fit commit {commit[:12]}: {applied.error[:200]}",
            fix=f"apply the run's {patch.name} by hand in a checkout"
            + (", and put the password back that was blanked in it" if blanked else ""),
        )


def run(folder: Path, stage: str) -> str | None:
    """Run one stage in a worktree with the code of that worktree; its error output when it failed, else None."""
    environment = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    # A projector would outlive the stage, and write into a worktree that is being removed.
    environment |= {"PYTHONPATH": str(folder / "src"), projector_launch.JOB_VARIABLE: projector_launch.NO_PROJECTOR}
    process = subprocess.run(
        [sys.executable, "-P", "-m", "glyphline", stage],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return None if process.returncode == 0 else " ".join(process.stderr.split())[-400:]


def set_params(folder: Path, values: Mapping[str, Any]) -> None:
    """Write values into the worktree's params.yaml; keys that it does not have are left out."""
    from ruamel.yaml import YAML

    yaml = YAML()
    path = folder / "params.yaml"
    tree = yaml.load(path)
    for dotted, value in values.items():
        *sections, leaf = dotted.split(".")
        place = tree
        for section in sections:
            place = place.get(section, {})
        if leaf in place:
            place[leaf] = value
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump(tree, stream)


def copy_out(cache: DvcCache, path: str, md5: str, folder: Path) -> bool:
    """Copy an out from DVC's cache into a worktree; false when the cache does not hold all of it."""
    contents = cache.files(path, md5)
    if not contents or not all(source.is_file() for source in contents.values()):
        return False
    for name, source in contents.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return True
