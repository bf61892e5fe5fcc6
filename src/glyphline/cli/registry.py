"""The commands about registered models: who is champion, why, and how to change or rebuild it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from glyphline.cli import project
from glyphline.paths import Paths

if TYPE_CHECKING:
    from rich.console import Console

    from glyphline.params import Params
    from glyphline.registry import RegistryLocation, Session
    from glyphline.registry.alias_updates import RegistryView
    from glyphline.registry.log_events import LogEvent
    from glyphline.registry.promotion import PromotionResult

# A table that goes into a file or a pipe.
WIDTH = 160


def _location(values: "Params", paths: Paths) -> "RegistryLocation":
    from glyphline.registry import RegistryLocation

    return RegistryLocation.of(values, paths)


@contextmanager
def _session() -> Iterator[tuple["Session", "Params", Paths]]:
    values, paths = project.opened()
    from glyphline import registry

    rescore = registry.rescorer(values.model_name, paths)
    with registry.open_session(_location(values, paths), rescore) as session:
        yield session, values, paths


def _history() -> tuple[str, "RegistryView", tuple["LogEvent", ...]]:
    values, paths = project.opened()
    from glyphline import registry

    return values.model_name, *registry.read_history(_location(values, paths))


def _console() -> "Console":
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console


def _wanted(text: str, name: str) -> int | str:
    from glyphline.errors import RegistryError
    from glyphline.registry import version_reference

    reference = version_reference.parse_reference(text, name)
    if reference is None:
        return text
    if reference.name != name:
        raise RegistryError(
            f"{text} is a version of {reference.name}, and this project's model is {name}",
            fix="set registry.name or data.dataset in params.yaml",
        )
    return reference.alias or reference.version or text


@click.command()
@click.argument("version")
@click.option("--to", "alias", default="champion", show_default=True, help="Alias to give.")
@click.option("--force", is_flag=True, help="Do not ask the gate; needs --reason.")
@click.option("--reason", default="", help="Why, for the history; with --force or an alias of your own.")
def promote(version: str, alias: str, *, force: bool, reason: str) -> None:
    """Make a version champion when it passes the gate; VERSION is a number, @ALIAS or the id of its run."""
    if force and alias != "champion":
        raise click.UsageError(f"--force is for champion: the gate is not asked about {alias}.")
    if reason and not force and alias == "champion":
        raise click.UsageError("--reason needs --force: without it the gate gives the reasons.")
    from glyphline.registry import Keys, promotion

    with _session() as (session, values, paths):
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

    with _session() as (session, values, paths):
        target, keys = None if to is None else _wanted(to, session.location.name), Keys.of(values.registry, paths.home)
        result = promotion.roll_back(session, target, reason, values.registry, keys)
    _say(result)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, the whole log.")
def history(*, as_json: bool) -> None:
    """Show everything that ever happened to the versions of the model, oldest first."""
    from glyphline.commands import history

    _, _, events = _history()
    if as_json:
        for line in history.lines(events):
            click.echo(line)
    else:
        history.show(events, _console())


@click.command()
def models() -> None:
    """Show the registered versions: aliases, accuracy, data, commit, age, verdict."""
    from glyphline.commands import models

    name, view, _ = _history()
    models.show(name, models.rows(view), _console())


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
