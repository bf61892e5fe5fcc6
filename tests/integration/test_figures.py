"""The pictures by real matplotlib: there, legible in size, not blank, the same each time."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from glyphline import figure_style as style
from glyphline import params as parameters
from glyphline import records
from glyphline.errors import DataError
from glyphline.evaluation import evaluate_model, figures, write_report
from glyphline.evaluation.figures.confusion import most_confused
from glyphline.paths import Paths
from glyphline.records import Evaluation
from glyphline.values import Split
from tests.conftest import ROOT, changed

NAMES = (
    "class_counts", "confusion_matrix", "corruptions", "examples", "learning_curves", "mistakes", "per_class",
    "projection", "reliability", "risk_coverage", "slices",
)  # fmt: skip
TABLES = (
    "calibration.csv", "corruptions.csv", "evaluation.json", "explanations.json", "metrics.json", "per_class.csv",
    "predictions.csv", "predictions.npz", "risk_coverage.csv", "slices.csv",
)  # fmt: skip
PARAMS = {
    "batch_size": 64, "calibration_bins": 15, "mistakes": 25, "explanation_steps": 2, "corruption_images": 20,
    "slices": ("intensity", "thickness"),
}  # fmt: skip
HISTORY = [
    {
        "train_loss": 1.0 / (epoch + 1),
        "train_accuracy": 0.9,
        "val_loss": 1.1 / (epoch + 1),
        "val_accuracy": 0.8,
        "learning_rate": 0.1,
    }
    for epoch in range(4)
]


def a_case(count=120, classes=10, wrong=9, names=None, shape=(8, 8, 1)):
    rng = np.random.default_rng(3)
    labels = np.arange(count) % classes
    predicted = labels.copy()
    predicted[rng.choice(count, wrong, replace=False)] += 1
    probs = np.full((count, classes), 0.2 / (classes - 1))
    probs[np.arange(count), predicted % classes] = 0.8
    images = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
    return Split("test", images, labels, names or tuple(map(str, range(classes))), "digest"), probs.astype(np.float32)


class Model:
    """A model that predicts `probs` for all the images, the first of them for fewer, and whose gradients are flat."""

    weights_digest = "weights"

    def __init__(self, probs):
        self.probs = probs

    def probabilities(self, images):
        return (
            self.probs
            if len(images) == len(self.probs)
            else np.resize(self.probs, (len(images), *self.probs.shape[1:]))
        )

    def features(self, images):
        return images.reshape(len(images), -1).astype(np.float32)

    def gradients(self, images, _classes):
        return np.ones_like(images)


def report(folder, split, probs, *, history=HISTORY, best_epoch=3, **evaluate):
    """Evaluate in a project at `folder`; give the folder of the stage and the record."""
    paths = Paths(work=folder, home=folder)
    values = {f"evaluate.{key}": value for key, value in (PARAMS | evaluate).items()}
    params = changed(parameters.read(ROOT / "params.yaml"), values)
    results = evaluate_model(split, Model(probs), params.evaluate)
    return paths.evaluate, write_report(paths, results, params, history=history, best_epoch=best_epoch, class_counts={})


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), dtype=float)


def test_the_report_is_complete_and_its_record_reads_back(tmp_path):
    folder, evaluation = report(tmp_path, *a_case())
    assert sorted(path.relative_to(folder).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        [*TABLES] + [f"figures/{name}.png" for name in NAMES]
    )
    assert records.read(folder / "evaluation.json", Evaluation, stage="evaluate") == evaluation
    assert evaluation.correct == 111


def test_twice_the_same_input_gives_the_same_bytes_whatever_the_persons_own_settings(tmp_path):
    import matplotlib as mpl

    split, probs = a_case()
    one, _ = report(tmp_path / "one", split, probs)
    with mpl.rc_context({"font.size": 30, "axes.grid": True, "savefig.bbox": "tight"}):
        two, _ = report(tmp_path / "two", split, probs)
        assert mpl.rcParams["font.size"] == 30
    for path in one.rglob("*.*"):
        assert path.read_bytes() == (two / path.relative_to(one)).read_bytes(), path.name
    with Image.open(one / "figures" / "per_class.png") as image:
        assert set(image.info) <= {"dpi"}


@pytest.mark.parametrize(
    ("case", "history", "best_epoch"),
    [
        ({}, HISTORY, 1),
        ({"classes": 2, "count": 20, "wrong": 0, "shape": (16, 64, 3)}, HISTORY[:1], 1),
        (
            {"classes": 40, "count": 400, "wrong": 90, "names": tuple(f"{i} {'long ' * 20}" for i in range(40))},
            HISTORY,
            4,
        ),
        ({"classes": 1000, "count": 2000, "wrong": 30}, HISTORY * 20, 70),
        ({"classes": 25, "count": 60, "wrong": 60, "shape": (200, 256, 3)}, [dict.fromkeys(HISTORY[0], 0.0)], 1),
    ],
)
def test_every_figure_fits_the_viewer_and_shows_something(case, history, best_epoch, tmp_path):
    folder, _ = report(tmp_path, *a_case(**case), history=history, best_epoch=best_epoch)
    for name in NAMES:
        picture = pixels(folder / "figures" / f"{name}.png")
        height, width = picture.shape
        assert width == 880, name
        assert 80 <= height <= 1500, name
        assert picture.std() > 5, name
        # Ink at an edge would be something cut off.
        assert min(picture[0].min(), picture[-1].min(), picture[:, 0].min(), picture[:, -1].min()) > 250, name


def test_without_explanations_corruptions_and_slices_the_figures_say_so(tmp_path):
    folder, _ = report(tmp_path, *a_case(), explanation_steps=0, corruption_images=0, slices=())
    for name in ("corruptions", "slices"):
        assert len(pixels(folder / "figures" / f"{name}.png")) < 150
    assert (folder / "corruptions.csv").read_text() == "corruption,severity,accuracy,accuracy_low,accuracy_high,count\n"
    assert (folder / "explanations.json").read_text() == "[]\n"


def test_the_gallery_is_as_high_as_its_mistakes_need(tmp_path):
    heights = {}
    for wrong in (0, 1, 25):
        folder, _ = report(tmp_path / str(wrong), *a_case(wrong=wrong))
        heights[wrong] = len(pixels(folder / "figures" / "mistakes.png"))
    assert heights[0] < heights[1] < heights[25] / 3


def test_no_mistakes_asked_for_is_said_in_the_picture():
    split, _ = a_case()
    with style.rc_context():
        figure = figures.mistakes(split, [object()] * 9, limit=0)
    assert "evaluate.mistakes is 0" in " ".join(text.get_text() for text in figure.texts)


def test_more_than_25_classes_are_cut_down_to_those_confused_most_and_the_titles_say_so():
    counts = 10 * np.eye(60, dtype=np.int64)
    counts[50, 3], counts[59, 58] = 7, 9
    assert {50, 3, 59, 58} <= set(most_confused(counts, 25))
    assert len(most_confused(counts, 25)) == 25
    with style.rc_context():
        figure = figures.confusion(counts, [str(index) for index in range(60)])
    texts = " ".join(text.get_text() for text in figure.texts)
    assert "25 most confused of 60 classes" in texts
    assert "16 of 16 mistakes" in texts


def test_the_most_frequent_confusion_is_shown_before_classes_with_many_rare_ones():
    counts = np.zeros((30, 30), dtype=np.int64)
    counts[0, 1:] = 1
    counts[28, 29] = 2
    assert most_confused(counts, 2) == [28, 29]
    assert most_confused(counts, 30) == list(range(30))


def test_names_with_signs_of_formulas_or_of_other_scripts_are_drawn_without_a_word(tmp_path):
    names = ("$5_{x", "100 %", "二 \N{CAT FACE}", "a\nb", "\\alpha", "<b>", "", " ", "é", "_")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report(tmp_path, *a_case(names=names))


@pytest.mark.parametrize("size", [8, 18])
def test_a_long_name_keeps_its_two_ends(size):
    short = style.shortened("Staffordshire bullterrier", size)
    assert len(short) == size
    assert short.startswith("Sta")
    assert short.endswith("ier")
    assert style.shortened("Sta\nier", size) == "Sta ier"


@pytest.mark.parametrize(
    ("history", "best_epoch", "problem"),
    [
        (HISTORY, 5, "best epoch 5 of a history of 4 epochs"),
        ([], 1, "history of 0 epochs"),
        ([{"train_loss": 1.0, "train_accuracy": 1.0}], 1, "lacks val_loss, val_accuracy in epoch 1"),
    ],
)
def test_a_history_of_another_training_is_refused(history, best_epoch, problem, tmp_path):
    with pytest.raises(DataError, match=problem) as caught:
        report(tmp_path, *a_case(), history=history, best_epoch=best_epoch)
    assert "dvc repro train" in caught.value.fix
    assert not list(tmp_path.rglob("evaluation.json"))


def test_drawing_loads_neither_pyplot_nor_the_libraries_of_the_second_source():
    code = "import sys, glyphline.evaluation.figures; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"matplotlib.pyplot", "scipy", "sklearn", "pandas"} & set(loaded)
