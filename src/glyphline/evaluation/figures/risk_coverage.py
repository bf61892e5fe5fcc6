"""The risk-coverage curve: the error rate when the images of low confidence are left to a person."""

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from glyphline import figure_style as style
from glyphline.evaluation.risk_coverage import RiskCoverage

MARKED = (0.8, 0.9, 0.95)
MOST_POINTS = 2000


def draw(curve: RiskCoverage) -> Figure:
    """Draw the error rate over the share of the images of highest confidence."""
    errors = float(curve.risk[-1])
    figure = style.blank_figure(
        5.15,
        f"Risk and coverage: {style.percent(errors, 2)} errors on all images, area {curve.area:.5f}",
        "The model answers the images it is surest of and leaves the rest to a person. Lower is better.",
    )
    axes = style.panel(figure, left=0.9, top=style.HEAD_IN + 0.65, width=6.7, height=3.05)
    step = max(1, len(curve.risk) // MOST_POINTS)
    # From the end, so that the last point, all images, is drawn.
    axes.plot(curve.coverage[::-step], curve.risk[::-step], color=style.BLUE, label="the model")
    axes.axhline(errors, color=style.QUIET, linestyle="--", linewidth=1.2, label="confidence that says nothing")
    for share, marker in zip(MARKED, "so^", strict=True):
        risk = 1 - curve.accuracy_at(share)
        label = f"{share:.0%} answered: {style.percent(risk, 2)} errors"
        axes.plot(share, risk, marker, color=style.ORANGE, markersize=7, clip_on=False, label=label)
    axes.set_xlim(0, 1.005)
    axes.set_ylim(0, max(1.25 * errors, 1.1 * float(curve.risk.max()), 1e-3))
    for axis, places in ((axes.xaxis, 0), (axes.yaxis, None)):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=places))
    axes.set_xlabel("coverage: share of the images that are answered")
    axes.set_ylabel("error rate among them")
    axes.grid(visible=True)
    style.legend_above(axes, 2)
    return figure
