"""Git, asked about a folder whatever the shell or the hook that started this program has set for its own git."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

# Git gives the first ones to its hooks, and they name the repository and the index of the hook; the last ones change
# how the paths on a command line are read. Settings (GIT_CONFIG_COUNT) stay: `safe.directory` may be among them.
NOT_INHERITED = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
        "GIT_GLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        "GIT_LITERAL_PATHSPECS",
        "GIT_NOGLOB_PATHSPECS",
    }
)
FIX = "make `git status` work in the project's folder"
"""What helps when git does not open a repository; git's own words say how."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What git answers.

    Attributes:
        output: its standard output, as bytes: the line ends and encodings of a patch are those of its files.
        error: why it failed, in one line; None when it did not.
    """

    output: bytes = b""
    error: str | None = None

    @property
    def text(self) -> str:
        """The output; what is no UTF-8 in it is replaced."""
        return self.output.decode("utf-8", "replace")


def ask(folder: Path, *arguments: str, stdin: str = "", timeout_s: float | None = None) -> Answer:
    """Run git in a folder, without hooks.

    Args:
        folder: in which git looks for its repository.
        arguments: of git.
        stdin: its standard input.
        timeout_s: seconds after which the answer is an error; None waits.
    """
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-c", "core.hooksPath=/dev/null", *arguments],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name not in NOT_INHERITED},
            input=stdin.encode(),
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except OSError as error:
        return Answer(error=f"git cannot be started: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Answer(error=f"git did not answer within {timeout_s:g} s")
    if done.returncode:
        message = " ".join(done.stderr.decode("utf-8", "replace").split())
        return Answer(error=message or f"git ended with exit code {done.returncode}")
    return Answer(done.stdout)
