"""Errors that a person can mend, one exit code per kind.

    PipelineError
    ├── ParamsError      2   params.yaml holds something that cannot be meant
    ├── DataError        3   a source, a download or an array is not what it should be
    ├── ArtifactError    4   the output of an earlier stage is missing, old or damaged
    ├── TrackingError    5   the tracking store cannot be reached or refuses what it is sent
    │   └── DriverMissingError   no package here speaks to its kind of database
    ├── SearchError      6   the study cannot be opened, or it holds no finished trial
    ├── RegistryError    7   the model registry cannot do what it was asked for
    │   └── ReadOnlyError    it can be read, and not written
    └── TrainingError    8   the network and the data do not go together, or the fit diverged

Anything else that is raised is a mistake of this program and is shown with its traceback, but for a full disk and for a
file that may not be touched: those are two lines as well, and 9.
"""

from collections.abc import Callable
from typing import ClassVar


class PipelineError(Exception):
    """Something that the person at the terminal can put right.

    Args:
        problem: what is wrong, with the value received.
        fix: the next thing to do, as a sentence or a command.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str, *, fix: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix

    def __reduce__(self) -> tuple[Callable[..., "PipelineError"], tuple[object, ...]]:
        """For pickle, which knows no arguments with names."""
        return _again, (type(self), self.problem, self.fix)


class ParamsError(PipelineError):
    """params.yaml cannot be read or holds a value that is not allowed."""

    exit_code = 2


class DataError(PipelineError):
    """A data set cannot be had, or it is not what its digests say."""

    exit_code = 3


class ArtifactError(PipelineError):
    """An output of an earlier stage is missing or damaged."""

    exit_code = 4


class TrackingError(PipelineError):
    """The tracking store is out of reach or refuses a request."""

    exit_code = 5


class DriverMissingError(TrackingError):
    """The package that speaks to the tracking store's kind of database is missing.

    Args:
        store: the URI, without credentials.
        reason: of the import.
    """

    def __init__(self, store: str, reason: ImportError) -> None:
        super().__init__(
            f"the tracking store {store} needs a Python package that is missing ({reason})",
            fix="install the driver of that database, or name another one: postgresql+psycopg://, mysql+pymysql://",
        )


class SearchError(PipelineError):
    """The search cannot start, or ended without one finished trial."""

    exit_code = 6


class RegistryError(PipelineError):
    """The model registry refuses a request."""

    exit_code = 7


class ReadOnlyError(RegistryError):
    """The model registry, or the lock in front of it, cannot be written."""


class TrainingError(PipelineError):
    """The network cannot be built for these images, or the fit diverged."""

    exit_code = 8


def _again(kind: type[PipelineError], problem: str, fix: str) -> PipelineError:
    # Some kinds make their problem of other arguments.
    error = kind.__new__(kind)
    PipelineError.__init__(error, problem, fix=fix)
    return error
