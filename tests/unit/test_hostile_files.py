"""The files that come with a project may be anybody's: what is wrong in them is told in two lines."""

import json

import pytest
from rich.console import Console

from glyphline import epoch_history, records, stage_times
from glyphline.commands import summary
from glyphline.errors import PipelineError
from glyphline.paths import Paths
from glyphline.records import Evaluation, RawManifest
from glyphline.registry import log_events
from tests.conftest import made_evaluation
from tests.made_records import BEST, DECISION
from tests.registered import training

RECORDS = {
    "best": BEST,
    "training": training("f" * 64),
    "evaluation": made_evaluation(90, 100),
    "decision": DECISION,
}
STRANGE = [
    None,
    True,
    -1,
    0,
    10**400,
    1e308,
    "../../x",
    "a\0b",
    "\x1b[2J",
    "x" * 10_000,
    [],
    {},
    [[]],
    {"a": {"b": []}},
]


@pytest.fixture
def paths(tmp_path):
    paths = Paths(tmp_path, tmp_path)
    for name, record in RECORDS.items():
        records.write(getattr(paths, name), record)
    return paths


def told(show) -> PipelineError | None:
    try:
        show()
    except PipelineError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name, record in RECORDS.items() for field in type(record).model_fields]
)
def test_a_strange_value_is_shown_or_told(default_params, paths, name, field):
    content = RECORDS[name].model_dump(mode="json")
    for value in STRANGE:
        getattr(paths, name).write_text(json.dumps(content | {field: value}))
        error = told(lambda: summary.show(default_params, paths, Console(quiet=True)))
        assert error is None or (str(paths.work) in error.problem and "dvc" in error.fix)
    del content[field]
    getattr(paths, name).write_text(json.dumps(content))
    if RECORDS[name].__class__.model_fields[field].is_required():
        with pytest.raises(PipelineError):
            summary.show(default_params, paths, Console(quiet=True))


@pytest.mark.parametrize("name", RECORDS)
def test_a_folder_in_the_place_of_a_file_is_told(default_params, paths, name):
    getattr(paths, name).unlink()
    getattr(paths, name).mkdir()
    with pytest.raises(PipelineError, match="is a folder"):
        summary.show(default_params, paths, Console(quiet=True))


def test_a_history_that_is_a_folder_is_told(tmp_path):
    with pytest.raises(PipelineError):
        epoch_history.read(tmp_path)


@pytest.mark.parametrize(
    "text", ["[1]", '{"train": "long"}', '{"train": null}', "[" * 100_000, '{"a": 1' + "0" * 400 + "}"]
)
def test_damaged_times_cost_no_stage_its_result(tmp_path, text):
    times, out = tmp_path / "times.json", tmp_path / "training.json"
    times.write_text(text)
    assert stage_times.seconds(times, "train", out) is None
    with stage_times.measured(times, "train", out):
        out.touch()
    assert stage_times.seconds(times, "train", out) >= 0


@pytest.mark.parametrize("name", ["../../key", "/etc/passwd", "a/b", ""])
def test_the_manifest_of_the_data_names_no_file_outside(tmp_path, name):
    file = {"source": "s", "sha256": "0" * 64, "size_bytes": 1}
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {"dataset": "d", "licence": "l", "citation": "c", "reader": "npz", "files": {name: file}, "counts": {},
             "classes": []}
        )
    )  # fmt: skip
    with pytest.raises(PipelineError, match="is damaged"):
        records.read(tmp_path / "manifest.json", RawManifest, stage="fetch")


@pytest.mark.parametrize("digest", ["../../../home/key", "/etc/passwd", "a\0b", ""])
def test_no_digest_leads_to_another_folder(tmp_path, digest):
    content = json.loads(made_evaluation(90, 100).model_dump_json()) | {"predictions_sha256": digest}
    (tmp_path / "evaluation.json").write_text(json.dumps(content))
    with pytest.raises(PipelineError, match="predictions_sha256"):
        records.read(tmp_path / "evaluation.json", Evaluation, stage="evaluate")


def judged(**changes) -> str:
    fields = {
        "kind": "judged", "version": 1, "run_id": "a" * 32, "dataset": "d", "accuracy": 0.9, "test_digest": "t",
        "weights_digest": "w", "predictions_sha256": "p", "files": {}, "promoted": True, "rules": [], "champion": None,
        "champion_weights": None, "champion_accuracy": None, "comparison": None, "level": None, "p_value": None,
    }  # fmt: skip
    return json.dumps(fields | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": "../../x"},
        {"predictions_sha256": "../../x"},
        {"comparison": 10**400},
        {"comparison": 0},
        {"accuracy": float("nan")},
        {"p_value": float("inf")},
        {"rules": 5},
    ],
)
def test_an_entry_of_the_log_that_nobody_wrote_is_none(changes):
    assert log_events.decode(judged())
    with pytest.raises(ValueError, match="validation error"):
        log_events.decode(judged(**changes))
