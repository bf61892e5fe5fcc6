"""Where a run comes from: commit, changes, data, lock file, machine."""

import logging
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glyphline import files, git
from glyphline.journal.run_events import LineageLogged
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.redaction import redact

log = logging.getLogger(__name__)

MAX_PATCH_BYTES = 1 << 20
MAX_CHANGED = 200
SHORT = 12
BLANKED = "Credentials in these changes were blanked, so this is not quite what ran.\n"
"""The first line of such a patch; `git apply` passes over it."""
GIT_TIMEOUT_S = 10.0
# The pipeline makes them: they change with every run and say nothing about the code. DVC removes the metrics before
# `evaluate` runs.
_SCOPE = ("--", ".", ":(exclude)dvc.lock", ":(exclude)artifacts/evaluate/metrics.json")
# A person's settings of git are for people; `git apply` and this program must read what is recorded here.
_PLAIN = tuple(
    word
    for setting in (
        "core.quotePath=false",
        "diff.relative=false",
        "diff.suppressBlankEmpty=false",
        "diff.autoRefreshIndex=true",
    )
    for word in ("-c", setting)
)
_STATUS = ("status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--no-renames")
_DIFF = (
    "diff",
    "HEAD",
    "--binary",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--submodule=short",
    "--unified=3",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


def collect(params: Params, paths: Paths, stage: str, environ: Mapping[str, str]) -> LineageLogged:
    """The lineage when a stage begins; what git does not tell is missing in it, and that is said in a warning.

    Its `run` is empty: the lineage is the same for every run of the stage.
    """
    commit, changed = _state(paths.work)
    diff = _git(paths.work, *_DIFF, *_SCOPE) if changed else git.Answer()
    if commit and diff.error:
        log.warning("the run has no record of the changes since its commit: %s", diff.error)
    patch, encoding, redacted = _patch_text(diff.output)
    left_out = diff.error is not None or len(diff.output) > MAX_PATCH_BYTES
    facts: dict[str, Any] = {
        "stage": stage,
        "git": {
            "commit": commit,
            "dirty": bool(changed),
            "changed": changed[:MAX_CHANGED],
            "patch_left_out": left_out,
            "patch_encoding": encoding,
            "patch_redacted": redacted,
        },
        "dvc_experiment": environ.get("DVC_EXP_NAME"),
        "lock_file_sha256": files.sha256(paths.lock_file) if paths.lock_file.is_file() else None,
        "seed": params.seed,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
    }
    lock = paths.work / "dvc.lock"
    return LineageLogged(
        run="",
        stage=stage,
        facts=facts,
        patch=patch if patch and not left_out else None,
        dvc_lock=lock.read_text(encoding="utf-8", errors="replace") if lock.is_file() else None,
    )


def tags(lineage: LineageLogged) -> dict[str, str]:
    """The few short tags that every run carries."""
    git, facts = lineage.facts["git"], lineage.facts
    values = {
        "mlflow.source.git.commit": git["commit"],
        "mlflow.source.name": f"glyphline {lineage.stage}",
        "mlflow.source.type": "LOCAL",
        "glyphline.dirty": str(git["dirty"]).lower() if git["commit"] else None,
        "glyphline.experiment": facts["dvc_experiment"],
        "glyphline.lock": (facts["lock_file_sha256"] or "")[:SHORT] or None,
        "glyphline.seed": str(facts["seed"]),
    }
    return {key: value for key, value in values.items() if value is not None}


def patch_bytes(lineage: LineageLogged) -> bytes:
    """The patch as `git apply` takes it; empty where there is none."""
    return (lineage.patch or "").encode(lineage.git.patch_encoding)


def _patch_text(patch: bytes) -> tuple[str, str, bool]:
    """A patch without credentials, the encoding that gives its bytes back, and whether it held credentials."""
    # The bytes of other encodings become characters that no rule of redaction takes for the end of a password.
    text = patch.decode("utf-8", "surrogateescape")
    shown = redact(text)
    redacted = shown != text
    content = ((BLANKED if redacted else "") + shown).encode("utf-8", "surrogateescape")
    try:
        return content.decode(), "utf-8", redacted
    except UnicodeDecodeError:
        # JSON holds no other bytes than those of UTF-8; in Latin-1 each byte is a character.
        return content.decode("latin-1"), "latin-1", redacted


def _state(work: Path) -> tuple[str | None, list[str]]:
    status = _git(work, *_STATUS, *_SCOPE)
    commit, changed = None, []
    for line in status.text.split("\n"):
        if line.startswith("# branch.oid "):
            commit = line.split()[-1]
        elif line and not line.startswith("#"):
            # Kind 1 has eight fields before the path, a rename (2) nine, a conflict (u) ten, an untracked file (?) one.
            changed.append(line.split(" ", {"1": 8, "2": 9, "u": 10}.get(line[0], 1))[-1].split("\t")[0])
    if commit == "(initial)":
        commit = None
    if commit is None:
        reason, fix = (
            (status.error, git.FIX) if status.error else ("there is no commit yet", "`git add -A && git commit`")
        )
        log.warning("the run has no record of its commit, and cannot be rebuilt from it: %s\nfix: %s", reason, fix)
    return commit, changed


def _git(work: Path, *arguments: str) -> git.Answer:
    return git.ask(work, *_PLAIN, *arguments, timeout_s=GIT_TIMEOUT_S)
