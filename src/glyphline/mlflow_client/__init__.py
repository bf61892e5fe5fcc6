"""The one door to MLflow: the store's URI, its environment variables, its client, and what its exceptions mean.

MLflow is imported inside functions only: it costs seconds.
"""

from glyphline.mlflow_client.connection import client, environment_variables, pages, registry_client
from glyphline.mlflow_client.failures import (
    Failure,
    StoreFailedError,
    failure,
    reason,
    tracking_errors,
)
from glyphline.mlflow_client.file_locations import experiment_folder, local_path
from glyphline.mlflow_client.local_store import prepared, project_store
from glyphline.mlflow_client.store_uri import StoreUri, store_uri

__all__ = [
    "Failure",
    "StoreFailedError",
    "StoreUri",
    "client",
    "environment_variables",
    "experiment_folder",
    "failure",
    "local_path",
    "pages",
    "prepared",
    "project_store",
    "reason",
    "registry_client",
    "store_uri",
    "tracking_errors",
]
