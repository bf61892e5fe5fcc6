"""A search on a real Ray cluster of two nodes on this machine."""

import threading

import pytest

from glyphline import tuning
from glyphline.errors import SearchError
from tests import calls
from tests.conftest import SEARCH_PATH
from tests.kills import states
from tests.searches import Watched, check_sound, light, run, slow_bowl, trials
from tests.waiting import until

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")


@pytest.fixture(scope="module")
def two_nodes():
    """A cluster of two nodes with a processor each, and a head without one."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.fixture
def cluster(two_nodes):
    """The cluster, with this process connected to it."""
    ray.init(address=two_nodes.address, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": SEARCH_PATH}})
    yield two_nodes
    ray.shutdown()


@pytest.fixture
def doomed_node(two_nodes):
    """One of the two nodes; another takes its place for the tests that follow."""
    node = next(iter(two_nodes.worker_nodes))
    yield node
    two_nodes.add_node(num_cpus=1)


def test_a_node_that_is_lost_half_way_costs_no_trial(cluster, doomed_node, tmp_path, monkeypatch):
    monkeypatch.setenv("BOWL_EPOCH_S", "0.2")
    database, watched = tmp_path / "optuna.db", Watched()
    before = []

    def lose_a_node():
        until(lambda: states(database).count("COMPLETE") >= 2 and states(database).count("RUNNING") == 2, 120)
        before.extend(trials(database))
        cluster.remove_node(doomed_node, allow_graceful=False)

    killer = threading.Thread(target=lose_a_node)
    killer.start()
    result = run(light(workers=2, launcher="ray", trials=12), database, watched, slow_bowl)
    killer.join()
    assert before
    assert result.failed == 0
    check_sound(trials(database), before, 12)
    assert len({trial["worker"] for trial in watched.trials.values()}) >= 2


def test_a_worker_asks_for_no_more_than_one_node_has(cluster, tmp_path):
    result = run(light(workers=1, launcher="ray", trials=2), tmp_path / "optuna.db")
    assert result.complete + result.pruned == 2


def test_more_gpus_per_trial_than_the_cluster_has_are_refused(cluster, tmp_path):
    with pytest.raises(SearchError, match="there are 0 GPUs"):
        run(light(launcher="ray", gpus_per_trial=1.0), tmp_path / "optuna.db")


def test_an_address_without_a_port_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "nowhere")
    with pytest.raises(SearchError, match="no Ray cluster could be reached or started") as caught:
        run(light(launcher="ray"), tmp_path / "optuna.db")
    assert "RAY_ADDRESS" in caught.value.fix
    assert not ray.is_initialized()


def test_an_address_without_a_cluster_is_reported_before_ray_looks_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    no_cluster = r"no Ray cluster answers at RAY_ADDRESS=127\.0\.0\.1:9"
    with (
        calls.noted(calls.CONNECT, "subprocess.Popen") as made,
        pytest.raises(SearchError, match=no_cluster) as caught,
    ):
        run(light(launcher="ray"), tuning.StudyLocation(tmp_path / "optuna.db"))
    assert "ray start" in caught.value.fix
    assert [call.arguments[1] for call in made] == [("127.0.0.1", 9)]
    assert not ray.is_initialized()
