"""What the commands do that are no stages: each module joins rooms as a stage does, and prints or changes something."""
