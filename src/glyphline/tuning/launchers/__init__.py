"""Where trials are run: in this process, in warm processes beside it, on a Ray cluster; all take them from a desk."""

from glyphline.tuning.launchers.choice import launcher
from glyphline.tuning.launchers.launcher import Launcher, WorkerSetup

__all__ = ["Launcher", "WorkerSetup", "launcher"]
