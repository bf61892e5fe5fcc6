"""A worktree of its own at the commit of a run, with the run's changes and data, in which stages can be run."""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from glyphline.errors import RegistryError
from glyphline.journal import lineage
from glyphline.mlflow_sync import projector_launch
from glyphline.mlflow_sync.dvc_cache import DvcCache

log = logging.getLogger(__name__)

# Variables that must not reach the rebuilt stages, which are to use their own store and their own folders.
FOREIGN = ("DVC_ROOT", "DVC_STAGE", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID")


@contextmanager
def worktree(repository: Path, commit: str, patch: Path | None) -> Iterator[Path]:
    """A checkout of a commit with a patch applied; it is removed when the block ends.

    Raises:
        RegistryError: the repository does not have the commit, or the patch does not fit it.
    """
    if _git(repository, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
        raise RegistryError(
            f"commit {commit} is not in this repository",
            fix="get it with `git fetch --all`, or `git fetch --unshallow` in a shallow clone",
        )
    prefix = _git(repository, "rev-parse", "--show-prefix").stdout.strip()
    with TemporaryDirectory(prefix="glyphline-reproduce-") as name:
        folder = Path(name) / "tree"
        added = _git(repository, "worktree", "add", "--detach", str(folder), commit)
        if added.returncode:
            raise RegistryError(f"git makes no worktree: {added.stderr.strip()}", fix="try `git worktree prune`")
        try:
            if patch is not None:
                blanked = patch.read_bytes().startswith(lineage.BLANKED.encode())
                if blanked:
                    log.warning("credentials were blanked in the changes of the run: this code may not be what ran")
                applied = _git(folder, "apply", "--binary", "--whitespace=nowarn", str(patch))
                if applied.returncode:
                    raise RegistryError(
                        f"the changes of the run do not fit commit {commit[:12]}: {applied.stderr.strip()[:200]}",
                        fix=f"apply the run's {patch.name} by hand in a checkout"
                        + (", and put the password back that was blanked in it" if blanked else ""),
                    )
            yield folder / prefix
        finally:
            _git(repository, "worktree", "remove", "--force", str(folder))


def run(folder: Path, stage: str) -> str | None:
    """Run one stage in a worktree with the code of that worktree; its error output when it failed, else None."""
    environment = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    # A projector would outlive the stage, and write into a worktree that is being removed.
    environment |= {"PYTHONPATH": str(folder / "src"), projector_launch.JOB_VARIABLE: projector_launch.NO_PROJECTOR}
    process = subprocess.run(
        [sys.executable, "-m", "glyphline", stage],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
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


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
