"""The stages of the pipeline: each reads, calls its rooms, and writes; `run(params, paths)` is its only entry."""
