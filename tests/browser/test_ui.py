"""MLflow's real UI over two finished models, in headless Chromium: what a person finds there."""

import re

import pytest

from tests.project import store


@pytest.fixture(scope="module")
def runs(two_models):
    """Both models, the later first."""
    client = store(two_models)
    found = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert [run.info.run_name == "shorter" for run in found] == [True, False]
    return found


@pytest.fixture(scope="module")
def run(runs):
    return runs[0]


def runs_page(address, run, view=""):
    return f"{address}/#/experiments/{run.info.experiment_id}/runs?workflowType=machine_learning{view}"


def open_run(page, address, run, tab=""):
    page.goto(f"{address}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}{tab}")


def test_the_start_page_lists_both_experiments(page, address):
    page.goto(f"{address}/#/experiments?workflowType=machine_learning")
    page.get_by_role("link", name="digits", exact=True).first.wait_for()
    page.get_by_role("link", name="digits/tuning", exact=True).first.wait_for()


def test_the_link_in_the_note_shows_both_models_with_their_test_accuracy(page, address, runs):
    page.goto(runs_page(address, runs[0]))
    # The UI opens links of notes in a page of their own.
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Show the columns that matter").first.click()
    shown = opened.value
    shown.set_default_timeout(90_000)
    shown.get_by_role("columnheader", name="test_accuracy").first.wait_for()
    for run in runs:
        accuracy = str(run.data.metrics["test_accuracy"])[:7]
        shown.get_by_role("row").filter(has_text=accuracy).first.wait_for()
        shown.get_by_text(run.info.run_name, exact=True).first.wait_for()
    shown.close()


def test_both_models_are_ticked_and_compared_with_their_differing_parameters_and_both_curves(page, address, runs):
    page.goto(runs_page(address, runs[0]))
    page.get_by_text(runs[0].info.run_name, exact=True).first.wait_for()
    boxes = page.get_by_label("Press Space to toggle row selection")
    boxes.nth(1).wait_for()
    for box in boxes.all():
        box.check(force=True)
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("Comparing 2 Runs from 1 Experiment").wait_for()
    page.get_by_text("Show diff only").first.click()
    row = page.get_by_role("row").filter(has_text="train.epochs")
    epochs = {run.data.params["train.epochs"] for run in runs}
    assert len(epochs) == 2
    assert epochs <= set(re.findall(r"\b\d+\b", row.first.inner_text()))
    assert page.get_by_role("row").filter(has_text="model.kernel_size").count() == 0
    # Metrics of the comparison lead to the curves of both runs; those far down the list are drawn when one scrolls.
    page.get_by_role("link", name="learning_rate", exact=True).first.click()
    page.locator("svg.main-svg").first.wait_for()
    page.wait_for_function("document.querySelectorAll('.scatterlayer .trace').length >= 2")


def test_the_run_page_shows_its_note_parameters_and_test_metrics(page, address, run):
    open_run(page, address, run)
    page.get_by_text("train.learning_rate", exact=True).first.wait_for()
    page.get_by_text("test_accuracy", exact=True).first.wait_for()
    page.get_by_text("on corrupted images").first.wait_for()


@pytest.mark.parametrize("name", ["confusion_matrix", "reliability", "mistakes"])
def test_the_figures_are_pictures_in_the_artifacts(page, address, run, name):
    open_run(page, address, run, f"/artifacts/figures/{name}.png")
    picture = page.locator(f"img[src^='blob:'], img[src*='{name}']").first
    picture.wait_for()
    page.wait_for_function("image => image.naturalWidth === 880", arg=picture.element_handle())


def test_the_model_card_is_rendered_among_the_artifacts(page, address, run):
    open_run(page, address, run, "/artifacts/model_card.md")
    page.get_by_role("heading", name="digits: image classifier").wait_for()
    page.get_by_role("heading", name="Where it fails").wait_for()
    page.get_by_role("cell", name=f"{run.data.metrics['test_accuracy']:.4f}").first.wait_for()


def test_the_curves_are_drawn(page, address, run):
    open_run(page, address, run, "/model-metrics")
    page.get_by_placeholder("Search metric charts").fill("val_loss")
    page.get_by_text(re.compile(r"^val_loss$")).first.wait_for()
    page.locator("svg.main-svg").first.wait_for()


def test_the_system_metrics_have_their_page(page, address, run):
    open_run(page, address, run, "/system-metrics")
    page.get_by_text("cpu_utilization_percentage").first.wait_for()


def test_the_page_of_a_version_shows_alias_card_and_source_run(page, address, two_models, run):
    (version,) = store(two_models).search_model_versions(f"run_id = '{run.info.run_id}'")
    page.goto(f"{address}/#/models/glyphline-digits/versions/{version.version}")
    page.get_by_text("challenger").first.wait_for()
    page.get_by_text("digits: image classifier").first.wait_for()
    page.get_by_text("Decision").first.wait_for()
    page.get_by_role("link", name=run.info.run_name).first.wait_for()


def test_the_registry_shows_the_champion(page, address):
    page.goto(f"{address}/#/models/glyphline-digits")
    page.get_by_text("champion").first.wait_for()
    page.get_by_text("challenger").first.wait_for()


def test_the_trials_are_children_of_the_study(page, address, two_models):
    client = store(two_models)
    tuning = client.get_experiment_by_name("digits/tuning")
    parents = [run for run in client.search_runs([tuning.experiment_id]) if "mlflow.parentRunId" not in run.data.tags]
    page.goto(f"{address}/#/experiments/{tuning.experiment_id}/runs?workflowType=machine_learning")
    page.get_by_text(parents[0].info.run_name, exact=True).first.wait_for()
