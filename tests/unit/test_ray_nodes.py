"""Workers on the nodes of a cluster: a worker may not need more than one node has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.errors import SearchError
from glyphline.tuning.launchers import ray_nodes
from glyphline.tuning.launchers.ray_nodes import Node


@pytest.mark.parametrize(
    ("nodes", "workers", "gpus_per_trial", "threads"),
    [
        ([(4, 0)] * 3, 2, 0.0, 4),
        ([(4, 0)] * 3, 4, 0.0, 2),
        ([(0, 0), (1, 0), (1, 0)], 1, 0.0, 1),
        ([(16, 0)], 4, 0.0, 4),
        ([(16, 0), (2, 0)], 3, 0.0, 5),
        ([(2, 0)], 8, 0.0, 1),
        ([(64, 0), (8, 4)], 4, 1.0, 2),
        ([(8, 4)], 9, 2.0, 4),
        ([(8, 1)], 4, 0.25, 2),
        ([], 2, 0.0, 1),
    ],
)
def test_a_worker_gets_the_most_processors_with_which_all_of_them_run(nodes, workers, gpus_per_trial, threads):
    assert ray_nodes.threads_per_worker([Node(*node) for node in nodes], workers, gpus_per_trial) == threads


@given(
    st.lists(st.builds(Node, st.integers(0, 64), st.integers(0, 8)), min_size=1, max_size=6),
    st.integers(1, 32),
    st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0]),
)
def test_where_one_worker_has_room_a_worker_with_its_threads_has_too(nodes, workers, gpus_per_trial):
    fits = any(node.capacity(1, gpus_per_trial) for node in nodes)
    each = ray_nodes.threads_per_worker(nodes, workers, gpus_per_trial)
    assert any(node.capacity(each, gpus_per_trial) for node in nodes) == fits


@pytest.mark.parametrize(
    ("nodes", "gpus_per_trial", "problem"),
    [
        ([(4, 1), (4, 1)], 2.0, "gpus_per_trial=2, and there are 1 GPUs on any node"),
        ([], 1.0, "there are 0 GPUs on any node"),
        ([(0, 4), (8, 0)], 1.0, "no node of the Ray cluster has a processor"),
        ([(0, 0)], 0.0, "no node of the Ray cluster has a processor"),
        ([], 0.0, "no node of the Ray cluster has a processor"),
    ],
)
def test_a_worker_that_no_node_could_hold_is_refused(nodes, gpus_per_trial, problem):
    with pytest.raises(SearchError, match=problem):
        ray_nodes.check_capacity([Node(*node) for node in nodes], gpus_per_trial)


def test_dead_nodes_offer_nothing():
    offered = [
        {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 1.0, "memory": 1e9}},
        {"Alive": True, "Resources": {"memory": 1e9}},
        {"Alive": False, "Resources": {"CPU": 64.0}},
    ]
    assert ray_nodes.alive_nodes(offered) == [Node(4, 1), Node(0, 0)]
