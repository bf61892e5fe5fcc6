"""Headless Chromium, and MLflow's real UI over a project with two models."""

import shutil
import socket
import subprocess
import time
import urllib.request

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_collection_modifyitems(items):
    if CHROMIUM is None:
        for item in items:
            if "tests/browser" in item.path.as_posix():
                item.add_marker(pytest.mark.skip(reason="no Chromium on PATH (Debian: apt-get install chromium)"))


@pytest.fixture(scope="session")
def address(two_models):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # To a file: a pipe that nobody reads would fill up and stop the server.
    with (two_models.folder / "mlruns" / "ui.log").open("w") as log:
        server = subprocess.Popen(
            ["python", "-m", "glyphline", "ui", "--port", str(port)],
            cwd=two_models.folder,
            env=two_models.command_environment(),
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


@pytest.fixture(scope="session")
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
    # MLflow opens a panel for language models on first sight, over a third of the page.
    page.add_init_script(
        "for (const key of ['panelOpen_v1', 'fab.autoOpenedOnFirstLoad_v1'])"
        " localStorage.setItem('mlflow.assistant.' + key, JSON.stringify(key.startsWith('fab')))"
    )
    yield page
    page.close()
