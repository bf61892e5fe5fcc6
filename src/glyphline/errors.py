"""Errors that a person can correct, one exit code per kind.

    PipelineError
    ├── ParamsError      2   params.yaml cannot be read or holds a value that is not allowed
    ├── DataError        3   a source, a download or an array is not what it should be
    │   └── PictureError     one file is no image that can be used
    ├── ArtifactError    4   the output of an earlier stage is missing, old or damaged
    ├── TrackingError    5   the tracking store cannot be reached or refuses a request
    │   └── DriverMissingError   the driver of its database is not installed
    ├── SearchError      6   the study cannot be opened, or it holds no finished trial
    ├── RegistryError    7   the model registry refuses a request
    │   └── ReadOnlyError    it can be read but not written
    └── TrainingError    8   the network cannot be built for these images, or the fit diverged

Any other error is a bug of this program and is shown with its traceback, except for a full disk and for a file without
permission: these are two lines as well, with exit code 9.
"""

from collections.abc import Callable
from functools import partial
from typing import ClassVar


class PipelineError(Exception):
    """An error that the user can correct.

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
        """For pickle, which passes no keyword arguments."""
        return _restored, (type(self), self.problem, self.fix)


class ParamsError(PipelineError):
    """params.yaml cannot be read or holds a value that is not allowed."""

    exit_code = 2


class DataError(PipelineError):
    """A data set cannot be read, or it does not match its digests."""

    exit_code = 3


class PictureError(DataError):
    """One file is no image that can be used.

    Args:
        name: of the file.
        reason: what is wrong with it, as the rest of a sentence that begins with the name.
        fix: the next thing to do.
    """

    def __init__(self, name: str, reason: str, *, fix: str) -> None:
        super().__init__(f"{name} {reason}", fix=fix)
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[Callable[..., "PictureError"], tuple[object, ...]]:
        """For pickle, which passes no keyword arguments."""
        return partial(PictureError, fix=self.fix), (self.name, self.reason)


class ArtifactError(PipelineError):
    """An output of an earlier stage is missing or damaged."""

    exit_code = 4


class TrackingError(PipelineError):
    """The tracking store is out of reach or refuses a request."""

    exit_code = 5


class DriverMissingError(TrackingError):
    """The driver of the tracking store's database is not installed.

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
    """The search cannot start, or it ended without a finished trial."""

    exit_code = 6


class RegistryError(PipelineError):
    """The model registry refuses a request."""

    exit_code = 7


class ReadOnlyError(RegistryError):
    """The model registry, or the lock in front of it, cannot be written."""


class TrainingError(PipelineError):
    """The network cannot be built for these images, or the fit diverged."""

    exit_code = 8


def _restored(kind: type[PipelineError], problem: str, fix: str) -> PipelineError:
    # Some kinds have a constructor with other arguments.
    error = kind.__new__(kind)
    PipelineError.__init__(error, problem, fix=fix)
    return error
