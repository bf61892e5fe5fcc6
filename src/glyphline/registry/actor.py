"""Who changes a registry, as the history names them."""

import getpass
import socket


def actor() -> str:
    """The person and the machine, for the history."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"{name}@{socket.gethostname()}"[:100]
