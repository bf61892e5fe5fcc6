"""The model card states what was measured, and names what was not."""

import numpy as np
import pytest

from glyphline.evaluation import card
from glyphline.evaluation.card import CardFacts
from glyphline.evaluation.explanations import Explanations
from glyphline.journal.run_origin import RunOrigin
from glyphline.records import ClassScore, CorruptionScore, Cost, Latency, SliceScore, Training
from tests.conftest import made_evaluation

TRAINED = Training(
    dataset="shapes", params={"train.epochs": 3, "model.filters": [4], "seed": 1}, weights_digest="w" * 64,
    parameters=1234, epochs=3, best_epoch=2, val_loss=0.1, val_accuracy=0.9, val_count=50, train_digest="a" * 64,
    val_digest="b" * 64, device="CPU", precision="float32", xla=False, why="as asked", model_sha256="m" * 64,
)  # fmt: skip
COST = Cost(
    device="CPU", parameters=1234, model_bytes=5678, latency=(Latency(batch=1, calls=9, median_s=0.002, p99_s=0.003),)
)
ORIGIN = RunOrigin(key="k" * 32, name="misty-lake", experiment="shapes", seconds=12.3, facts={
    "git": {"commit": "c" * 40, "dirty": True}, "dvc_experiment": "misty-lake", "lock_file_sha256": "l" * 64, "seed": 7,
    "cores": 2, "python": "3.11.7",
})  # fmt: skip
SECTIONS = [
    "Intended use", "How to load it", "Metrics", "Limits", "Where it fails", "Data", "Training", "Compute", "Lineage",
]  # fmt: skip


def written(scores=None, *, origin=ORIGIN, explanations=(), trained=TRAINED) -> str:
    licence, citation = "CC BY 4.0", "Somebody (1998)"
    return card.markdown(
        CardFacts(trained, scores or made_evaluation(90, 100), COST, licence, citation, origin, explanations)
    )


def a_class(name, count, *, correct=0, f1=0.5) -> ClassScore:
    share = correct / count if count else None
    interval = None if share is None else (0.0, 1.0)
    return ClassScore(
        name=name, count=count, predicted=count, correct=correct, precision=share, precision_interval=interval,
        recall=share, recall_interval=interval, f1=f1 if count else None, f1_interval=interval,
    )  # fmt: skip


def test_it_has_the_sections_that_people_look_for_in_their_order():
    assert [line[3:] for line in written().splitlines() if line.startswith("## ")] == SECTIONS


@pytest.mark.parametrize(
    "fact",
    [
        "Test accuracy **0.9000** (95 % interval 0.8256 to 0.9448, 90 of 100 images)",
        "1,234 parameters",
        "licence: CC BY 4.0",
        "cite: Somebody (1998)",
        "`train.epochs`: 3",
        "the weights of epoch 2",
        "seed 7",
        "training run: 12.3 s on CPU (2 cores), float32; energy was not measured",
        "5,678 bytes",
        "median 2.000 ms, p99 3.000 ms",
        f"misty-lake, key {'k' * 32}",
        f"{'c' * 40}, with uncommitted changes",
        "l" * 64,
        "| balanced accuracy | 0.9000 | 0.8256 to 0.9448 |",
        "| macro F1 | 0.9000 | 0.8256 to 0.9448 |",
    ],
)
def test_every_fact_is_in_it(fact):
    assert fact in written()


def test_files_that_were_left_out_are_counted_and_none_are_not_mentioned():
    facts = (TRAINED, made_evaluation(90, 100), COST, "CC BY 4.0", "", ORIGIN, ())
    assert "- files left out because they could not be read as images: 1,234\n" in card.markdown(
        CardFacts(*facts, 1234)
    )
    assert "left out" not in card.markdown(CardFacts(*facts))


def test_what_is_not_known_is_named_and_not_left_out():
    text = written(origin=RunOrigin(key="k", name="n", experiment="e", seconds=None, facts={}))
    assert "training run: unknown on CPU" in text
    assert "not under version control" in text


def test_a_class_without_images_is_a_limit_and_no_row_of_the_table():
    scores = made_evaluation(90, 100, classes=(a_class("bar", 100, correct=90), a_class("ghost", 0)))
    text = written(scores)
    assert "No test image of ghost: nothing is known about them." in text
    assert "| `ghost` |" not in text
    assert "nan" not in text.lower()


def test_the_worst_class_is_the_one_of_the_lowest_recall_in_the_line_and_in_the_table():
    # The other way round by F1.
    classes = (a_class("first", 10, correct=9, f1=0.5), a_class("second", 10, correct=2, f1=0.9))
    text = written(made_evaluation(90, 100, classes=classes, worst_class="second", worst_class_recall=0.2))
    assert "Worst class: `second`, recall 0.2000" in text
    table = text.partition("lowest recall first")[2]
    assert table.index("`second`") < table.index("`first`")


def test_of_many_classes_the_ten_worst_are_shown():
    classes = tuple(a_class(f"class {n}", 50, correct=n) for n in range(50))
    text = written(made_evaluation(90, 100, classes=classes))
    assert "`class 9`" in text
    assert "| `class 10` |" not in text
    assert "and 40 more" in text


def test_names_cannot_break_the_tables():
    text = written(made_evaluation(90, 100, classes=(a_class("a|b`c\nd", 5, correct=1),), worst_class="a|b`c\nd"))
    assert "| `a/b'c d` |" in text


def test_it_says_what_is_decided_on_which_split():
    text = written()
    assert "no choice was made" not in text
    (line,) = [line for line in text.splitlines() if "gate" in line]
    assert "on the validation split" in line
    assert "the gate decides on the test split which version becomes champion" in line


def test_slices_corruptions_and_explanations_have_their_lines():
    ends = {"accuracy_interval": (0.5, 0.7)}
    thin = SliceScore(name="thickness", part="low", low=1, high=2, count=33, correct=20, accuracy=0.6, **ends)
    blurred = tuple(
        CorruptionScore(name="blur", severity=severity, count=10, correct=6, accuracy=0.7 - severity / 100, **ends)
        for severity in range(1, 6)
    )
    scores = made_evaluation(90, 100, corruption_accuracy=0.61, slices=(thin,), corruptions=blurred)
    explanations = Explanations(
        classes=np.zeros(2, int),
        probabilities=np.ones(2),
        pixels=np.array([[[1, 2], [3, 4]], [[0, 0], [0, 0]]], np.float32),
        patches=np.array([[[2, 1], [3, 4]], [[1, 2], [3, 4]]], np.float32),
        gaps=np.zeros(2),
    )
    text = written(scores, explanations=(explanations,))
    assert "| thickness low | 0.6000 | 0.5000 to 0.7000 | 33 |" in text
    assert "| blur | 0.690 | 0.680 | 0.670 | 0.660 | 0.650 |" in text
    assert "rank correlation of 0.80 over 1 images" in text
    assert "Weakest under blur of severity 5" in text


def test_the_description_of_the_run_has_the_most_important_numbers():
    description = card.run_description(made_evaluation(90, 100))
    assert "**0.9000** (95 % interval 0.8256 to 0.9448, 90 of 100 images)" in description
    assert "on corrupted images" not in description
    assert "; 0.6100 on corrupted images" in card.run_description(made_evaluation(90, 100, corruption_accuracy=0.61))


def test_it_shows_the_load_that_checks_before_the_one_that_does_not():
    text = written()
    assert 0 < text.index('glyphline.load("models:/NAME@champion")') < text.index("mlflow.keras.load_model")


def test_it_says_how_many_training_images_a_class_has_where_that_is_known():
    assert "training images of a class" not in written()
    counted = TRAINED.model_copy(update={"class_counts": {"train": {"bar": 12, "line": 1400}, "val": {"bar": 1}}})
    assert "- training images of a class: 12 to 1,400" in written(trained=counted)


def test_a_pretrained_backbone_is_named_with_its_licence_and_authors():
    params = {"model.kind": "pretrained", "model.backbone": "efficientnet_lite0"}
    text = written(trained=TRAINED.model_copy(update={"params": params}))
    assert "features of efficientnet_lite0, which has seen ImageNet and was not changed;" in text
    assert "licence of its weights: Apache-2.0; cite: Tan and Le" in text
    for tuned, words in (
        ("all", "and learned on with the head;"),
        (3, "and learned on with the head in its last 3 layers;"),
    ):
        other = TRAINED.model_copy(update={"params": params | {"train.tune_backbone": tuned}})
        assert words in written(trained=other)
    assert "ImageNet" not in written()
    own = TRAINED.model_copy(update={"params": params | {"model.backbone": "nets/mine.keras"}})
    assert "features of nets/mine.keras, a network of one's own" in written(trained=own)
    from_nothing = TRAINED.model_copy(update={"params": params | {"model.kind": "cnn"}})
    assert "ImageNet" not in written(trained=from_nothing)
