"""One registered model of MLflow: its versions, aliases and labels."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from glyphline.mlflow_client import registry_client
from glyphline.registry.state import MANAGED

log = logging.getLogger(__name__)

HIDDEN = "mlflow.glyphline."
"""Begins the names of tags that are for programs: MLflow's pages show no tag whose name begins with `mlflow.`."""
MACHINE_TAG = f"{HIDDEN}machine"
MAX_VERSIONS = 10_000
MODEL_DESCRIPTION = (
    "Image classifier made by Glyphline.\n\n"
    "- `champion`: the version to use. It passed the gate, or somebody said why it was let in without.\n"
    "- `challenger`: the newest version that was registered and evaluated.\n"
    "- `previous`: the champion before; `glyphline rollback` goes back to it.\n\n"
    "`glyphline history` tells how it came to that."
)


def read_tag(tags: Mapping[str, str], name: str) -> str | None:
    """A tag for programs, by its name without `HIDDEN`; earlier releases wrote it under that name itself."""
    return tags.get(f"{HIDDEN}{name}", tags.get(name))


class RegisteredModel:
    """One registered model of a store.

    Args:
        client: an `MlflowClient`.
        name: the registered model.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    @property
    def name(self) -> str:
        """Of the registered model."""
        return self._name

    @property
    def client(self) -> Any:
        """The `MlflowClient`."""
        return self._client

    def version_of(self, run_id: str) -> int | None:
        """The version that was made of a run, if there is one."""
        versions = self._client.search_model_versions(f"name = '{self._name}' and run_id = '{run_id}'")
        return min((int(version.version) for version in versions), default=None)

    def ensure_version(self, run_id: str, model_id: str, source: str, tags: Mapping[str, str]) -> int:
        """The version of a run: the existing one, or a new one. Its tags are brought up to date.

        Args:
            run_id: the MLflow run that trained the model.
            model_id: the logged model of that run.
            source: where the files of the logged model lie.
            tags: what the version should carry.
        """
        version = self.version_of(run_id)
        if version is None:
            # The location and not models:/<id>: a database store looks such an id up in the process's default store,
            # which need not be this one.
            made = self._client.create_model_version(
                self._name,
                source=source,
                run_id=run_id,
                model_id=model_id,
                tags=dict(tags),
                # Its files are there already, so that it is ready at once.
                await_creation_for=0,
            )
            version = int(made.version)
            if (first := self.version_of(run_id)) is not None and first < version:
                # Another machine registered the same run at the same moment, and was first.
                self._client.delete_model_version(self._name, str(version))
                version = first
        self._link(model_id, version)
        self.set_labels(version, tags)
        return version

    def exists(self) -> bool:
        """Whether there is a registered model of this name."""
        return bool(self._client.search_registered_models(f"name = '{self._name}'"))

    def aliases(self) -> dict[str, int]:
        """Alias -> version."""
        return {alias: int(version) for alias, version in self._client.get_registered_model(self._name).aliases.items()}

    def versions(self, since: int = 1) -> dict[int, Any]:
        """Number -> MLflow's version, for those from a number on that were not deleted."""
        condition = f"name = '{self._name}'" + (f" and version_number >= {since}" if since > 1 else "")
        versions = self._client.search_model_versions(condition, max_results=MAX_VERSIONS)
        return {int(version.version): version for version in versions}

    def set_alias(self, alias: str, version: int) -> bool:
        """Give an alias to a version; another version that had it loses it.

        Returns:
            False, after a warning, when the version is gone or MLflow takes no such name.
        """
        from mlflow.exceptions import MlflowException

        try:
            self._client.set_registered_model_alias(self._name, alias, str(version))
        except MlflowException as error:
            # MLflow accepts the names that this program manages; an invalid value in their case is something else.
            final = {"RESOURCE_DOES_NOT_EXIST"} | (set() if alias in MANAGED else {"INVALID_PARAMETER_VALUE"})
            if error.error_code not in final:
                raise
            log.warning("%s: alias %s cannot be given to version %d: %s", self._name, alias, version, error.message)
            return False
        return True

    def delete_alias(self, alias: str) -> None:
        """Take an alias from the version that has it."""
        self._client.delete_registered_model_alias(self._name, alias)

    def tag(self, key: str) -> str | None:
        """A tag of the registered model; None where there is no such tag or model."""
        models = self._client.search_registered_models(f"name = '{self._name}'")
        return models[0].tags.get(key) if models else None

    def set_tag(self, key: str, value: str) -> None:
        """Set a tag of the registered model that differs."""
        if self.tag(key) != value:
            self._client.set_registered_model_tag(self._name, key, value)

    def set_labels(self, version: int, tags: Mapping[str, str], description: str | None = None) -> None:
        """Set the description and the tags that differ from what a version has, the tags in their order."""
        present = self._client.get_model_version(self._name, str(version))
        if description is not None and present.description != description:
            self._client.update_model_version(self._name, str(version), description=description)
        for key, value in tags.items():
            if present.tags.get(key) != value:
                self._set_version_tag(version, key, value)

    def _set_version_tag(self, version: int, key: str, value: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.set_model_version_tag(self._name, str(version), key, value)
        except MlflowException:
            # Of two processes that write a new tag at once, PostgreSQL refuses one; any other failure is raised.
            if self._client.get_model_version(self._name, str(version)).tags.get(key) != value:
                raise

    def commit_of(self, run_id: str) -> str | None:
        """The git commit that a run was made at, if the run carries one."""
        commit = self._client.get_run(run_id).data.tags.get("mlflow.source.git.commit")
        return str(commit) if commit else None

    def ensure_model(self) -> None:
        """Make the registered model when there is none."""
        if not self.exists():
            from mlflow.exceptions import MlflowException

            try:
                self._client.create_registered_model(self._name, description=MODEL_DESCRIPTION)
            except MlflowException:
                # Another machine may have made it since; any other failure is raised.
                if not self.exists():
                    raise

    def _link(self, model_id: str, version: int) -> None:
        # The page of a run names the versions of its model only if the logged model carries this tag.
        tags = self._client.get_logged_model(model_id).tags
        links = json.loads(tags.get("mlflow.modelVersions", "[]"))
        if not any(link["name"] == self._name and int(link["version"]) == version for link in links):
            links.append({"name": self._name, "version": version})
            self._client.set_logged_model_tags(model_id, {"mlflow.modelVersions": json.dumps(links)})


@contextmanager
def connected(uri: str, name: str, timeout_s: float) -> Iterator[RegisteredModel]:
    """A registered model for as long as the block runs; what goes wrong in it is raised as an error with a way out.

    Args:
        uri: the store, a database or a server.
        name: the registered model.
        timeout_s: seconds to wait for a server's answer.

    Raises:
        TrackingError: the store does not answer.
        RegistryError: the store refuses a request; ReadOnlyError, when it cannot be written.
    """
    with registry_client(uri, timeout_s) as client:
        yield RegisteredModel(client, name)
