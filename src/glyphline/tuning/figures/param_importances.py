"""How much each searched parameter mattered."""

import optuna
from matplotlib.figure import Figure
from optuna.importance import PedAnovaImportanceEvaluator

from glyphline import figure_style as style
from glyphline.tuning.figures import losses
from glyphline.tuning.figures.drawn_study import DrawnStudy
from glyphline.tuning.figures.scale import short_names

ROW_IN = 0.36
NAME_CHARACTERS = 30


def draw(drawn: DrawnStudy) -> Figure:
    """Draw a bar per parameter, the most important first; the shares sum to 1.

    Source: Watanabe et al., "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces"
    (IJCAI 2023), as Optuna computes it.
    """
    importances = optuna.importance.get_param_importances(drawn.study, evaluator=PedAnovaImportanceEvaluator())
    # By name where they are equal, so that the same study gives the same figure.
    rows = sorted(importances.items(), key=lambda item: (-item[1], item[0]))
    names = short_names([key for key, _ in rows])
    labels = [style.shortened(names[key], NAME_CHARACTERS) for key, _ in rows]
    left, height = 0.45 + style.text_width_in(labels, 10), ROW_IN * len(rows)
    width = style.WIDTH_IN - left - 0.9
    figure = style.blank_figure(
        style.HEAD_IN + height + 0.65,
        f"Importance: {labels[0]} mattered most",
        f"Share of what separates the best tenth of {len(drawn.complete)} complete trials from the others (PED-ANOVA).",
    )
    axes = style.panel(figure, left=left, top=style.HEAD_IN, width=width, height=height)
    places, shares = range(len(rows)), [share for _, share in rows]
    axes.barh(places, shares, height=0.62, color=losses.COMPLETE)
    for place, share in zip(places, shares, strict=True):
        axes.text(1.01 * max(shares), place, "<0.01" if 0 < share < 0.005 else f"{share:.2f}", size=9, va="center")
    axes.set_yticks(places, labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, max(shares) or 1.0)
    axes.set_xlabel("importance")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    return figure
