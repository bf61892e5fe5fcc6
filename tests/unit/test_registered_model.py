"""Labels of a version that several processes write at once."""

from types import SimpleNamespace

import pytest
from mlflow.exceptions import MlflowException

from glyphline.registry.registered_model import RegisteredModel


class RefusingStore:
    """A client whose store refuses a new tag, as PostgreSQL does when another process has just written it."""

    def __init__(self, written: dict[str, str]) -> None:
        self.tags: dict[str, str] = {}
        self._written = written

    def get_model_version(self, name, version):
        return SimpleNamespace(tags=dict(self.tags), description="")

    def set_model_version_tag(self, name, version, key, value):
        self.tags |= self._written
        raise MlflowException("UniqueViolation")


def test_a_label_that_another_process_has_just_written_is_no_failure():
    store = RefusingStore({"verdict": "passed"})
    RegisteredModel(store, "shapes").set_labels(1, {"verdict": "passed"})
    assert store.tags == {"verdict": "passed"}


@pytest.mark.parametrize("written", [{}, {"verdict": "refused"}])
def test_any_other_refusal_of_a_label_is_raised(written):
    with pytest.raises(MlflowException, match="UniqueViolation"):
        RegisteredModel(RefusingStore(written), "shapes").set_labels(1, {"verdict": "passed"})
