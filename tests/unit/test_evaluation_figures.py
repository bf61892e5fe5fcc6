"""What the pictures say, read from the figures themselves: titles, legends, axes and the places of the marks."""

import math

import numpy as np
import pytest

from glyphline import figure_style as style
from glyphline.evaluation.calibration import Bin
from glyphline.evaluation.figures import (
    class_counts,
    confusion,
    curve_comparison,
    gallery,
    learning_curves,
    per_class,
    reliability,
    risk_coverage,
)
from glyphline.evaluation.risk_coverage import RiskCoverage
from glyphline.records import ClassScore


def drawn(draw, *arguments):
    with style.rc_context():
        figure = draw(*arguments)
        # Ticks are only known when the figure was drawn.
        figure.canvas.draw()
        return figure


def texts(of):
    return [text.get_text() for text in of.texts]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def line(axes, label):
    """The places of a line by its label."""
    (found,) = [found for found in axes.lines if found.get_label() == label]
    return list(found.get_xdata()), list(found.get_ydata())


def ticks(axis):
    low, high = sorted(axis.get_view_interval())
    found = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
    return [label.get_text() for place, label in found if low <= place <= high]


def curve(count=100, wrong=10):
    """The surest images are right, and the last `wrong` are not."""
    errors = np.arange(count) >= count - wrong
    answered = np.arange(1, count + 1)
    return RiskCoverage(answered / count, np.cumsum(errors) / answered, np.linspace(1, 0.5, count))


def test_risk_and_coverage_say_what_the_axes_the_line_and_the_marks_are():
    figure = drawn(risk_coverage, curve())
    (axes,) = figure.axes
    assert texts(figure) == [
        "Risk and coverage: 10.00% errors on all images, area 0.00567",
        "The model answers the images it is surest of and leaves the rest to a person. Lower is better.",
    ]
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "coverage: share of the images that are answered",
        "error rate among them",
    )
    assert legend(axes) == [
        "the model",
        "confidence that says nothing",
        "80% answered: 0.00% errors",
        "90% answered: 0.00% errors",
        "95% answered: 5.26% errors",
    ]
    assert ticks(axes.xaxis) == ["0%", "20%", "40%", "60%", "80%", "100%"]
    assert axes.get_xlim() == (0, 1.005)
    assert axes.get_ylim() == (0, 0.125)
    coverage, risk = line(axes, "the model")
    assert sorted(coverage) == pytest.approx([n / 100 for n in range(1, 101)])
    assert max(risk) == risk[coverage.index(1.0)] == pytest.approx(0.1)
    assert line(axes, "confidence that says nothing")[1] == pytest.approx([0.1, 0.1])
    assert line(axes, "95% answered: 5.26% errors") == ([0.95], [pytest.approx(5 / 95)])


def test_a_long_curve_is_thinned_out_and_still_ends_at_all_images():
    (axes,) = drawn(risk_coverage, curve(count=10_000, wrong=500)).axes
    coverage, risk = line(axes, "the model")
    assert len(coverage) == 2000
    assert max(coverage) == 1.0
    assert risk[coverage.index(1.0)] == pytest.approx(0.05)


def test_a_curve_that_is_worst_at_its_beginning_and_one_without_errors_fit_their_axes():
    risk = np.array([1.0, 0.5, 1 / 3, 0.25])
    (axes,) = drawn(risk_coverage, RiskCoverage(np.arange(1, 5) / 4, risk, risk)).axes
    assert axes.get_ylim() == (0, pytest.approx(1.1))
    (axes,) = drawn(risk_coverage, curve(wrong=0)).axes
    assert axes.get_ylim() == (0, pytest.approx(1e-3))


def score(name, precision, recall, f1, *, count=50, ends=None):
    named = {"precision_interval": None, "recall_interval": ends, "f1_interval": None}
    rates = {"precision": precision, "recall": recall, "f1": f1}
    return ClassScore(name=name, count=count, predicted=count, correct=0, **rates, **named)


SCORES = [
    score("seven", 0.9, 0.8, 0.85, ends=(0.71, 0.93)),
    score("one", 1.0, 0.6, 0.75, count=1200, ends=(0.55, 0.9)),
    score("gone", None, None, None, count=0),
    score("two", 1.0, 1.0, 1.0, ends=(0.95, 1.0)),
]


def test_classes_stand_worst_first_with_their_numbers_and_marks():
    figure = drawn(per_class, SCORES)
    (axes,) = figure.axes
    assert texts(figure) == [
        "Per class: recall, precision and F1",
        "Lowest recall first. Recall: found of its own. Precision: right of those taken for it. Band: 95 % of recall",
    ]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "seven", "two", "gone"]
    assert texts(axes) == ["recall", "0.600", "0.800", "1.000", "–", "images", "1,200", "50", "50", "0"]
    assert [text.get_position()[1] for text in axes.texts] == [*range(-1, 4)] * 2
    assert legend(axes) == ["precision", "recall", "F1"]
    assert line(axes, "precision")[0][:3] == [1.0, 0.9, 1.0]
    assert line(axes, "recall") == ([0.6, 0.8, 1.0, pytest.approx(math.nan, nan_ok=True)], [0, 1, 2, 3])
    assert line(axes, "F1")[0][:3] == [0.75, 0.85, 1.0]
    (bands,) = axes.collections
    assert [segment[:, 0].tolist() for segment in bands.get_segments()[:3]] == [[0.55, 0.9], [0.71, 0.93], [0.95, 1.0]]
    # The best class is below the worst.
    assert axes.get_ylim() == (3.5, -0.5)
    # Room for a mark at the lowest value, rounded down to a tenth.
    assert axes.get_xlim() == (0.5, 1.0)
    assert not any(found.get_clip_on() for found in axes.lines)


@pytest.mark.parametrize(("low", "left"), [(0.79, 0.7), (0.81, 0.7), (0.83, 0.8), (0.01, 0.0)])
def test_the_axis_of_the_classes_begins_below_the_lowest_value(low, left):
    (axes,) = drawn(per_class, [score("a", 0.9, 0.95, 0.92, ends=(low, 1.0))]).axes
    assert axes.get_xlim() == (pytest.approx(left), 1.0)


def test_of_many_classes_the_worst_25_are_drawn_and_the_title_says_so():
    scores = [score(f"class {n}", 0.5, n / 1200, 0.5) for n in range(1200, 0, -1)]
    figure = drawn(per_class, scores)
    assert texts(figure)[0] == "Per class: the 25 of 1,200 classes with the lowest recall"
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"class {n}" for n in range(1, 26)]
    assert texts(drawn(per_class, scores[:25]))[0] == "Per class: recall, precision and F1"


BINS = [
    Bin(low=0.4, high=0.6, count=20, correct=10, confidence=0.55, accuracy=0.5),
    Bin(low=0.8, high=1.0, count=30_000, correct=27_000, confidence=0.95, accuracy=0.9),
]


def test_reliability_shows_accuracy_over_confidence_and_how_many_images_stand_behind_it():
    figure = drawn(reliability, BINS, 5)
    accuracy, counts = figure.axes
    assert texts(figure) == [
        "Reliability: 5.00 percentage points off on average",
        "Expected calibration error over 5 bins. Whiskers: 95 % (Wilson); a bin with few images says little.",
    ]
    assert set(legend(accuracy)) == {"perfectly calibrated", "gap", "accuracy of the bin"}
    assert line(accuracy, "perfectly calibrated") == ([0, 1], [0, 1])
    assert (accuracy.get_ylabel(), counts.get_ylabel()) == ("accuracy", "images")
    assert counts.get_xlabel() == "confidence: probability of the predicted class"
    (bars,) = accuracy.containers
    points, _, (whiskers,) = bars.lines
    assert (list(points.get_xdata()), list(points.get_ydata())) == ([0.55, 0.95], [0.5, 0.9])
    # Wilson's interval of 10 of 20.
    assert whiskers.get_segments()[0][:, 1].tolist() == pytest.approx([0.2993, 0.7007], abs=1e-4)
    (gaps,) = [found for found in accuracy.collections if found.get_label() == "gap"]
    segments = [segment.tolist() for segment in gaps.get_segments()]
    assert segments == [[[0.55, 0.5], [0.55, 0.55]], [[0.95, 0.9], [0.95, 0.95]]]
    assert texts(counts) == ["20", "30k"]
    assert [bar.get_x() for bar in counts.patches] == pytest.approx([0.41, 0.81])
    assert [bar.get_height() for bar in counts.patches] == [20, 30_000]
    assert [bar.get_width() for bar in counts.patches] == pytest.approx([0.18, 0.18])
    for axes in figure.axes:
        assert axes.get_xlim() == (0, 1.01)
        assert list(axes.get_xticks()) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert accuracy.get_ygridlines()[0].get_visible()
    # Below the title and the line under it.
    height_in = figure.get_size_inches()[1]
    assert (1 - accuracy.get_position().y1) * height_in > style.HEAD_IN
    # Both panels share the axis below.
    assert not any(label.get_visible() and label.get_text() for label in accuracy.get_xticklabels())
    assert ticks(counts.xaxis) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert accuracy.get_ylim() == (-0.02, 1.03)
    assert counts.get_ylim() == (0.6, 120_000)
    assert counts.get_yscale() == "log"
    assert "1,000" in "".join(ticks(counts.yaxis)) or "10,000" in "".join(ticks(counts.yaxis))


@pytest.mark.parametrize(("bins", "numbers"), [(20, ["20", "30k"]), (21, [])])
def test_more_than_20_bins_are_too_narrow_for_their_numbers(bins, numbers):
    assert texts(drawn(reliability, BINS, bins).axes[1]) == numbers


@pytest.mark.parametrize(("count", "text"), [(9_999, "9,999"), (10_000, "10k")])
def test_large_numbers_of_images_are_shortened(count, text):
    table = [Bin(low=0.8, high=1.0, count=count, correct=count, confidence=0.9, accuracy=1.0)]
    assert texts(drawn(reliability, table, 5).axes[1]) == [text]


def test_curves_of_runs_begin_at_epoch_1_and_bear_the_names_of_the_runs():
    figure = drawn(curve_comparison, "val_loss", {"first": [(0, 0.9), (1, 0.4)], "second": [(1, 0.8), (2, 0.2)]})
    (axes,) = figure.axes
    assert texts(figure) == ["val_loss"]
    assert legend(axes) == ["first", "second"]
    # Runs of older versions count their steps from 0.
    assert line(axes, "first") == ([1, 2], [0.9, 0.4])
    assert line(axes, "second") == ([1, 2], [0.8, 0.2])
    assert axes.get_xlabel() == "epoch"
    assert axes.get_yscale() == "log"
    assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()
    assert axes.lines[0].get_color() != axes.lines[1].get_color()


@pytest.mark.parametrize(("metric", "values"), [("val_accuracy", (0.5, 0.9)), ("val_loss", (0.5, 0.0))])
def test_an_accuracy_and_a_loss_of_0_have_no_logarithmic_axis(metric, values):
    (axes,) = drawn(curve_comparison, metric, {"only": list(enumerate(values))}).axes
    assert axes.get_yscale() == "linear"


HISTORY = [
    {"train_loss": 2.0 * 0.9**epoch, "train_accuracy": 0.9, "val_loss": 1.9 * 0.9**epoch, "val_accuracy": 0.8}
    for epoch in range(9)
]


@pytest.mark.parametrize(
    ("draw", "arguments"),
    [(risk_coverage, (curve(),)), (learning_curves, (HISTORY, 8)), (reliability, (BINS, 5))],
    ids=["risk_coverage", "learning_curves", "reliability"],
)
def test_no_legend_lies_over_what_is_drawn(draw, arguments):
    figure = drawn(draw, *arguments)
    legends = [(axes, axes.get_legend()) for axes in figure.axes if axes.get_legend()]
    assert legends
    width, height = figure.canvas.get_width_height()
    for axes, found in legends:
        box = found.get_window_extent()
        assert box.y0 >= axes.get_window_extent().y1 - 1
        assert box.x1 <= width
        assert box.y1 <= height


def test_three_round_numbers_are_enough_for_a_logarithmic_axis():
    assert style.ticks(1.0, 100.0, log=True) == [1.0, 10.0, 100.0]


@pytest.mark.parametrize("span", [1.15, 1.6, 3.4, 8.0, 40.0, 1e5])
def test_an_axis_of_losses_has_at_least_three_numbers_wherever_it_begins(span):
    for low in (0.011, 0.07, 0.3, 0.95, 1.9):
        history = [HISTORY[0] | {"train_loss": loss, "val_loss": loss} for loss in (low * span, low)]
        axes = drawn(learning_curves, history, 1).axes[0]
        assert axes.get_ygridlines()[0].get_visible()
        assert 3 <= len(ticks(axes.yaxis)) <= 9, (low, span, ticks(axes.yaxis))


@pytest.mark.parametrize(
    ("share", "places", "text"),
    [
        (977 / 980, 0, "99.7%"),
        (0.9996, 1, "99.96%"),
        (1 - 1e-9, 0, ">99.9%"),
        (3 / 9800, 0, "<0.1%"),
        (1e-9, 1, "<0.01%"),
        (1.0, 1, "100.0%"),
        (0.0, 2, "0.00%"),
        (0.5, 0, "50%"),
    ],
)
def test_only_all_is_100_percent_and_only_nothing_is_0(share, places, text):
    assert style.percent(share, places) == text


def test_a_class_with_mistakes_is_not_called_all_right():
    counts = np.array([[977, 3], [0, 980]])
    cells = texts(drawn(confusion, counts, ["a", "b"]).axes[0])
    assert cells == ["977\n99.7%", "3\n0.3%", "980\n100%"]


def test_class_counts_show_a_bar_for_each_class_and_split_the_rarest_first_and_say_how_skewed_they_are():
    counts = {"train": {"a": 500, "b": 7}, "val": {"a": 80, "b": 1}, "test": {"a": 120, "b": 2}}
    figure = drawn(class_counts, counts)
    (axes,) = figure.axes
    assert texts(figure) == [
        "Images of each class",
        "Rarest first. All splits together: 10 images of the rarest class, 700 of the largest",
    ]
    assert legend(axes) == ["train", "val", "test"]
    assert [bar.get_width() for bar in axes.patches] == [7, 500, 1, 80, 2, 120]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    assert texts(axes) == ["train", "7", "500", "test", "2", "120"]


def test_of_many_classes_the_rarest_are_shown_and_the_title_says_so():
    counts = {"test": {f"class {number}": number for number in range(90)}}
    figure = drawn(class_counts, counts)
    (axes,) = figure.axes
    assert texts(figure)[0] == "Images of each class: the 25 rarest of 90 classes"
    assert [bar.get_width() for bar in axes.patches] == list(range(25))
    assert texts(axes)[0] == "test"


@pytest.mark.parametrize(("shape", "cells"), [((28, 28), (28, 28)), ((224, 224), (32, 32)), ((100, 37), (25, 10))])
def test_pixels_too_small_to_be_seen_are_summed_in_cells(shape, cells):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    summed = gallery.summed_cells(values)
    assert summed.shape == cells
    assert summed.sum() == pytest.approx(values.sum(), abs=1e-2)
    # Pixels stay where they are: the last corner is in the last cell.
    spot = np.zeros(shape, np.float32)
    spot[-1, -1] = 1
    assert gallery.summed_cells(spot)[-1, -1] == 1
