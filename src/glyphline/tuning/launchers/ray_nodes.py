"""How many workers have room on the nodes of a cluster: each lies on one node, whatever the nodes have together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glyphline.errors import SearchError
from glyphline.tuning.launchers.gpus import too_many


@dataclass(frozen=True, slots=True)
class Node:
    """What one node of a cluster offers, used or not."""

    processors: int
    gpus: int

    def room(self, threads: int, gpus_per_trial: float) -> int:
        """How many workers fit."""
        by_processors = self.processors // threads
        if not gpus_per_trial:
            return by_processors
        # A worker's part of a GPU is of one GPU.
        by_gpus = self.gpus * int(1 / gpus_per_trial) if gpus_per_trial < 1 else self.gpus // int(gpus_per_trial)
        return min(by_processors, by_gpus)


def living(nodes: Sequence[Mapping[str, Any]]) -> list[Node]:
    """The nodes of `ray.nodes()` that are not dead."""
    offers = [node["Resources"] for node in nodes if node["Alive"]]
    return [Node(int(offer.get("CPU", 0)), int(offer.get("GPU", 0))) for offer in offers]


def check(nodes: Sequence[Node], gpus_per_trial: float) -> None:
    """See that there is a node for one worker: Ray would wait for it for ever.

    Raises:
        SearchError: no node has so many GPUs, or a processor beside them.
    """
    most = max((node.gpus for node in nodes), default=0)
    if gpus_per_trial > most:
        raise too_many(gpus_per_trial, most, where=" on any node of the cluster")
    if not any(node.room(1, gpus_per_trial) for node in nodes):
        raise SearchError(
            "no node of the Ray cluster has a processor for a trial",
            fix="add one with `ray start --address=<head> --num-cpus=<n>`",
        )


def threads(nodes: Sequence[Node], workers: int, gpus_per_trial: float) -> int:
    """The most processors that each worker can have so that all of them run, or as many as have room at all."""

    def room(each: int) -> int:
        return sum(node.room(each, gpus_per_trial) for node in nodes)

    wanted = min(workers, room(1))
    largest = max((node.processors for node in nodes), default=1)
    return next((each for each in range(largest, 1, -1) if room(each) >= wanted), 1)
