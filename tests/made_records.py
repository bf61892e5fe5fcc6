"""Records that several tests write and read."""

from glyphline.records import Best, Decision

BEST = Best(values={"train.learning_rate": 0.003}, trial=4, val_loss=0.1, study="s", complete=3, pruned=2, failed=1)
DECISION = Decision(
    name="shapes",
    version=2,
    aliases=("challenger",),
    promoted=False,
    reasons=("accuracy 0.9 is below registry.min_accuracy 0.95",),
    accuracy=0.9,
    test_digest="a" * 64,
    weights_digest="b" * 64,
    champion_version=1,
    champion_accuracy=0.97,
    rules=(),
    comparison=1,
    level=0.025,
    p_value=0.01,
)
