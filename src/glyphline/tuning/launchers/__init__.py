"""Where trials are run: in this process, in warm processes beside it, on a Ray cluster; all take them from a desk."""

from glyphline.tuning.launchers.launch import Launcher, Work, launcher

__all__ = ["Launcher", "Work", "launcher"]
