"""Whether the files of a stage are still those that its journal recorded."""

from pathlib import Path

from glyphline import files
from glyphline.errors import ArtifactError
from glyphline.journal import journal_file
from glyphline.journal.run_events import ArtifactLogged, ModelLogged
from glyphline.records import remedy


def check_recorded(journal: Path, *paths: Path) -> None:
    """Refuse files that were changed after their stage recorded them.

    Args:
        journal: of the stage.
        paths: files in the folder of the stage. What is missing, or was not recorded, is left to its reader.

    Raises:
        ArtifactError: a file has another content than the one that was recorded, or the journal is damaged.
    """
    content = journal_file.read(journal) if journal.is_file() else None
    events = [event for events in content.runs.values() for event in events] if content else []
    recorded = {
        Path(event.file.path).name: event.file.sha256
        for event in events
        if isinstance(event, ArtifactLogged | ModelLogged) and not getattr(event, "folder", "")
    }
    for path in paths:
        if path.name in recorded and path.is_file() and files.sha256(path) != recorded[path.name]:
            raise ArtifactError(
                f"{path} was changed after it was written: its SHA-256 is not the one in {journal.name}",
                fix=remedy(journal.parent.name),
            )
