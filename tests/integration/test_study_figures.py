"""The pictures of a study, read from the figures themselves: one trial, hundreds, all pruned, two objectives."""

import random
from functools import cache
from importlib import import_module
from itertools import pairwise

import optuna
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from glyphline import figure_style as style
from glyphline.tuning import figures
from glyphline.tuning.figures import losses
from glyphline.tuning.figures.drawn_study import DrawnStudy
from glyphline.tuning.figures.scale import Scale, short_names
from glyphline.tuning.figures.timeline import lanes, without_pauses

SPACE = {
    "train.learning_rate": FloatDistribution(0.002, 0.05, log=True),
    "train.batch_size": CategoricalDistribution([64, 32, 128]),
    "model.dropout": FloatDistribution(0.0, 0.6),
    "model.members": IntDistribution(1, 8),
    "model.batch_norm": CategoricalDistribution([True, False]),
}
NAMES = ("timeline", "optimization_history", "intermediate_values", "slice", "parallel_coordinate", "param_importances")
COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


def value(distribution, draw):
    if isinstance(distribution, CategoricalDistribution):
        return draw.choice(distribution.choices)
    number = draw.uniform(distribution.low, distribution.high)
    return round(number) if isinstance(distribution, IntDistribution) else number


def study(states, objectives=("val_loss",), outlier=1.0):
    """A study with one trial per state, one after the other, three or more epochs each."""
    draw, began = random.Random(7), 1_700_000_000.0
    made = optuna.create_study(directions=["minimize"] * len(objectives))
    for number, state in enumerate(states):
        losses = [(0.5 + draw.random() / 2) * (outlier if number == 0 else 1.0) + 0.5**epoch for epoch in range(4)]
        values = [min(losses), 1000.0 * (1 + draw.random())][: len(objectives)] if state == COMPLETE else None
        measured = {"measured": {"val_loss": values[0]}} if values else {}
        made.add_trial(
            create_trial(
                state=state,
                values=values,
                params={key: value(distribution, draw) for key, distribution in SPACE.items()},
                distributions=SPACE,
                intermediate_values=dict(enumerate(losses[: 4 if state == COMPLETE else 2])),
                user_attrs={
                    "claim": {"owner": "a", "attempt": 1, "began": began + 5 * number, "worker": ""},
                    "seconds": 4.0,
                    **measured,
                },
            )
        )
    return DrawnStudy.of(made, objectives)


ONE, FRONT = ("val_loss",), ("val_loss", "model_size")
FEW, BOTH = NAMES[:3], ("timeline", "pareto_front")
# What ended how, the objectives, and which figures there are.
CASES = {
    "one": ([COMPLETE], ONE, FEW),
    "three": ([COMPLETE] * 3, ONE, NAMES[:-1]),
    "twenty": ([COMPLETE, COMPLETE, PRUNED, FAIL] * 5, ONE, NAMES),
    "pruned": ([PRUNED] * 4, ONE, FEW),
    "hundreds": ([COMPLETE, PRUNED, COMPLETE] * 100, ONE, NAMES),
    "front": ([COMPLETE] * 25, FRONT, BOTH),
    "no-front": ([FAIL] * 2, FRONT, BOTH),
    "large-front": ([COMPLETE, COMPLETE, FAIL] * 100, FRONT, BOTH),
}
EVERY = [(name, key) for key, (_, _, names) in CASES.items() for name in names]


@cache
def case(key):
    states, objectives, _ = CASES[key]
    return study(states, objectives, outlier=50.0 if key == "twenty" else 1.0)


@cache
def drawn(name, key):
    with style.rc_context():
        figure = import_module(f"glyphline.tuning.figures.{name}").draw(case(key))
        figure.canvas.draw()
        return figure


def tick_texts(axis):
    low, high = sorted(axis.get_view_interval())
    found = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
    return [label.get_text() for place, label in found if low <= place <= high]


@pytest.fixture(params=EVERY, ids="-".join)
def figure(request):
    return drawn(*request.param)


@pytest.mark.parametrize("key", CASES)
def test_which_figures_there_are_depends_on_what_they_could_show(key):
    assert tuple(figures.figure_names(case(key))) == CASES[key][2]


def test_a_figure_has_the_size_of_the_others_and_all_that_is_written_lies_in_it(figure):
    assert figure.get_size_inches()[0] == style.WIDTH_IN
    width, height = figure.canvas.get_width_height()
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    for text in texts:
        box = text.get_window_extent()
        assert -1 <= box.x0 <= box.x1 <= width + 1, text.get_text()
        assert -1 <= box.y0 <= box.y1 <= height + 1, text.get_text()


def test_numbers_of_an_axis_do_not_touch(figure):
    for axes in figure.axes:
        for axis, low, high in ((axes.xaxis, "x0", "x1"), (axes.yaxis, "y0", "y1")):
            shown = [label for label in axis.get_ticklabels() if label.get_text() and label.get_rotation() == 0]
            boxes = sorted((label.get_window_extent() for label in shown), key=lambda box: getattr(box, low))
            for before, after in pairwise(boxes):
                assert getattr(after, low) > getattr(before, high), [label.get_text() for label in shown]


def test_no_legend_lies_over_what_is_drawn(figure):
    for axes in figure.axes:
        if legend := axes.get_legend():
            assert legend.get_window_extent().y0 >= axes.get_window_extent().y1 - 1
            assert legend.get_window_extent().x1 <= figure.canvas.get_width_height()[0]


def test_every_line_and_mark_can_be_seen_on_white(figure):
    def luminance(colour):
        red, green, blue = to_rgb(colour)
        return 0.299 * red + 0.587 * green + 0.114 * blue

    for axes in figure.axes:
        colours = [line.get_color() for line in axes.lines]
        colours += [
            colour[:3]
            for marks in axes.collections
            if isinstance(marks, PathCollection)
            for colour in marks.get_facecolor()
        ]
        assert all(luminance(colour) < 0.8 for colour in colours)


@pytest.mark.parametrize(("name", "key"), [one for one in EVERY if one[0] != "timeline"])
def test_trials_and_epochs_are_whole_numbers(name, key):
    for axes in drawn(name, key).axes:
        if axes.get_xlabel() in {"trial", "epoch"}:
            assert tick_texts(axes.xaxis)
            assert all(text.isdigit() for text in tick_texts(axes.xaxis))


def test_the_numbers_of_the_trials_beside_a_timeline_are_whole_ones():
    for key in ("one", "three", "twenty"):
        texts = tick_texts(drawn("timeline", key).axes[0].yaxis)
        assert texts[0] == "0"
        assert all(text.isdigit() for text in texts)


def test_the_best_trial_is_named():
    best = case("twenty").best
    title = drawn("optimization_history", "twenty").texts[0].get_text()
    assert title == f"Optimization history: {best.values[0]:.4f} in trial {best.number}, the best of 20"
    assert drawn("optimization_history", "pruned").texts[0].get_text() == "Optimization history: no trial is complete"


def test_a_star_stands_at_the_end_of_the_best_trial():
    # Long enough for an axis of minutes.
    (axes,) = drawn("timeline", "hundreds").axes
    (star,) = [line for line in axes.lines if line.get_label() == "best"]
    (place,) = star.get_xdata()
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches]
    # A bar has a least width, so that it can be seen.
    assert min(abs(end - place) for end in ends) < 0.01


def test_the_same_study_gives_the_same_bytes(tmp_path):
    for folder in ("first", "second"):
        figures.draw(case("twenty").study, ("val_loss",), tmp_path / folder / "figures")
    files = sorted((tmp_path / "first" / "figures").iterdir())
    assert {file.stem for file in files} == set(NAMES)
    for file in files:
        assert file.read_bytes() == (tmp_path / "second" / "figures" / file.name).read_bytes()


def test_a_logarithmic_parameter_has_round_numbers_and_choices_are_in_order():
    trials = case("three").complete
    assert [text for _, text in Scale.of("train.learning_rate", trials).ticks] == [
        "0.002",
        "0.005",
        "0.01",
        "0.02",
        "0.05",
    ]
    assert [text for _, text in Scale.of("train.batch_size", trials).ticks] == ["32", "64", "128"]
    assert [text for _, text in Scale.of("model.batch_norm", trials).ticks] == ["True", "False"]
    assert Scale.of("train.learning_rate", trials).log
    assert not Scale.of("train.batch_size", trials).log


@pytest.mark.parametrize(("key", "is_on_tick"), [("three", True), ("hundreds", False)])
def test_a_few_trials_stand_on_the_tick_of_their_choice_and_many_beside_one_another(key, is_on_tick):
    (axes,) = [axes for axes in drawn("slice", key).axes if axes.get_xlabel() == "batch_size"]
    places = {float(line.get_xdata()[0]) for line in axes.lines}
    assert (places <= set(axes.get_xticks())) == is_on_tick


def test_a_parameter_is_called_by_its_last_word_unless_two_have_the_same():
    names = short_names(["model.dropout", "train.epochs", "tune.epochs"])
    assert names == {"model.dropout": "dropout", "train.epochs": "train.epochs", "tune.epochs": "tune.epochs"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [((1.0, 5.1), True), ((1.0, 5.0), False), ((0.0, 5.1), False), ((-1.0, 9.0), False), ((2.0, 2.0), False)],
)
def test_losses_over_a_factor_of_five_are_drawn_as_logarithms(values, expected):
    assert losses.is_wide(values) is expected


def test_trials_that_ran_at_once_lie_in_rows_and_pauses_are_left_out():
    from glyphline.tuning.figures.timeline import _Span as Span

    spans, pauses = without_pauses([Span(0, 100, 110), Span(1, 105, 120), Span(2, 112, 118), Span(3, 90_000, 90_005)])
    assert spans == [Span(0, 0, 10), Span(1, 5, 20), Span(2, 12, 18), Span(3, 20, 25)]
    assert pauses == [20]
    assert lanes(spans) == {0: 0, 1: 1, 2: 0, 3: 0}
