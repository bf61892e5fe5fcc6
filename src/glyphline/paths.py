"""Every path of a project, in one frozen object.

Two roots, because DVC runs a queued experiment in a copy of the project that it throws away: stages read and write
under `work`, the current directory; what must outlive an experiment lies under `home`, the main checkout.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from glyphline.errors import ParamsError

# Names that files keep when they are copied: as artifacts of a run, or in DVC's cache.
JOURNAL = "journal.jsonl"
EVALUATION = "evaluation.json"
PREDICTIONS = "predictions.npz"
COST = "cost.json"
MODEL_CARD = "model_card.md"


def is_inside(path: str) -> bool:
    """Whether a relative path, as a file of the project names it, leads to a place below where it begins.

    >>> [is_inside(path) for path in ("artifacts/train/history.csv", "", "/etc/passwd", "data/../../key")]
    [True, False, False, False]
    """
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths of a project.

    Attributes:
        work: the folder with `dvc.yaml` that the stage works in.
        home: the main checkout, the same as `work` but in a queued or temporary experiment.
    """

    work: Path
    home: Path

    @classmethod
    def find(cls, start: Path, environ: Mapping[str, str] = os.environ) -> Self:
        """The project that holds `start`.

        Raises:
            ParamsError: neither `start` nor a folder above it holds a `dvc.yaml`.
        """
        for folder in (start, *start.parents):
            if (folder / "dvc.yaml").is_file():
                # DVC sets DVC_ROOT to the main checkout, also when the stage runs in a throw-away copy, which lies
                # below it; but it keeps a value that is there, as in a stage of another project.
                main = Path(environ.get("DVC_ROOT") or folder)
                return cls(work=folder, home=main if folder.resolve().is_relative_to(main.resolve()) else folder)
        raise ParamsError(f"no dvc.yaml in {start} or above it", fix="go to the project's folder and try again")

    @property
    def params(self) -> Path:
        return self.work / "params.yaml"

    @property
    def scan(self) -> Path:
        return self.work / "data" / "scan.json"

    @property
    def backbone_scan(self) -> Path:
        return self.work / "data" / "backbones.json"

    @property
    def raw(self) -> Path:
        return self.work / "data" / "raw"

    @property
    def partials(self) -> Path:
        """Unfinished downloads: not under `raw`, which DVC empties before it runs fetch again."""
        return self.home / "data" / ".partial"

    @property
    def processed(self) -> Path:
        return self.work / "data" / "processed"

    def split(self, name: str) -> Path:
        """The folder of one split: `train`, `val` or `test`."""
        return self.processed / name

    def stage(self, name: str) -> Path:
        """The folder of a stage's outs."""
        return self.work / "artifacts" / name

    @property
    def preprocess(self) -> Path:
        return self.stage("preprocess")

    @property
    def samples(self) -> Path:
        return self.preprocess / "samples.png"

    @property
    def near_duplicates(self) -> Path:
        return self.preprocess / "near_duplicates.png"

    @property
    def fit_samples(self) -> Path:
        """Only where images from files were resized."""
        return self.preprocess / "fit.png"

    @property
    def preprocess_report(self) -> Path:
        return self.preprocess / "report.json"

    @property
    def backbone(self) -> Path:
        """The weights of networks that have seen other images."""
        return self.stage("backbone")

    @property
    def features(self) -> Path:
        """What those networks make of the images of training and validation split."""
        return self.stage("features")

    @property
    def best(self) -> Path:
        return self.stage("tune") / "best.json"

    @property
    def model(self) -> Path:
        return self.stage("train") / "model.keras"

    @property
    def training(self) -> Path:
        return self.stage("train") / "training.json"

    @property
    def trained_params(self) -> Path:
        """The parameters that the model was really trained with: params.yaml under the winner of the search."""
        return self.stage("train") / "params.json"

    @property
    def history(self) -> Path:
        return self.stage("train") / "history.csv"

    @property
    def evaluate(self) -> Path:
        return self.stage("evaluate")

    @property
    def evaluation(self) -> Path:
        return self.evaluate / EVALUATION

    @property
    def predictions(self) -> Path:
        return self.evaluate / PREDICTIONS

    @property
    def explanations(self) -> Path:
        return self.evaluate / "explanations.json"

    @property
    def evaluation_figures(self) -> Path:
        return self.evaluate / "figures"

    def evaluation_table(self, name: str) -> Path:
        """A table of the evaluation for `dvc plots`, for example `per_class`."""
        return self.evaluate / f"{name}.csv"

    @property
    def model_card(self) -> Path:
        return self.evaluate / MODEL_CARD

    @property
    def cost(self) -> Path:
        return self.evaluate / COST

    @property
    def metrics(self) -> Path:
        return self.evaluate / "metrics.json"

    @property
    def decision(self) -> Path:
        return self.stage("register") / "decision.json"

    def journal(self, stage: str) -> Path:
        """The journal of the runs that a stage made."""
        return self.stage(stage) / JOURNAL

    def journals(self) -> list[Path]:
        """The journals that stages have left."""
        return sorted((self.work / "artifacts").glob(f"*/{JOURNAL}"))

    @property
    def mlruns(self) -> Path:
        """What is not reproducible: the artifacts of MLflow and the studies of Optuna."""
        return self.home / "mlruns"

    @property
    def store(self) -> Path:
        """The local store of MLflow, where its own commands look for it when they run in the project's folder."""
        return self.home / "mlflow.db"

    @property
    def former_store(self) -> Path:
        """Where earlier releases had the local store."""
        return self.mlruns / "mlflow.db"

    @property
    def study(self) -> Path:
        return self.mlruns / "optuna.db"

    @property
    def checkpoints(self) -> Path:
        """Unfinished fits: not among the outs of `train`, which DVC deletes before it runs the stage again."""
        return self.mlruns / "checkpoints"

    @property
    def scratch(self) -> Path:
        """Folders that a process needs for a moment, see `scratch_folder`."""
        return self.mlruns / "scratch"

    @property
    def scan_index(self) -> Path:
        """Sizes, times and digests of the images at `data.path`, as the last scan saw them."""
        return self.mlruns / "scan-index.npz"

    @property
    def stage_times(self) -> Path:
        return self.mlruns / "stage-times.json"

    def telling_outs(self) -> dict[str, Path]:
        """Stage -> one of its outs, which differs whenever the stage made something else; in the pipeline's order."""
        return {
            "scan": self.scan,
            "fetch": self.raw / "manifest.json",
            "preprocess": self.split("train") / "manifest.json",
            **{stage: self.stage(stage) / "manifest.json" for stage in ("backbone", "features")},
            **{stage: self.journal(stage) for stage in ("tune", "train", "evaluate")},
            "register": self.decision,
        }

    @property
    def lock_file(self) -> Path:
        return self.work / "requirements.lock"
