"""The load of the machine during a run, under the names that MLflow's page of system metrics knows.

MLflow's own sampler would need mlflow in the process that trains, and a store that answers; this one writes to the
journal like everything else.
"""

import threading
import time
from collections.abc import Callable, Mapping

from glyphline.journal.sampling_interval import sampling_interval_s

FIRST_S, LONGEST_S = 1.0, 60.0
SHARE_OF_ELAPSED = 1 / 20

ReadMetrics = Callable[[], Mapping[str, float]]


class SystemMetricsSampler:
    """Samples the load of the machine from a thread of its own, until it is stopped.

    Args:
        record: is called with the values of a sample and its number, from 0.
        read: takes a sample; None reads this machine.
        first_s: seconds to the first sample, and the shortest time between two.
    """

    def __init__(
        self,
        record: Callable[[Mapping[str, float], int], None],
        read: ReadMetrics | None = None,
        first_s: float = FIRST_S,
    ) -> None:
        self._record, self._read, self._first_s = record, read, first_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="system-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the sampling and wait for its thread; a run without a sample gets its one now."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        read = self._read or machine_reader()
        began_at, number = time.monotonic(), 0

        def interval_s() -> float:
            elapsed_s = time.monotonic() - began_at
            return sampling_interval_s(elapsed_s, share=SHARE_OF_ELAPSED, shortest_s=self._first_s, longest_s=LONGEST_S)

        while not self._stopped.wait(interval_s()):
            self._record(read(), number)
            number += 1
        if not number:
            # A run shorter than the first interval has system metrics as well.
            self._record(read(), number)


def machine_reader() -> ReadMetrics:
    """A function that reads processor and memory, and each NVIDIA GPU when nvidia-ml-py is installed."""
    import psutil

    process, read_gpus = psutil.Process(), _gpu_reader()
    psutil.cpu_percent()  # the first call has nothing to compare with and gives 0

    def read() -> Mapping[str, float]:
        memory = psutil.virtual_memory()
        return {
            "system/cpu_utilization_percentage": psutil.cpu_percent(),
            "system/process_memory_megabytes": round(process.memory_info().rss / 1e6, 1),
            "system/system_memory_usage_megabytes": round(memory.used / 1e6, 1),
            "system/system_memory_usage_percentage": round(100 * memory.used / memory.total, 1),
            **read_gpus(),
        }

    return read


def _gpu_reader() -> ReadMetrics:
    try:
        import pynvml

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
    # No library, no driver or no GPU: there is nothing to read, and that is no error.
    except Exception:
        return dict

    def read() -> Mapping[str, float]:
        values: dict[str, float] = {}
        for number, handle in enumerate(handles):
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            values[f"system/gpu_{number}_utilization_percentage"] = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu
            values[f"system/gpu_{number}_memory_usage_megabytes"] = round(memory.used / 1e6, 1)
            values[f"system/gpu_{number}_power_usage_watts"] = round(pynvml.nvmlDeviceGetPowerUsage(handle) / 1000, 1)
        return values

    return read
