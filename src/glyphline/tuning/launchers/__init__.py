"""Where trials are run: in this process, in warm processes beside it, on a Ray cluster; all take them from a desk."""

from glyphline.tuning.launchers.launch import launcher
from glyphline.tuning.launchers.work import Launcher, Work

__all__ = ["Launcher", "Work", "launcher"]
