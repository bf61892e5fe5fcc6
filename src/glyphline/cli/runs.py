"""The commands about parameters and runs: params, recipe, use, adopt, summary, study, compare, ui."""

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from glyphline.cli import project

log = logging.getLogger(__name__)


@click.command("params")
@click.option("--markdown", is_flag=True, help="Print the text of docs/params.md.")
def show_params(*, markdown: bool) -> None:
    """List every field of params.yaml with its type, range, default and meaning."""
    from glyphline.commands import params_docs

    path = project.here().params
    if markdown:
        click.echo(params_docs.markdown(path), nl=False)
    else:
        params_docs.show(path)


@click.command("recipe")
@click.argument("name", required=False)
def use_recipe(name: str | None) -> None:
    """Write a named set of parameters into params.yaml, or list all sets."""
    from glyphline.params import recipe

    if name is None:
        for known in recipe.names():
            click.echo(f"{known}: {recipe.find(known).about}")
        return
    wanted = recipe.find(name)
    changed = recipe.write(project.here().params, wanted)
    click.echo(wanted.about)
    _say_changes(changed, "this recipe")


@click.command("use")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the values and write nothing.")
@click.option("--quick", is_flag=True, help="Choose by the looks of the images alone, without fits to a part of them.")
def use_images(path: Path, *, dry_run: bool, quick: bool) -> None:
    """Look at your own images and write parameters that fit them into params.yaml.

    PATH is a folder with a folder per class, a table of files and labels, or an .npz file. Of images that may be
    photographs, a part is fitted in a minute or two, to choose the kind of network.
    """
    values, paths = project.opened()
    from glyphline import terminal_table
    from glyphline.commands import use

    choices, shortcomings = use.choose(values, paths, path, try_fits=not quick)
    column = terminal_table.Column
    columns = [column("parameter"), column("value"), column("why", words=True)]
    rows = [
        (choice.key, "null" if choice.value is None else str(choice.value), choice.reason)
        for choice in choices
        if not choice.is_of_recipe
    ]
    terminal_table.show_rows(terminal_table.console(), columns, rows)
    if of_recipe := [choice for choice in choices if choice.is_of_recipe]:
        click.echo(f"and the {len(of_recipe)} values of {of_recipe[0].reason}, which were measured together")
    for shortcoming in shortcomings:
        log.warning("warning: %s\nfix: %s", shortcoming.problem, shortcoming.fix)
    if dry_run:
        click.echo("nothing is written (--dry-run)")
    else:
        changed = use.write(paths, choices)
        follows = "params.yaml is changed; `dvc repro` follows it"
        click.echo(follows if changed else "params.yaml holds these values already")


@click.command("adopt")
def adopt_winner() -> None:
    """Write the winner of the search into params.yaml and switch the search off."""
    from glyphline.commands import adopt

    best, changed = adopt.run(project.here())
    click.echo(f"trial {best.trial} of study {best.study}")
    _say_changes(changed, "its values")


def _say_changes(changed: Mapping[str, tuple[object, object]], what: str) -> None:
    for key, (before, after) in changed.items():
        click.echo(f"{key}: {before} -> {after}")
    click.echo("params.yaml is changed; `dvc repro` follows it" if changed else f"params.yaml holds {what} already")


@click.command("summary")
def show_summary() -> None:
    """Print the results of the last run of the pipeline."""
    values, paths = project.opened()
    from glyphline.commands import summary

    summary.show(values, paths)


@click.command("study")
@click.argument("name", required=False)
def show_study(name: str | None) -> None:
    """Print the state and the trials of a search, running or finished; NAME is a study other than the current one."""
    values, paths = project.opened()
    from glyphline.commands import study

    study.show(values, paths, name)


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="A B [...]")
@click.option("--markdown", is_flag=True, help="Print what a pull request needs instead of the tables.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the page; mlruns/compare.html when it is not given.",
)
def compare(models: tuple[str, ...], *, markdown: bool, html: Path | None) -> None:
    """Compare models on the same test images: tables here, pictures in one HTML page.

    Each model is a run (id, key or name), a version (models:/NAME/3, NAME@alias, @alias, 3), a DVC experiment, a git
    revision, or `workspace`.
    """
    if len(models) < 2:
        raise click.UsageError("name at least two models")
    values, paths = project.opened()
    from glyphline.commands import compare

    target = html or paths.mlruns / "compare.html"
    click.echo(compare.run(models, values, paths, target, as_markdown=markdown), nl=False)
    click.echo(f"page: {target}", err=True)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65_535), help="Port to listen on.")
def ui(host: str, port: int) -> None:
    """Open MLflow's own UI over the project's store."""
    values, paths = project.opened()
    from glyphline.mlflow_sync import ui_server

    command, environment = ui_server.server(values, paths, host, port)
    click.echo(f"MLflow is starting at {ui_server.address(values, paths, host, port)} (Ctrl-C stops it)", err=True)
    sys.stderr.flush()
    os.execvpe(command[0], command, environment)  # noqa: S606


COMMANDS = (show_params, use_recipe, use_images, adopt_winner, show_summary, show_study, compare, ui)
