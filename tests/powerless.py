"""Commands as a user whom the modes of files bind."""

import os

# The superuser may read and write everything, but not without these.
POWERLESS = (
    ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
    if os.geteuid() == 0
    else []
)
"""What to put before the words of a command."""
