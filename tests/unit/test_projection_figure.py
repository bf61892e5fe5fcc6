"""What the picture of the features says, read from the figure itself."""

import numpy as np
import pytest

from glyphline import figure_style as style
from glyphline.evaluation.figures import projection as draw
from glyphline.evaluation.projection import Projection

POINTS = np.array([[0.0, 0.0], [0.1, 0.0], [1.0, 1.0], [0.9, 0.9], [0.5, 0.4]])
LABELS, PREDICTED = np.array([0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 0])


def drawn(classes=("cat", "dog"), labels=LABELS, predicted=PREDICTED, points=POINTS, evenly=5):
    with style.rc_context():
        indices = np.arange(len(points))
        figure = draw(Projection(indices, points, (0.75, 0.125), evenly), labels, predicted, classes)
        figure.canvas.draw()
        return figure


def written(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_a_mistake_is_named_and_each_class_stands_at_its_middle():
    figure = drawn()
    assert figure.texts[0].get_text() == "Features: 1 of 5 images taken for another class"
    assert figure.texts[1].get_text().startswith("All 5 images, by the inputs of the last layer")
    assert written(figure) == ["dog → cat", "cat", "dog"]
    assert figure.axes[0].texts[2].xy == pytest.approx((0.9, 0.9))
    assert figure.axes[0].get_xlabel() == "first principal component: 75% of the variance"
    assert figure.axes[0].get_ylabel() == "second principal component: 12% of the variance"
    # Two classes and a mistake, on top of them.
    *classes, mistake = figure.axes[0].collections
    assert [len(points.get_offsets()) for points in classes] == [2, 2]
    assert mistake.get_offsets().tolist() == [[0.5, 0.4]]
    assert (mistake.get_facecolor()[0, :3] == classes[1].get_facecolor()[0, :3]).all()
    assert mistake.zorder > max(points.zorder for points in classes)


def test_long_names_stand_beside_the_points():
    figure = drawn(classes=("cat", "Staffordshire bullterrier"))
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["cat", "Staffor…errier"]
    assert written(figure) == ["Staffor…errier → cat"]


def test_a_part_of_the_images_is_said_to_be_one():
    figure = drawn(labels=np.append(LABELS, [0] * 45), predicted=np.append(PREDICTED, [0] * 45), evenly=4)
    assert figure.texts[1].get_text().startswith("4 of 50 images, drawn evenly, and 1 mistakes, by")


def test_of_many_classes_only_the_mistakes_have_a_colour():
    figure = drawn(classes=[str(number) for number in range(21)])
    assert written(figure) == ["1 → 0"]
    assert figure.axes[0].get_legend() is None
    assert len(figure.axes[0].collections) == 2


def test_captions_that_would_lie_on_one_another_are_left_out():
    points = np.vstack([np.zeros((4, 2)), [[1.0, 1.0]]])
    figure = drawn(points=points, labels=LABELS, predicted=1 - LABELS)
    assert written(figure)[:2] == ["cat → dog", "dog → cat"]
    assert len(written(figure)) == 4


@pytest.mark.parametrize("points", [np.zeros((5, 2)), POINTS * [1, 0]])
def test_images_that_do_not_differ_are_drawn_without_a_word(points, recwarn):
    drawn(points=points)
    assert not recwarn.list


def test_a_network_without_features_gets_a_sentence():
    with style.rc_context():
        figure = draw(None, LABELS, PREDICTED, ("cat", "dog"))
    assert figure.texts[0].get_text() == "No projection"
