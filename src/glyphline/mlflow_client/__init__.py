"""The one door to MLflow: the store's URI, its environment variables, its client, and what its exceptions mean.

MLflow is imported inside functions only: it costs seconds.
"""

from glyphline.mlflow_client.connection import client, download, environment_variables, pages, registry_client
from glyphline.mlflow_client.failures import (
    THEN_REPRO,
    Failure,
    StoreFailedError,
    failure,
    reason,
    store_failed,
    tracking_errors,
)
from glyphline.mlflow_client.file_locations import experiment_folder, local_path
from glyphline.mlflow_client.local_store import prepared, project_store
from glyphline.mlflow_client.store_check import check_address, check_store
from glyphline.mlflow_client.store_uri import StoreUri, store_uri

__all__ = [
    "THEN_REPRO",
    "Failure",
    "StoreFailedError",
    "StoreUri",
    "check_address",
    "check_store",
    "client",
    "download",
    "environment_variables",
    "experiment_folder",
    "failure",
    "local_path",
    "pages",
    "prepared",
    "project_store",
    "reason",
    "registry_client",
    "store_failed",
    "store_uri",
    "tracking_errors",
]
