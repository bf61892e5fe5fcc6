"""The commands about registered models: who is champion, why, and how to change or rebuild it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from glyphline.cli import project
from glyphline.paths import Paths

if TYPE_CHECKING:
    from glyphline.params import Params
    from glyphline.registry import RegistryLocation, Session
    from glyphline.registry.alias_updates import RegistryView
    from glyphline.registry.log_events import LogEvent
    from glyphline.registry.promotion import PromotionResult


def _location(values: "Params", paths: Paths, name: str | None = None) -> "RegistryLocation":
    from glyphline.registry import RegistryLocation

    location = RegistryLocation.of(values, paths)
    return location if name is None else replace(location, name=name)


@contextmanager
def _session(reference: str) -> Iterator[tuple["Session", "Params", Paths]]:
    """The model that a reference to a version names, else the project's."""
    values, paths = project.opened()
    from glyphline import registry

    location = _location(values, paths).of_reference(reference)
    with registry.open_session(location, registry.rescorer(location.name, paths)) as session:
        yield session, values, paths


def _history(name: str | None) -> tuple[str, "RegistryView", tuple["LogEvent", ...]]:
    values, paths = project.opened()
    from glyphline import registry

    location = _location(values, paths, name)
    return location.name, *registry.read_history(location)


def _wanted(text: str, name: str) -> int | str:
    """A version of an open model: its number or alias, else the text, which may be the id of a run."""
    from glyphline.registry import version_reference

    reference = version_reference.parse_reference(text, name)
    return text if reference is None else reference.alias or reference.version or text


@click.command()
@click.argument("version")
@click.option("--to", "alias", default="champion", show_default=True, help="Alias to give.")
@click.option("--force", is_flag=True, help="Do not ask the gate; needs --reason.")
@click.option("--reason", default="", help="Why, for the history; with --force or an alias of your own.")
def promote(version: str, alias: str, *, force: bool, reason: str) -> None:
    """Make a version champion when it passes the gate.

    VERSION is a number, @ALIAS, models:/NAME/NUMBER or the id of its run.
    """
    if force and alias != "champion":
        raise click.UsageError(f"--force is for champion: the gate is not asked about {alias}.")
    if reason and not force and alias == "champion":
        raise click.UsageError("--reason needs --force: without it the gate gives the reasons.")
    from glyphline.registry import Keys, promotion

    with _session(version) as (session, values, paths):
        wanted, keys = _wanted(version, session.location.name), Keys.of(values.registry, paths.home)
        if force:
            result = promotion.force(session, wanted, reason, values.registry, keys)
        else:
            result = promotion.promote(session, wanted, values.registry, keys, alias=alias, reason=reason)
    _say(result)


@click.command()
@click.option("--to", default=None, help="Version to go back to; the champion before when it is not given.")
@click.option("--reason", default="rolled back by hand", show_default=True, help="Why, for the history.")
def rollback(to: str | None, reason: str) -> None:
    """Give champion back to a version that had it before."""
    from glyphline.registry import Keys, promotion

    with _session(to or "") as (session, values, paths):
        target, keys = None if to is None else _wanted(to, session.location.name), Keys.of(values.registry, paths.home)
        result = promotion.roll_back(session, target, reason, values.registry, keys)
    _say(result)


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, the whole log.")
def history(name: str | None, *, as_json: bool) -> None:
    """Show everything that ever happened to the versions of the model, oldest first; NAME is another model."""
    from glyphline import terminal_table
    from glyphline.commands import history

    _, _, events = _history(name)
    if as_json:
        for line in history.lines(events):
            click.echo(line)
    else:
        history.show(events, terminal_table.console())


@click.command()
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """Show the registered versions: aliases, accuracy, data, commit, age, verdict; NAME is another model."""
    from glyphline import terminal_table
    from glyphline.commands import models

    shown, view, _ = _history(name)
    models.show(shown, models.rows(view), terminal_table.console())


@click.command()
@click.argument("version")
def reproduce(version: str) -> None:
    """Build a registered version again from its commit, changes, parameters and data, and compare."""
    values, paths = project.opened()
    from glyphline.commands import reproduce
    from glyphline.errors import RegistryError

    result = reproduce.run(values, paths, version)
    click.echo(result.text())
    if result.verdict == reproduce.DIFFERENT:
        raise RegistryError(f"{version} was rebuilt differently", fix="the lines above say where")


@click.command(hidden=True)
@click.argument("version")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def rescore(version: str, target: Path) -> None:
    """Write the predictions of a registered version on the present test split; `register` calls this."""
    from glyphline import environment

    # As for the stage whose predictions these are.
    environment.remove_foreign()
    values, paths = project.opened()
    from glyphline.commands import rescore

    rescore.run(values, paths, version, target)


def _say(result: "PromotionResult") -> None:
    before = f", before it version {result.before}" if result.before not in {None, result.version} else ""
    click.echo(f"{result.name}: {result.alias} is version {result.version}{before}: {result.reason}")


COMMANDS = (models, history, promote, rollback, reproduce, rescore)
