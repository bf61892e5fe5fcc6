"""The rival: the MNIST script that every Keras tutorial begins with, as a person would write it.

Three convolutions of 32, 64 and 64 filters, two pools, 64 dense units, Adam at its defaults, batches of 32, all 60,000
training images as float32. Prints one line of JSON.
"""

import json
import time
from pathlib import Path

import click
import keras
import numpy as np
from keras import layers

from glyphline.data import load


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", default=1)
@click.option("--epochs", default=5)
def main(folder: Path, seed: int, epochs: int) -> None:
    """Fit on the training and validation splits of the project in FOLDER together, score on its test split."""
    train, val, test = (load(folder / "data" / "processed" / name) for name in ("train", "val", "test"))

    images = np.concatenate([train.images, val.images]).astype("float32") / 255
    labels = np.concatenate([train.labels, val.labels])
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input(train.image_shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(len(train.classes), activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    began = time.perf_counter()
    model.fit(images, labels, epochs=epochs, batch_size=32, verbose=0)
    seconds = time.perf_counter() - began
    accuracy = model.evaluate(test.images.astype("float32") / 255, test.labels, verbose=0)[1]
    click.echo(
        json.dumps({"seed": seed, "fit_s": seconds, "test_accuracy": accuracy, "parameters": model.count_params()})
    )


if __name__ == "__main__":
    main()
