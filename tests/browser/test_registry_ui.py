"""Promotion and rollback as a person sees them in MLflow's real UI."""

import pytest

from glyphline.mlflow_client import StoreUri
from glyphline.mlflow_sync import store
from glyphline.paths import Paths
from glyphline.registry import RegistryLocation, open_session, promotion, register_run
from tests import servers
from tests.registered import Runs

NAME = "glyphline-digits"


@pytest.fixture(scope="module")
def to(tmp_path_factory, default_params):
    """Two versions, of which the second is champion."""
    folder = tmp_path_factory.mktemp("registered")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    opened_store = store.connect(StoreUri.parse(uri), Paths(folder, folder), timeout_s=60)
    to = RegistryLocation(uri, NAME, 5, folder / "registry.lock")
    runs = Runs(opened_store.client, folder / "runs")
    assert [register_run(runs.make(correct), to, default_params.registry).promoted for correct in (960, 990)]
    return to


@pytest.fixture(scope="module")
def small_address(to):
    with servers.mlflow_server(to.uri, to.lock.parent) as address:
        yield address


@pytest.fixture
def alias_on_page(page, small_address):
    """Open the page of a version and wait for an alias on it."""

    def look(version: int, alias: str) -> None:
        page.goto("about:blank")
        page.goto(f"{small_address}/#/models/{NAME}/versions/{version}")
        # The chip, and not the word in the description.
        page.get_by_text(f"@ {alias}", exact=True).first.wait_for()

    return look


def test_a_promotion_and_its_rollback_are_seen_on_the_pages_of_the_versions(alias_on_page, to, default_params):
    alias_on_page(2, "champion")
    alias_on_page(1, "previous")
    with open_session(to) as session:
        promotion.roll_back(session, None, "wrong on sevens", default_params.registry)
    alias_on_page(1, "champion")
    alias_on_page(2, "challenger")
    with open_session(to) as session:
        promotion.force(session, 2, "it was the data", default_params.registry)
    alias_on_page(2, "champion")
    alias_on_page(1, "previous")


def test_a_version_says_why_it_became_champion(page, small_address):
    page.goto(f"{small_address}/#/models/{NAME}/versions/2")
    page.get_by_text("Became champion:").first.wait_for()
    page.get_by_text("better than champion version 1: 10 errors against 40 in 1,000 images").first.wait_for()


def test_the_history_is_a_run_whose_parameters_are_the_entries(page, small_address, to):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(to.uri, to.uri)
    run = client.get_run(client.get_model_version(NAME, "1").tags["history"])
    page.goto(f"{small_address}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}")
    page.get_by_text("event.00000001", exact=True).first.wait_for()
