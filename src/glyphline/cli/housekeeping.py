"""The commands that keep the store in order: what it lacks, and what nobody needs any more."""

import click

from glyphline.cli import project


@click.command()
def sync() -> None:
    """Show in MLflow every run that its store is missing."""
    values, paths = project.opened()
    from glyphline import mlflow_sync
    from glyphline.commands import restore_versions

    report = mlflow_sync.sync(values, paths)
    click.echo(f"{report.runs_made} runs made, {report.events_sent} events sent")
    for restored in restore_versions.run(values, paths):
        click.echo(f"{restored.name} version {restored.version} registered again")


@click.command()
@click.option("--keep", default=20, show_default=True, type=click.IntRange(0), help="Newest runs and studies to keep.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def gc(keep: int, *, dry_run: bool) -> None:
    """Remove old runs, old studies and stray files; never what a version, an alias or the history needs."""
    values, paths = project.opened()
    from glyphline.commands import gc

    plan, size = gc.run(values, paths, keep, dry=dry_run)
    verb = "would go" if dry_run else "are gone"
    click.echo(f"{len(plan.runs)} runs and {len(plan.strays)} stray folders {verb}, {size / 1e6:.1f} MB")
    if plan.unsure:
        click.echo(f"{plan.unsure} folders that no run knows stay: mlruns/artifacts may hold files of another store")
    if plan.kept:
        click.echo(f"{plan.kept} old runs stay: versions or the history refer to them")


COMMANDS = (sync, gc)
