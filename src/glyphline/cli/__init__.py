"""The commands, how they log, and the one place where an error becomes two lines and an exit code.

Nothing heavy is imported here: each command imports its own room when it runs.
"""

import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from glyphline import __version__
from glyphline.cli import registry
from glyphline.errors import PipelineError

STAGES = ("fetch", "preprocess", "tune", "train", "evaluate", "register")
INTERRUPTED = 130


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Returns:
        The exit code: 0, the code of the error's kind, 2 for a wrong command line, 130 after Ctrl-C.
    """
    try:
        code = commands.main(args=list(arguments), prog_name="glyphline", standalone_mode=False)
    except PipelineError as error:
        click.echo(f"error: {error.problem}\nfix: {error.fix}", err=True)
        return error.exit_code
    except click.exceptions.Abort:
        click.echo("interrupted; the same command goes on from here", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt:
        click.echo("interrupted; the same command goes on from here", err=True)
        return INTERRUPTED
    except Exception:
        import traceback

        traceback.print_exc()
        return 1
    return code if isinstance(code, int) else 0


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
def commands() -> None:
    """From labelled images to a registered, explained, comparable classifier.

    `dvc repro` runs the six stages in order and only those that something changed for.
    """
    _log_to_stderr()


def _add_stage(name: str, summary: str) -> None:
    @commands.command(name, help=summary)
    def stage() -> None:
        from glyphline import params, stage_times
        from glyphline.paths import Paths

        paths = Paths.find(Path.cwd())
        # Read first: a mistake in params.yaml must be told before anything heavy is loaded.
        values = params.read(paths.params)
        with stage_times.measured(paths.stage_times, name):
            importlib.import_module(f"glyphline.stages.{name}").run(values, paths)


for _name, _summary in zip(
    STAGES,
    (
        "Bring the data set to data/raw, every file checked by its digest.",
        "Check, resize and split the images into data/processed.",
        "Search for good parameters; goes on where it was interrupted.",
        "Fit the network with the best parameters.",
        "Score the model on the test split.",
        "Register the model and decide whether it becomes champion.",
    ),
    strict=True,
):
    _add_stage(_name, _summary)


for _command in registry.COMMANDS:
    commands.add_command(_command)


@commands.command("params")
@click.option("--markdown", is_flag=True, help="Print the text of docs/params.md.")
def show_params(*, markdown: bool) -> None:
    """List every field of params.yaml with its type, range, default and meaning."""
    from glyphline.commands import manual
    from glyphline.paths import Paths

    path = Paths.find(Path.cwd()).params
    if markdown:
        click.echo(manual.markdown(path), nl=False)
    else:
        manual.show(path)


@commands.command("recipe")
@click.argument("name", required=False)
def use_recipe(name: str | None) -> None:
    """Write a named set of parameters into params.yaml, or list the sets there are."""
    from glyphline.params import recipe
    from glyphline.paths import Paths

    if name is None:
        for known in recipe.names():
            click.echo(f"{known}: {recipe.find(known).about}")
        return
    changed = recipe.write(Paths.find(Path.cwd()).params, recipe.find(name))
    for key, (before, after) in changed.items():
        click.echo(f"{key}: {before} -> {after}")
    click.echo("params.yaml is changed; `dvc repro` follows it" if changed else "params.yaml holds this recipe already")


@commands.command("summary")
def show_summary() -> None:
    """Print what the last run of the pipeline made."""
    from glyphline import params
    from glyphline.commands import summary
    from glyphline.paths import Paths

    paths = Paths.find(Path.cwd())
    summary.show(params.read(paths.params), paths)


@commands.command("study")
@click.argument("name", required=False)
def show_study(name: str | None) -> None:
    """Print the state and the trials of a search, running or finished; NAME is another than the present one."""
    from glyphline import params
    from glyphline.commands import study
    from glyphline.paths import Paths

    paths = Paths.find(Path.cwd())
    study.show(params.read(paths.params), paths, name)


@commands.command("compare")
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
    from glyphline import params
    from glyphline.commands import comparison
    from glyphline.paths import Paths

    if len(models) < 2:
        raise click.UsageError("name at least two models")
    paths = Paths.find(Path.cwd())
    target = html or paths.mlruns / "compare.html"
    click.echo(comparison.run(models, params.read(paths.params), paths, target, as_markdown=markdown), nl=False)
    click.echo(f"page: {target}", err=True)


@commands.command("sync")
def sync() -> None:
    """Show in MLflow every run that its store is missing."""
    from glyphline import params, tracking
    from glyphline.paths import Paths
    from glyphline.stages import register

    paths = Paths.find(Path.cwd())
    values = params.read(paths.params)
    report = tracking.sync(values, paths)
    click.echo(f"{report.runs_made} runs made, {report.events_sent} events sent")
    if restored := register.restore(values, paths):
        click.echo(f"{restored.name} version {restored.version} registered again")


@commands.command("ui")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65_535), help="Port to listen on.")
def ui(host: str, port: int) -> None:
    """Open MLflow's own UI over the project's store."""
    from glyphline import params
    from glyphline.paths import Paths
    from glyphline.tracking import ui as tracking_ui

    paths = Paths.find(Path.cwd())
    command, environment = tracking_ui.server(params.read(paths.params), paths, host, port)
    click.echo(f"MLflow is starting at {tracking_ui.address(host, port)} (Ctrl-C stops it)", err=True)
    sys.stderr.flush()
    os.execvpe(command[0], command, environment)  # noqa: S606


def _log_to_stderr() -> None:
    level = os.environ.get("GLYPHLINE_LOG", "INFO").upper()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("glyphline").setLevel(level if level in logging.getLevelNamesMapping() else "INFO")
