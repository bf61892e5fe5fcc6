"""A store with a thousand runs: the UI's own requests are answered, and SQLite can plan them."""

import sqlite3
from contextlib import closing

import pytest

from glyphline import mlflow_client
from glyphline.mlflow_sync import experiment_view, store
from many_runs import PAGE, REQUESTS, fill


@pytest.fixture
def uri(default_params, project):
    return mlflow_client.store_uri(default_params, project)


@pytest.fixture
def client(uri, project):
    return store.connect(uri, project, timeout_s=60).client


@pytest.mark.parametrize("name", REQUESTS)
def test_every_request_of_the_ui_finds_its_runs_among_a_thousand(client, name):
    experiment = client.create_experiment("many", tags=experiment_view.tags("many", "1"))
    fill(client, experiment, 1000)
    found = client.search_runs([experiment], **({"max_results": PAGE} | REQUESTS[name]))
    assert 0 < len(found) <= PAGE


def test_sqlite_has_counted_its_tables_when_a_sync_is_over(client, uri):
    fill(client, client.create_experiment("many", tags=experiment_view.tags("many", "1")), 100)
    store.analyze(uri)
    with closing(sqlite3.connect(uri.sqlite_file)) as database:
        counted = dict(database.execute("select tbl, max(cast(stat as integer)) from sqlite_stat1 group by tbl"))
    assert counted["runs"] == 100
    assert counted["latest_metrics"] == 800
