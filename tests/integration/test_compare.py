"""Comparison of runs that journals, DVC's cache and MLflow's store hold; no network is trained."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from glyphline import cli, data, journal, mlflow_sync, records
from glyphline.commands import compare as compare_command
from glyphline.errors import ArtifactError, DataError, RegistryError
from glyphline.evaluation import measure
from glyphline.scoring import predictions
from glyphline.scoring.predictions import Predictions
from glyphline.values import Split
from tests.conftest import changed, environment, made_split
from tests.integration.conftest import silent

HISTORY = ((0.9, 0.5), (0.4, 0.8), (0.3, 0.9))


class Runs:
    """Makes runs as train and evaluate do, and commits them as DVC does."""

    def __init__(self, paths, params, split: Split) -> None:
        self.paths, self.params, self.split = paths, params, split
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Tester")
        self.git("config", "user.email", "tester@example.invalid")

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.paths.work, check=True, capture_output=True)

    def make(
        self, name: str, wrong: int, *, values=None, split: Split | None = None, evaluated=True, scored=measure
    ) -> str:
        """Record a run that is wrong on the first `wrong` images; commit it under a tag of its name."""
        paths, split = self.paths, split or self.split
        used = changed(self.params, values or {})
        with journal.record(used, paths, stage="train", environ={}, launch=silent) as recorder:
            run = recorder.start(experiment="shapes", name=name)
            run.params(used.flat())
            for epoch, (loss, accuracy) in enumerate(HISTORY):
                run.metrics({"val_loss": loss + wrong / 100, "val_accuracy": accuracy}, step=epoch)
            run.end()
        if evaluated:
            self._evaluate(used, split, wrong, scored)
        self._commit(name)
        return run.key

    def _evaluate(self, params, split: Split, wrong: int, scored) -> None:
        predicted = split.labels.copy()
        predicted[:wrong] = (predicted[:wrong] + 1) % len(split.classes)
        probs = np.full((len(split), len(split.classes)), 0.05, dtype=np.float32)
        probs[np.arange(len(split)), predicted] = 0.9
        kept = Predictions(probs, split.labels, split.classes, split.digest, f"{wrong:064d}")
        digest = predictions.write(self.paths.predictions, kept)
        scores = scored(kept, bins=15, dataset="shapes", predictions_sha256=digest)
        records.write(self.paths.evaluation, scores)
        with journal.record(params, self.paths, stage="evaluate", environ={}, launch=silent) as recorder:
            run = recorder.resume(journal.last_key(self.paths.journal("train")))
            run.metrics({"test_accuracy": scores.accuracy})
            run.artifact(self.paths.evaluation)
            run.artifact(self.paths.predictions)
            run.end()

    def _commit(self, name: str) -> None:
        stages = {}
        for stage in ("train", "evaluate"):
            outs = []
            for path in sorted(self.paths.stage(stage).glob("*.*")):
                md5 = hashlib.md5(path.read_bytes()).hexdigest()
                cached = self.paths.home / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
                cached.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, cached)
                outs.append({"path": path.relative_to(self.paths.work).as_posix(), "hash": "md5", "md5": md5})
            stages[stage] = {"cmd": "true", "outs": outs}
        with (self.paths.work / "dvc.lock").open("w") as stream:
            YAML().dump({"schema": "2.0", "stages": stages}, stream)
        self.git("add", "dvc.lock")
        self.git("commit", "-q", "-m", name)
        self.git("tag", f"at-{name}")


@pytest.fixture
def params(default_params):
    return changed(default_params, {"registry.name": "shapes"})


@pytest.fixture
def runs(project, params):
    return Runs(project, params, data_split(project))


def data_split(paths) -> Split:
    """A test split on disk, as preprocess leaves it."""
    made = made_split("test", 60, seed=4)
    paths.split("test").mkdir(parents=True)
    data.save(paths.split("test"), made.name, made.images, made.labels, classes=made.classes, dataset="shapes")
    return data.load(paths.split("test"))


@pytest.fixture
def compare(project, params):
    def run(*references: str, markdown: bool = True) -> str:
        return compare_command.run(references, params, project, project.mlruns / "compare.html", as_markdown=markdown)

    return run


def numbers(text: str) -> list[str]:
    """Every number with decimals in a report."""
    return re.findall(r"\d\.\d+", text)


def page(paths) -> str:
    return (paths.mlruns / "compare.html").read_text()


def test_runs_revisions_and_the_workspace_name_the_same_models(runs, compare, project):
    key = runs.make("first", wrong=12)
    runs.make("second", wrong=2, values={"train.learning_rate": 0.001})
    by_name = compare("first", "second")
    for first, second in (("at-first", "at-second"), (key, "workspace"), (key[:10], "HEAD"), ("HEAD~1", "main")):
        assert numbers(compare(first, second)) == numbers(by_name)


def test_the_report_holds_parameters_scores_tests_curves_and_images(runs, compare, project):
    runs.make("first", wrong=12)
    runs.make("second", wrong=2, values={"train.learning_rate": 0.001})
    text = compare("first", "second")
    assert "**second against first: accuracy better by 16.67 points (p = 0.002); log loss better by" in text
    assert "| accuracy | 0.8000 (0.6822 to 0.8817) | 0.9667 (" in text
    assert f"| train.learning_rate | {runs.params.train.learning_rate:g} | 0.001 |" in text
    assert "| 10 against 0 |" in text
    assert "model.dropout" not in text
    html = page(project)
    assert html.count("data:image/png;base64,") == 2 + 10
    assert "second right, first wrong: 10" in html
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", html)
    assert not re.search(r"\bnan\b", re.sub(r"base64,[^\"]*", "", html), re.IGNORECASE)


def test_the_terminal_shows_the_same_numbers(runs, compare):
    runs.make("first", wrong=12)
    runs.make("second", wrong=2)
    text = compare("first", "second", markdown=False)
    assert "0.8000 (0.6822 to 0.8817)" in text
    assert "Paired tests on the same 60 images" in text


def test_three_models_are_corrected_for_three_pairs(runs, compare, project):
    for name, wrong in (("a", 12), ("b", 4), ("c", 4)):
        runs.make(name, wrong=wrong)
    text = compare("a", "b", "c")
    assert "p (Holm)" in text
    # McNemar of 0 and 8 disagreements is 2 / 2**8; the smallest of three is taken times three.
    assert f"{3 * 2 / 2**8:.3f}" in text
    assert "c against b: accuracy equal; log loss equal." in text
    assert "corrected for the number of pairs (Holm)" in page(project).replace("\n", " ")


def test_the_same_comparison_gives_the_same_bytes(runs, compare, project):
    runs.make("first", wrong=12)
    runs.make("second", wrong=2)
    one = compare("first", "second"), page(project)
    assert (compare("first", "second"), page(project)) == one


def test_one_run_under_two_names_is_equal_to_itself(runs, compare):
    # What a pull request shows that touches no stage.
    runs.make("only", wrong=3)
    text = compare("at-only", "workspace")
    assert "**workspace against at-only: accuracy equal; log loss equal.**" in text
    assert "Parameters that differ" not in text


def test_scores_from_different_test_splits_are_refused_with_the_reason(runs, compare):
    runs.make("first", wrong=3)
    runs.make("other", wrong=3, split=made_split("test", 40, seed=9))
    with pytest.raises(DataError, match=r"first and other were scored on different test splits") as caught:
        compare("first", "other")
    assert "same test split" in caught.value.fix


def test_an_unknown_name_lists_the_nearest(runs, compare):
    runs.make("baseline", wrong=3)
    with pytest.raises(ArtifactError, match="'basline' is no run") as caught:
        compare("basline", "workspace")
    assert "nearest: baseline" in caught.value.fix


def test_a_workspace_without_a_run_is_not_proposed_and_says_how_to_get_one(runs, compare, project):
    runs.make("baseline", wrong=3)
    kept = shutil.move(project.work / "artifacts", project.work / "away")
    with pytest.raises(ArtifactError, match="the workspace holds no run") as caught:
        compare("workspace", "baseline")
    assert "`dvc repro`" in caught.value.fix
    with pytest.raises(ArtifactError) as caught:
        compare("workspaec", "baseline")
    assert "nearest: baseline;" in caught.value.fix
    # As `dvc checkout` does, which is advised.
    shutil.move(kept, project.work / "artifacts")
    assert "equal" in compare("workspace", "baseline")


def test_a_project_without_any_run_proposes_none(runs, compare):
    with pytest.raises(ArtifactError, match="'first' is no run") as caught:
        compare("first", "second")
    assert "make a run with `dvc repro`" in caught.value.fix


def test_a_revision_whose_run_is_not_in_the_cache_is_found_after_the_fetch_that_is_advised(runs, compare, project):
    def dvc(*arguments: str) -> None:
        # Its first start looks for a newer release.
        environ = environment() | {"DVC_NO_ANALYTICS": "1", "CI": "1"}
        subprocess.run(["dvc", *arguments], cwd=project.work, check=True, capture_output=True, env=environ)

    stages = {
        "train": ["artifacts/train/journal.jsonl"],
        "evaluate": [f"artifacts/evaluate/{name}" for name in ("evaluation.json", "journal.jsonl", "predictions.npz")],
    }
    dvc("init", "-q", "-f")
    # Before the first commit: DVC looks for the outs of a commit where that commit's own configuration says.
    dvc("remote", "add", "-q", "--default", "away", str(project.work / "remote"))
    with (project.work / "dvc.yaml").open("w") as stream:
        YAML().dump({"stages": {name: {"cmd": "true", "outs": outs} for name, outs in stages.items()}}, stream)
    runs.git("add", ".dvc", "dvc.yaml")
    for name, wrong in (("first", 12), ("second", 2)):
        runs.make(name, wrong=wrong)
    expected = compare("at-first", "workspace")
    cache = project.home / ".dvc" / "cache" / "files"
    shutil.move(cache, project.work / "remote" / "files")
    with pytest.raises(ArtifactError, match="the run of at-first is not in DVC's cache") as caught:
        compare("at-first", "workspace")
    assert "`dvc fetch --all-commits`" in caught.value.fix
    dvc("fetch", "-q", "--all-commits")
    assert compare("at-first", "workspace") == expected


def test_a_run_that_is_not_committed_yet_is_the_workspace_as_advised(runs, compare, project):
    runs.make("first", wrong=12)
    shutil.rmtree(project.home / ".dvc" / "cache")
    with pytest.raises(ArtifactError, match="the run of HEAD is not in DVC's cache") as caught:
        compare("HEAD", "workspace")
    assert "not committed yet is `workspace`" in caught.value.fix
    assert "equal" in compare("workspace", "first")


def test_a_run_that_was_not_evaluated_is_named(runs, compare):
    runs.make("first", wrong=3)
    shutil.rmtree(runs.paths.evaluate)
    runs.make("bare", wrong=0, evaluated=False)
    with pytest.raises(ArtifactError, match=r"run bare has no evaluation\.json: it was not evaluated"):
        compare("first", "bare")


def test_an_artifact_that_was_edited_is_refused_and_the_copy_in_the_cache_heals_it(runs, compare, project):
    runs.make("first", wrong=3)
    runs.make("second", wrong=2)
    before = compare("first", "second")
    text = project.evaluation.read_text()
    project.evaluation.write_text(text.replace('"correct": 58', '"correct": 60'))
    assert compare("first", "second") == before
    shutil.rmtree(project.home / ".dvc" / "cache" / "files" / "md5")
    with pytest.raises(ArtifactError, match=r"evaluation\.json was changed after run second wrote it"):
        compare("workspace", "first")


def test_without_the_test_split_the_page_says_why_no_image_is_there(runs, compare, project):
    runs.make("first", wrong=3)
    runs.make("second", wrong=2)
    shutil.rmtree(project.split("test"))
    compare("first", "second")
    assert "is not in <code>data/processed/test</code>" in page(project)


def test_a_damaged_picture_is_not_shown_and_the_page_says_so(runs, compare, project):
    runs.make("first", wrong=3)
    runs.make("second", wrong=2)
    before = compare("first", "second")
    path = project.split("test") / "images.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert compare("first", "second") == before
    assert "or was damaged there" in page(project)
    assert "test image" not in page(project).partition("<body>")[2].replace("test images", "")


def test_one_model_twice_is_refused(runs, compare):
    runs.make("first", wrong=3)
    with pytest.raises(DataError, match="named twice"):
        compare("first", "first")


def test_the_command_writes_the_page_and_tells_mistakes_in_two_lines(runs, project, root, capsys, monkeypatch):
    runs.make("first", wrong=3)
    runs.make("second", wrong=2)
    shutil.copy(root / "params.yaml", project.params)
    monkeypatch.chdir(project.work)
    assert cli.run(["compare", "first", "second", "--markdown", "--html", "out/report.html"]) == 0
    assert capsys.readouterr().out.startswith("## Models compared\n")
    assert (project.work / "out" / "report.html").read_text().startswith("<!doctype html>")
    assert cli.run(["compare", "first"]) == 2
    assert "name at least two models" in capsys.readouterr().err
    assert cli.run(["compare", "first", "secnd"]) == 4
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()[-2:]] == ["error", "fix"]


@pytest.fixture
def stored(runs, params, project):
    """Two runs in the store whose journals are gone, and a client."""
    keys = []
    for name, wrong in (("first", 12), ("second", 2)):
        keys.append(runs.make(name, wrong=wrong))
        mlflow_sync.sync(params, project)
    for stage in ("train", "evaluate"):
        shutil.rmtree(project.stage(stage))
    shutil.rmtree(project.home / ".dvc")
    from mlflow import MlflowClient

    uri = f"sqlite:///{project.store}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri), keys


def test_runs_whose_journals_are_elsewhere_come_from_the_store(stored, compare):
    client, _ = stored
    experiment = client.get_experiment_by_name("shapes").experiment_id
    ids = {run.info.run_name: run.info.run_id for run in client.search_runs([experiment])}
    by_name = compare("first", "second")
    assert "accuracy better by 16.67 points" in by_name
    by_id = compare(ids["first"], ids["second"])
    assert by_id.replace(ids["first"], "first").replace(ids["second"], "second") == by_name


def test_versions_and_aliases_name_the_run_that_they_were_made_of(stored, compare):
    client, _ = stored
    client.create_registered_model("shapes")
    experiment = client.get_experiment_by_name("shapes").experiment_id
    for run in sorted(client.search_runs([experiment]), key=lambda run: run.info.start_time):
        client.create_model_version("shapes", source=f"file:///{run.info.run_name}", run_id=run.info.run_id)
    client.set_registered_model_alias("shapes", "champion", "2")
    expected = compare("first", "second")
    for first, second in (("1", "2"), ("models:/shapes/1", "shapes@champion"), ("v1", "@champion")):
        text = compare(first, second)
        assert numbers(text) == numbers(expected)
        assert f"**{second} against {first}: accuracy better by 16.67 points" in text
    with pytest.raises(RegistryError, match="has no alias 'champoin'") as caught:
        compare("shapes@champoin", "1")
    assert "nearest: champion" in caught.value.fix
    with pytest.raises(RegistryError, match="has no version 7") as caught:
        compare("models:/shapes/7", "1")
    assert "nearest: 1, 2" in caught.value.fix
    with pytest.raises(RegistryError, match="no registered model 'shape'") as caught:
        compare("shape@champion", "1")
    assert "nearest: shapes" in caught.value.fix


def test_a_run_that_glyphline_did_not_make_is_named(stored, compare):
    client, _ = stored
    experiment = client.get_experiment_by_name("shapes").experiment_id
    client.create_run(experiment, run_name="by-hand")
    with pytest.raises(ArtifactError, match=r"run by-hand has no evaluation\.json"):
        compare("by-hand", "first")


def test_predictions_that_were_edited_in_the_store_are_refused(stored, compare):
    client, _ = stored
    experiment = client.get_experiment_by_name("shapes").experiment_id
    run = next(run for run in client.search_runs([experiment]) if run.info.run_name == "first")
    folder = run.info.artifact_uri.removeprefix("file://")
    path = Path(folder) / "predictions.npz"
    kept = predictions.read(path)
    predictions.write(path, Predictions(kept.probs[::-1].copy(), kept.labels, kept.classes, kept.test_digest, "w"))
    with pytest.raises(ArtifactError, match="was changed after it was written"):
        compare("first", "second")


def test_the_lineage_of_a_run_in_the_store_is_shown(stored, compare):
    _, keys = stored
    text = compare("first", "second")
    assert keys[0][:16] in text
    assert "| seed | 42 | 42 |" in text


def test_an_evaluation_and_predictions_that_do_not_belong_together_are_not_compared(runs, compare):
    runs.make("first", wrong=12)

    def embellished(*arguments, **named):
        return measure(*arguments, **named).model_copy(update={"correct": 60})

    runs.make("second", wrong=2, scored=embellished)
    with pytest.raises(ArtifactError, match=r"of second do not belong together: 60 right .* and 58 right"):
        compare("first", "second")


def pictures(paths) -> list[str]:
    """Every picture of the page, in its order."""
    return re.findall(r"data:image/png;base64,[^\"]+", page(paths))


def test_runs_that_come_from_the_store_are_drawn_as_those_of_journals(runs, params, project, compare):
    for name, wrong in (("first", 12), ("second", 2)):
        runs.make(name, wrong=wrong)
        mlflow_sync.sync(params, project)
    compare("first", "second")
    of_journals = pictures(project)
    for stage in ("train", "evaluate"):
        shutil.rmtree(project.stage(stage))
    shutil.rmtree(project.home / ".dvc")
    compare("first", "second")
    # Two curves, then the images that only one of the two gets right.
    assert len(of_journals) == 2 + 10
    assert pictures(project) == of_journals
