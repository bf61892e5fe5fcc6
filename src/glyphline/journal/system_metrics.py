"""How busy the machine is while a run goes on, under the names that MLflow's page of system metrics knows.

MLflow's own sampler would need mlflow in the process that trains, and a store that answers; this one writes to the
journal like everything else.
"""

import threading
import time
from collections.abc import Callable, Mapping

from glyphline.journal.sampling_interval import pause_s

FIRST_S, LONGEST_S = 1.0, 60.0
SHARE_OF_ELAPSED = 1 / 20

Read = Callable[[], Mapping[str, float]]


class SystemMetricsSampler:
    """Tells the state of the machine now and then, from a thread of its own, until it is stopped.

    Args:
        tell: gets the numbers and the number of the sample, from 0.
        read: where the numbers come from; None reads this machine.
        first_s: seconds to the first sample, and the shortest time between two.
    """

    def __init__(
        self, tell: Callable[[Mapping[str, float], int], None], read: Read | None = None, first_s: float = FIRST_S
    ) -> None:
        self._tell, self._read, self._first_s = tell, read, first_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="machine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more samples, but one if there was none yet; returns when none is being taken."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        read = self._read or machine()
        began, number = time.monotonic(), 0

        def pause() -> float:
            elapsed = time.monotonic() - began
            return pause_s(elapsed, share=SHARE_OF_ELAPSED, shortest_s=self._first_s, longest_s=LONGEST_S)

        while not self._stopped.wait(pause()):
            self._tell(read(), number)
            number += 1
        if not number:
            # A run shorter than the first pause has its page of system metrics as well.
            self._tell(read(), number)


def machine() -> Read:
    """A function that reads processor and memory, and each NVIDIA card when nvidia-ml-py is installed."""
    import psutil

    process, cards = psutil.Process(), _cards()
    psutil.cpu_percent()  # the first call has nothing to compare with and gives 0

    def read() -> Mapping[str, float]:
        memory = psutil.virtual_memory()
        return {
            "system/cpu_utilization_percentage": psutil.cpu_percent(),
            "system/process_memory_megabytes": round(process.memory_info().rss / 1e6, 1),
            "system/system_memory_usage_megabytes": round(memory.used / 1e6, 1),
            "system/system_memory_usage_percentage": round(100 * memory.used / memory.total, 1),
            **cards(),
        }

    return read


def _cards() -> Read:
    try:
        import pynvml

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
    # Without the library, without a driver, without a card: there is nothing to read, and that is no fault.
    except Exception:
        return dict

    def read() -> Mapping[str, float]:
        found: dict[str, float] = {}
        for number, handle in enumerate(handles):
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            found[f"system/gpu_{number}_utilization_percentage"] = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu
            found[f"system/gpu_{number}_memory_usage_megabytes"] = round(memory.used / 1e6, 1)
            found[f"system/gpu_{number}_power_usage_watts"] = round(pynvml.nvmlDeviceGetPowerUsage(handle) / 1000, 1)
        return found

    return read
