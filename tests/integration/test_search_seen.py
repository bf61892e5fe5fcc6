"""What a person sees of a search: figures, `glyphline study`, progress."""

import io
import shutil

import pytest
from rich.console import Console

from glyphline import tuning
from glyphline.commands import study
from glyphline.errors import SearchError
from glyphline.paths import Paths
from glyphline.tuning.overview import study_names, study_overview
from glyphline.tuning.trial_progress import trial_progress
from tests.searches import IDENTITY, STUDY, Watched, bowl, light, nothing, run


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "optuna.db"
    run(light(trials=8, finalists=1, seeds=2), path)
    return path


def drawn(params, folder):
    tuning.search(
        params,
        STUDY,
        tuning.StudyLocation(folder / "optuna.db"),
        Watched(),
        nothing,
        identity=IDENTITY,
        objective=bowl,
        figures=folder / "figures",
    )
    return {path.name for path in (folder / "figures").iterdir()}


def test_a_study_is_drawn_as_pictures_and_as_one_page_that_needs_no_network(tmp_path):
    assert drawn(light(trials=8), tmp_path) == {
        "timeline.png",
        "optimization_history.png",
        "intermediate_values.png",
        "slice.png",
        "parallel_coordinate.png",
        "param_importances.png",
    }
    page = (tmp_path / "study.html").read_text(encoding="utf-8")
    assert "<script src=" not in page
    assert page.count("Plotly.newPlot(") >= 6


def test_a_front_is_drawn_with_the_names_of_the_objectives(tmp_path):
    files = drawn(light(trials=6, objectives=("val_loss", "model_size")), tmp_path)
    assert files == {"timeline.png", "pareto_front.png"}
    assert "model_size" in (tmp_path / "study.html").read_text(encoding="utf-8")


def test_a_study_of_one_trial_is_drawn_without_what_needs_more(tmp_path):
    files = drawn(light(trials=1), tmp_path)
    assert {"timeline.png", "optimization_history.png"} <= files
    assert "param_importances.png" not in files


def test_the_importance_of_parameters_is_left_out_where_it_would_be_a_guess(tmp_path):
    searched = len(light(trials=1).tune.space)
    assert "param_importances.png" not in drawn(light(trials=searched), tmp_path / "few")
    assert "param_importances.png" in drawn(light(trials=searched + 1), tmp_path / "enough")


def test_an_overview_has_every_trial_and_changes_nothing(database):
    before = database.read_bytes()
    overview = study_overview(tuning.StudyLocation(database), STUDY)
    assert [row.number for row in overview.rows] == list(range(8))
    assert sum(overview.states.values()) == 8
    assert overview.front == (
        min((row for row in overview.rows if row.state == "complete"), key=lambda r: r.val_loss).number,
    )
    assert overview.seconds > 0
    assert study_names(tuning.StudyLocation(database)) == [STUDY]
    assert database.read_bytes() == before


def test_the_error_for_a_missing_study_lists_the_existing_ones(database, tmp_path):
    with pytest.raises(SearchError, match=f"there are {STUDY}"):
        study_overview(tuning.StudyLocation(database), "nobody")
    with pytest.raises(SearchError, match="there are none yet"):
        study_overview(tuning.StudyLocation(tmp_path / "none.db"), "nobody")
    assert not (tmp_path / "none.db").exists()


def test_the_command_prints_state_settings_and_trials(database, tmp_path):
    paths = Paths(tmp_path, tmp_path)
    paths.mlruns.mkdir()
    shutil.copy(database, paths.study)
    out = io.StringIO()
    study.show(light(trials=8), paths, STUDY, Console(file=out, width=200))
    text = out.getvalue()
    assert "sampler tpe" in text
    assert "tune.trials is 8" in text
    assert "learning_rate" in text
    assert len([line for line in text.splitlines() if line.split()[:1] and line.split()[0].isdigit()]) == 8


def test_a_terminal_gets_a_bar_with_the_best_value_and_what_was_pruned(database):
    import optuna

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    trials = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{database}").get_trials()
    out = Terminal()
    with trial_progress("trial", 8, out) as on_trial_end:
        on_trial_end(trials[-1], trials)
    assert "best 0." in out.getvalue()
    assert "8/8" in out.getvalue()


def test_the_bar_of_a_search_that_goes_on_begins_at_its_trials_and_leaves_its_result(database, caplog):
    import optuna

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    trials = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{database}").get_trials()
    out = Terminal()
    with caplog.at_level("INFO", logger="glyphline"), trial_progress("trial", 9, out, ended=trials) as on_trial_end:
        on_trial_end(trials[-1], trials)
    assert "8/9" in out.getvalue()
    assert "0/9" not in out.getvalue()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("trials: 8 of 9, best 0.")


def test_a_log_gets_a_line_per_trial(database, caplog):
    import optuna

    trials = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{database}").get_trials()
    with caplog.at_level("INFO", logger="glyphline"), trial_progress("trial", 8, io.StringIO()) as on_trial_end:
        on_trial_end(trials[0], trials)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("trial 0 (1 of 8): complete, val_loss 0.")
