"""Networks of your own: `model.kind: models.<file>:<function>`; all files here are dependencies of tune and train."""
