"""Headless Chromium, and MLflow's real UI over a project with two models."""

import os
import shutil

import pytest

from tests import servers

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_collection_modifyitems(items):
    # In CI its absence is an error.
    if CHROMIUM is None and not os.environ.get("CI"):
        for item in items:
            if "tests/browser" in item.path.as_posix():
                item.add_marker(pytest.mark.skip(reason="no Chromium on PATH (Debian: apt-get install chromium)"))


@pytest.fixture(scope="session")
def address(two_models):
    port = servers.free_port()
    command = ["python", "-m", "glyphline", "ui", "--port", str(port)]
    log, environment = two_models.folder / "mlruns" / "ui.log", two_models.command_environment()
    with servers.answering(command, port, log, cwd=two_models.folder, env=environment) as found:
        yield found


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium on PATH (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.set_default_timeout(90_000)
    # MLflow opens a panel for language models on first sight, over a third of the page.
    page.add_init_script(
        "for (const key of ['panelOpen_v1', 'fab.autoOpenedOnFirstLoad_v1'])"
        " localStorage.setItem('mlflow.assistant.' + key, JSON.stringify(key.startsWith('fab')))"
    )
    yield page
    page.close()
