"""From labelled images to a registered, explained, comparable classifier.

Nothing is imported here: every command pays only for the rooms that it enters.
"""

__version__ = "0.1.0"
