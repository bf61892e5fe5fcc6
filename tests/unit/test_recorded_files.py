"""Files of a stage against its journal."""

import pytest

from glyphline.errors import ArtifactError
from glyphline.journal import check_recorded, journal_file, run_files
from glyphline.journal.run_events import ArtifactLogged, RunResumed


@pytest.fixture
def stage(tmp_path):
    """The folder of a stage, whose journal recorded `history.csv`."""
    folder = tmp_path / "artifacts" / "train"
    writer = journal_file.Writer.open(folder / "journal.jsonl", "train")
    (folder / "history.csv").write_text("epoch,val_loss\n0,0.5\n")
    (folder / "other.csv").write_text("never recorded\n")
    writer.append(RunResumed(run="a"))
    writer.append(ArtifactLogged(run="a", file=run_files.digest(folder / "history.csv", tmp_path)))
    writer.close()
    return folder


def test_a_file_as_it_was_recorded_passes_and_so_does_one_that_is_left_to_its_reader(stage):
    names = ("history.csv", "other.csv", "missing.csv")
    check_recorded(stage / "journal.jsonl", *(stage / name for name in names))


def test_a_changed_file_is_named_with_the_stage_that_makes_it_again(stage):
    (stage / "history.csv").write_text("epoch,val_loss\n0,0.4\n")
    with pytest.raises(ArtifactError, match=r"history\.csv was changed after it was written") as caught:
        check_recorded(stage / "journal.jsonl", stage / "history.csv")
    assert "`dvc repro --force --single-item train`" in caught.value.fix
    assert "`dvc checkout --force`" in caught.value.fix
