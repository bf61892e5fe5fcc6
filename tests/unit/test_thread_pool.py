"""Calls in threads: results in the order of the calls, few of them ahead, and the first error."""

from threading import Event

import pytest

from glyphline.thread_pool import in_order


def test_results_come_in_the_order_of_the_calls_whichever_ends_first():
    second_has_ended = Event()

    def call(number):
        if number == 0:
            assert second_has_ended.wait(60)
        elif number == 1:
            second_has_ended.set()
        return -number

    assert list(in_order(call, range(5), threads=2, ahead=2)) == [0, -1, -2, -3, -4]


def test_no_more_calls_are_begun_than_may_wait():
    begun = []
    results = in_order(lambda number: begun.append(number) or number, iter(range(100)), threads=1, ahead=3)
    assert next(results) == 0
    results.close()
    assert begun == list(range(len(begun)))
    assert len(begun) <= 4


def test_an_error_is_raised_after_the_results_before_it():
    results = in_order(lambda number: 6 // number, (3, 2, 0, 1), threads=2, ahead=9)
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
