"""Where trials run: in this process, in worker processes on this machine, or on a Ray cluster.

Every launcher takes its trials from one trial scheduler.
"""

from glyphline.tuning.launchers.choice import choose_launcher
from glyphline.tuning.launchers.launcher import Launcher, WorkerSetup

__all__ = ["Launcher", "WorkerSetup", "choose_launcher"]
