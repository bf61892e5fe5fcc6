"""Hypothesis without a clock, which a busy machine would fail, and without a folder of its own in the project."""

from hypothesis import settings

settings.register_profile("glyphline", deadline=None, database=None)
settings.load_profile("glyphline")
