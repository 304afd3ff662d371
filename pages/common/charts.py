"""Charts that several pages draw. Pure functions: what they draw is their argument."""

import plotly.graph_objects as go

from explainers.results.segmentations import Predictions
from pages.common import theme


def probabilities(predictions: Predictions, n_classes: int = 5) -> go.Figure:
    """The most probable classes, best on top."""
    names, shares = predictions.class_names[:n_classes], predictions.probabilities[:n_classes]
    bars = go.Bar(
        x=shares,
        y=list(range(len(names))),
        orientation="h",
        marker={"color": theme.BLUE},
        text=[f"{name}  {share:.1%}" for name, share in zip(names, shares, strict=True)],
        textposition="outside",
        cliponaxis=False,
        customdata=list(zip(predictions.class_idx, predictions.logits, strict=True))[:n_classes],
        hovertemplate="%{text}<br>class %{customdata[0]}, logit %{customdata[1]:.2f}<extra></extra>",
    )
    layout = {
        "height": 16 + 30 * len(names),
        "margin": theme.MARGIN,
        "bargap": 0.45,
        "xaxis": {"visible": False, "range": [0, 1.9], "fixedrange": True},
        "yaxis": {"visible": False, "autorange": "reversed", "fixedrange": True},
    }
    return go.Figure(bars, layout)
