"""What a stage writes while it works: the journal of its runs, and where they come from. It needs no store."""

from glyphline.journal.journal_file import last_key
from glyphline.journal.recorded_files import check_recorded
from glyphline.journal.recorder import Launch, Recorder, Run, record
from glyphline.journal.run_events import Signature
from glyphline.journal.run_origin import origin
from glyphline.journal.trial_runs import TrialRuns

__all__ = ["Launch", "Recorder", "Run", "Signature", "TrialRuns", "check_recorded", "last_key", "origin", "record"]
