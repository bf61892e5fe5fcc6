"""A help page that lists commands under headings, in a fixed order."""

from collections.abc import Iterable, Mapping
from typing import Any

import click


class Sections(click.Group):
    """A group of commands in sections; click alone would sort them alphabetically.

    Args:
        sections: heading -> its commands.
        settings: of a `click.Group`.

    Raises:
        ValueError: two commands have the same name.
    """

    def __init__(self, *, sections: Mapping[str, Iterable[click.Command]], **settings: Any) -> None:
        super().__init__(**settings)
        self.sections = {heading: tuple(commands) for heading, commands in sections.items()}
        for commands in self.sections.values():
            for command in commands:
                if command.name in self.commands:
                    raise ValueError(f"{command.name!r} is in two sections")
                self.add_command(command)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names in their order, for help and for completion."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections; unlike click's own list, no sentence is cut."""
        width = max(map(len, self.list_commands(ctx)))
        for heading, commands in self.sections.items():
            rows = [
                (f"{command.name:<{width}}", command.get_short_help_str(limit=1000))
                for command in commands
                if not command.hidden
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)
