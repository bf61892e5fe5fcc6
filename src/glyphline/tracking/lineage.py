"""Where a run comes from: commit, changes, data, lock file, machine."""

import os
import platform
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from glyphline import files
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.redaction import redact
from glyphline.tracking.events import Lineage

MAX_PATCH_BYTES = 1 << 20
MAX_CHANGED = 200
SHORT = 12
GIT_TIMEOUT_S = 10.0
# dvc.lock is a product of the pipeline: it changes with every run and says nothing about the code.
_SCOPE = ("--", ".", ":(exclude)dvc.lock")


def collect(params: Params, paths: Paths, stage: str, environ: Mapping[str, str]) -> Lineage:
    """All that is known when a stage begins; parts that cannot be had are missing.

    `run` of the result is empty: the lineage is the same for every run of the stage.
    """
    commit, changed = _state(paths.work)
    patch = redact(_git(paths.work, "diff", "HEAD", "--binary", *_SCOPE) or "") if changed else ""
    too_large = len(patch.encode()) > MAX_PATCH_BYTES
    facts: dict[str, Any] = {
        "stage": stage,
        "git": {
            "commit": commit,
            "dirty": bool(changed),
            "changed": changed[:MAX_CHANGED],
            "patch_left_out": too_large,
        },
        "dvc_experiment": environ.get("DVC_EXP_NAME"),
        "lock_file_sha256": files.sha256(paths.lock_file) if paths.lock_file.is_file() else None,
        "seed": params.seed,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
    }
    lock = paths.work / "dvc.lock"
    return Lineage(
        run="",
        stage=stage,
        facts=facts,
        patch=patch if patch and not too_large else None,
        dvc_lock=lock.read_text(encoding="utf-8") if lock.is_file() else None,
    )


def tags(lineage: Lineage) -> dict[str, str]:
    """The few short tags that every run carries."""
    git, facts = lineage.facts["git"], lineage.facts
    found = {
        "mlflow.source.git.commit": git["commit"],
        "mlflow.source.name": f"glyphline {lineage.stage}",
        "mlflow.source.type": "LOCAL",
        "glyphline.dirty": str(git["dirty"]).lower() if git["commit"] else None,
        "glyphline.experiment": facts["dvc_experiment"],
        "glyphline.lock": (facts["lock_file_sha256"] or "")[:SHORT] or None,
        "glyphline.seed": str(facts["seed"]),
    }
    return {key: value for key, value in found.items() if value is not None}


@lru_cache(maxsize=256)
def md5s(dvc_lock: str) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Stage -> `deps` and `outs` -> path -> MD5, from the text of dvc.lock.

    Parsing one takes tenths of a second, and `sync` asks twice about those of all past commits.
    """
    from ruamel.yaml import YAML

    stages = (YAML(typ="safe").load(dvc_lock) or {}).get("stages", {})
    return {
        name: {
            side: {entry["path"]: str(entry.get("md5", "")) for entry in stage.get(side, [])}
            for side in ("deps", "outs")
        }
        for name, stage in stages.items()
    }


def _state(work: Path) -> tuple[str | None, list[str]]:
    text = _git(work, "status", "--porcelain=v2", "--branch", *_SCOPE)
    commit, changed = None, []
    for line in (text or "").splitlines():
        if line.startswith("# branch.oid "):
            commit = line.split()[-1]
        elif not line.startswith("#"):
            # Kind 1 has eight fields before the path, a rename (2) nine, a conflict (u) ten, an untracked file (?) one.
            changed.append(line.split(" ", {"1": 8, "2": 9, "u": 10}.get(line[0], 1))[-1].split("\t")[0])
    return (None if commit == "(initial)" else commit), changed


def _git(work: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=work,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
