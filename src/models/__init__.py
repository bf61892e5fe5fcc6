"""Networks of your own: `model.kind: models.<file>:<function>`; what lies here is a dependency of tune and train."""
