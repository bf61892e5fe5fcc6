"""MLflow's real UI over a finished project, in headless Chromium: what a person finds there."""

import re
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest

from tests.project import store

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def address(finished):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # To a file: a pipe that nobody reads would fill up and stop the server.
    with (finished.folder / "mlruns" / "ui.log").open("w") as log:
        server = subprocess.Popen(
            ["python", "-m", "glyphline", "ui", "--port", str(port)],
            cwd=finished.folder,
            env=finished.command_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for(url, server, limit_s=180.0):
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended as it began"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"{url} did not answer within {limit_s} s")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.set_default_timeout(90_000)
    yield page
    page.close()


@pytest.fixture(scope="module")
def run(finished):
    client = store(finished)
    (run,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    return run


def open_run(page, address, run, tab=""):
    page.goto(f"{address}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}{tab}")


def test_the_start_page_lists_both_experiments(page, address):
    page.goto(f"{address}/#/experiments?workflowType=machine_learning")
    page.get_by_role("link", name="digits", exact=True).first.wait_for()
    page.get_by_role("link", name="digits/tuning", exact=True).first.wait_for()


def test_the_runs_table_has_one_row_per_model(page, address, run):
    page.goto(f"{address}/#/experiments/{run.info.experiment_id}/runs?workflowType=machine_learning")
    page.get_by_text(run.info.run_name, exact=True).first.wait_for()


def test_the_run_page_shows_parameters_and_test_metrics(page, address, run):
    open_run(page, address, run)
    page.get_by_text("train.learning_rate", exact=True).first.wait_for()
    page.get_by_text("test_accuracy", exact=True).first.wait_for()


def test_the_figures_are_pictures_in_the_artifacts(page, address, run):
    open_run(page, address, run, "/artifacts/figures/confusion_matrix.png")
    picture = page.locator("img[src^='blob:'], img[src*='confusion_matrix']").first
    picture.wait_for()
    page.wait_for_function("image => image.naturalWidth > 400", arg=picture.element_handle())


def test_the_curves_are_drawn(page, address, run):
    open_run(page, address, run, "/model-metrics")
    page.get_by_text(re.compile(r"^val_loss$")).first.wait_for()
    page.locator("svg.main-svg").first.wait_for()


def test_the_registry_shows_the_champion(page, address):
    page.goto(f"{address}/#/models/glyphline")
    page.get_by_text("champion").first.wait_for()
    page.get_by_text("challenger").first.wait_for()


def test_the_trials_are_children_of_the_study(page, address, finished):
    client = store(finished)
    tuning = client.get_experiment_by_name("digits/tuning")
    parent = next(
        run for run in client.search_runs([tuning.experiment_id]) if "mlflow.parentRunId" not in run.data.tags
    )
    page.goto(f"{address}/#/experiments/{tuning.experiment_id}/runs?workflowType=machine_learning")
    page.get_by_text(parent.info.run_name, exact=True).first.wait_for()
