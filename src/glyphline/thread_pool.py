"""Calls that run in threads while this one uses the results before; the results come in the order of the calls."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
T = TypeVar("T")


def in_order(function: Callable[[A], T], items: Iterable[A], *, threads: int, ahead: int) -> Generator[T]:
    """Yield `function(item)` for each item.

    It helps where the calls leave Python's lock to others for most of their time, as decoding and NumPy do. The first
    error of a call, in the order of the calls, is raised here. When the caller stops early, close the iterator: calls
    that have begun end first, the others never begin.

    Args:
        function: may run in several threads at once.
        items: read as they are needed.
        threads: how many.
        ahead: at most so many results wait, or are being made, while the caller uses one.
    """
    executor = ThreadPoolExecutor(threads)
    pending: deque[Future[T]] = deque()
    try:
        for item in items:
            pending.append(executor.submit(function, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)
