"""How long to wait between two samples, which take a little time from the fit: the longer a run, the longer."""


def sampling_interval_s(elapsed_s: float, *, share: float, shortest_s: float, longest_s: float) -> float:
    """Seconds until the next sample: a share of the time so far, within bounds.

    >>> [sampling_interval_s(elapsed, share=0.1, shortest_s=1.0, longest_s=10.0) for elapsed in (0.0, 50.0, 3600.0)]
    [1.0, 5.0, 10.0]
    """
    return max(shortest_s, min(share * elapsed_s, longest_s))
