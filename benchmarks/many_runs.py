"""A store with a thousand runs against one with a hundred: the requests that MLflow's UI makes of it."""

import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import click

import measurement
from glyphline import mlflow_client
from glyphline import params as parameters
from glyphline.mlflow_sync import experiment_view, store
from glyphline.paths import Paths

CURVES = ("accuracy", "loss", "val_accuracy", "val_loss")
SCORES = ("test_accuracy", "test_calibration_error", "test_log_loss", "test_macro_f1")
# The UI asks for a page of a hundred runs at a time, sorted, and for those that a person searches. Each search finds as
# many runs among a hundred as among a thousand: what is measured is finding them, not sending more of them.
REQUESTS = {
    "list": {"order_by": ["attributes.start_time DESC"]},
    "sort by test accuracy": {"order_by": ["metrics.`test_accuracy` DESC"]},
    "search by name": {"filter_string": "attributes.run_name = 'run-42'"},
    "search by score and parameter": {
        "filter_string": "metrics.test_accuracy > 0.5 and params.`train.epochs` = '12'",
        "max_results": 10,
    },
}
PAGE = 100


def fill(client: Any, experiment: str, count: int) -> None:
    """Runs like ours, written as MLflow's tables hold them: a thousand by its own calls would take a minute."""
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
    from sqlalchemy import insert

    tables = client._tracking_client.store  # noqa: SLF001  (MLflow has no public way to its tables)
    location = client.get_experiment(experiment).artifact_location
    rows: dict[Any, list[dict[str, Any]]] = {SqlRun: [], SqlParam: [], SqlTag: [], SqlMetric: [], SqlLatestMetric: []}
    for number in range(count):
        run = uuid.uuid4().hex
        rows[SqlRun].append({
            "run_uuid": run, "name": f"run-{number}", "source_type": "LOCAL", "user_id": "someone",
            "status": "FINISHED",
            "start_time": number, "end_time": number + 9, "lifecycle_stage": "active", "experiment_id": int(experiment),
            "artifact_uri": f"{location}/{run}", "deleted_time": None, "source_name": "", "entry_point_name": "",
            "source_version": "",
        })  # fmt: skip
        rows[SqlParam] += [{"run_uuid": run, "key": f"train.p{n}", "value": str(n)} for n in range(30)]
        rows[SqlParam].append({"run_uuid": run, "key": "train.epochs", "value": str(10 + number % 3)})
        rows[SqlTag] += [
            {"run_uuid": run, "key": key, "value": f"run-{number}"}
            for key in ("mlflow.runName", "mlflow.note.content", "glyphline.run_key", "glyphline.sent")
        ]
        for name in (*CURVES, *SCORES):
            steps = range(12) if name in CURVES else range(1)
            points = [
                {
                    "run_uuid": run,
                    "key": name,
                    "value": (number * 37 % 1000) / 1000,
                    "timestamp": step,
                    "step": step,
                    "is_nan": False,
                }
                for step in steps
            ]
            rows[SqlMetric] += points
            rows[SqlLatestMetric].append(points[-1])
    with tables.ManagedSessionMaker() as session:
        for model, values in rows.items():
            session.execute(insert(model), values)


def seconds_for(client: Any, experiment: str, tries: int) -> dict[str, float]:
    """Processor time of each request, the least of some tries; SQLite works in this process."""
    found = {}
    for name, request in REQUESTS.items():
        spent = []
        for _ in range(tries):
            began = time.process_time()
            client.search_runs([experiment], **({"max_results": PAGE} | request))
            spent.append(time.process_time() - began)
        found[name] = min(spent)
    return found


@click.command()
@click.option("--tries", default=7, show_default=True, help="How often each request is made.")
@measurement.quick_option
def main(*, tries: int, quick: bool) -> None:
    """Measure and publish."""
    params = parameters.read(measurement.ROOT / "params.yaml")
    with tempfile.TemporaryDirectory() as scratch:
        paths = Paths(work=Path(scratch), home=Path(scratch))
        uri = mlflow_client.store_uri(params, paths, {})
        client = store.connect(uri, paths, timeout_s=60).client
        few, many = (client.create_experiment(name, tags=experiment_view.tags(name, "1")) for name in ("few", "many"))
        fill(client, few, 100)
        hundred = seconds_for(client, few, 1 if quick else tries)
        fill(client, many, 1000)
        store.analyze(uri)
        thousand = seconds_for(client, many, 1 if quick else tries)
    rows = [
        (name, f"{1000 * hundred[name]:.0f}", f"{1000 * thousand[name]:.0f}", f"{thousand[name] / hundred[name]:.2f}")
        for name in REQUESTS
    ]
    measurement.publish(
        "many_runs",
        f"A page of {PAGE} runs from SQLite, processor time in ms, least of {1 if quick else tries}",
        ("request", "100 runs", "1,000 runs", "ratio"),
        rows,
        {"hundred": hundred, "thousand": thousand},
    )


if __name__ == "__main__":
    main()
