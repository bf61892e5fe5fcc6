"""What a stage writes while it works: the journal of its runs, and where they come from. No store is needed for it."""
