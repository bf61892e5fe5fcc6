"""The commands that keep the store in order: send what it lacks, remove what is old."""

import os

import click

from glyphline.cli import project


@click.command()
def sync() -> None:
    """Send to MLflow every run that its store lacks."""
    values, paths = project.opened()
    from glyphline import mlflow_sync
    from glyphline.commands import restore_versions
    from glyphline.mlflow_sync import dvc_lock

    past = dvc_lock.past(paths.work)
    report = mlflow_sync.sync(values, paths, past)
    click.echo(f"{report.runs_made} runs made, {report.events_sent} events sent")
    for restored in restore_versions.run(values, paths, past):
        click.echo(f"{restored.name} version {restored.version} registered again")


@click.command()
@click.option("--keep", default=20, show_default=True, type=click.IntRange(0), help="Newest runs and studies to keep.")
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
def gc(keep: int, *, dry_run: bool) -> None:
    """Remove old runs, old studies and folders without a run; never what a version, an alias or the history needs."""
    values, paths = project.opened()
    from glyphline.commands import gc

    plan, size = gc.run(values, paths, keep, dry=dry_run)
    verb = "would be removed" if dry_run else "were removed"
    count = len(plan.unowned_folders)
    click.echo(f"{len(plan.runs)} runs and {count} folders without a run {verb}, {size / 1e6:.1f} MB")
    if plan.kept_folders:
        click.echo(f"{plan.kept_folders} folders without a run stay: mlruns/artifacts may hold files of another store")
    if plan.kept_runs:
        click.echo(f"{plan.kept_runs} old runs stay: versions, the history, the workspace or experiments need them")
    if plan.outside:
        folder = os.path.commonpath([path.absolute() for path in plan.outside])
        click.echo(
            f"{len(plan.outside)} folders stay, with their runs: they are not in this project's mlruns, but in {folder}"
        )


COMMANDS = (sync, gc)
