"""How many workers fit on the nodes of a cluster: each worker runs on one node, whatever all nodes have together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glyphline.errors import SearchError
from glyphline.tuning.launchers.gpus import too_few_gpus


@dataclass(frozen=True, slots=True)
class Node:
    """What one node of a cluster offers, used or not."""

    processors: int
    gpus: int

    def capacity(self, threads: int, gpus_per_trial: float) -> int:
        """How many workers fit."""
        by_processors = self.processors // threads
        if not gpus_per_trial:
            return by_processors
        # A worker's fraction of a GPU comes from one GPU.
        by_gpus = self.gpus * int(1 / gpus_per_trial) if gpus_per_trial < 1 else self.gpus // int(gpus_per_trial)
        return min(by_processors, by_gpus)


def alive_nodes(nodes: Sequence[Mapping[str, Any]]) -> list[Node]:
    """The nodes of `ray.nodes()` that are not dead."""
    offers = [node["Resources"] for node in nodes if node["Alive"]]
    return [Node(int(offer.get("CPU", 0)), int(offer.get("GPU", 0))) for offer in offers]


def check_capacity(nodes: Sequence[Node], gpus_per_trial: float) -> None:
    """Check that one worker fits on some node: Ray would wait for such a node for ever.

    Raises:
        SearchError: no node has so many GPUs and a processor.
    """
    most = max((node.gpus for node in nodes), default=0)
    if gpus_per_trial > most:
        raise too_few_gpus(gpus_per_trial, most, where=" on any node of the cluster")
    if not any(node.capacity(1, gpus_per_trial) for node in nodes):
        raise SearchError(
            "no node of the Ray cluster has a processor for a trial",
            fix="add one with `ray start --address=<head> --num-cpus=<n>`",
        )


def threads_per_worker(nodes: Sequence[Node], workers: int, gpus_per_trial: float) -> int:
    """The most processors per worker with which all workers fit, or as many of them as fit with one processor each."""

    def capacity(each: int) -> int:
        return sum(node.capacity(each, gpus_per_trial) for node in nodes)

    wanted = min(workers, capacity(1))
    largest = max((node.processors for node in nodes), default=1)
    return next((each for each in range(largest, 1, -1) if capacity(each) >= wanted), 1)
