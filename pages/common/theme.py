"""What every chart shares: colours that are readable on light and on dark, margins, and lines and bands that guide the eye."""

CONFIG = {"displaylogo": False, "modeBarButtons": [["toImage"]], "scrollZoom": False}  # under the pointer: the chart as PNG
IMAGE_SCALE = 3  # of the PNG: sharp in print
BLUE, ORANGE, GREEN, VIOLET = "#2E8BB0", "#D9822B", "#2F9E6E", "#8E6BBF"
GREY = "#8B979E"  # marks and guides
INTERVALS = "#5C6970"  # darker: an interval is drawn over the grey of its own bar
STAR = " ★"  # behind the name or the number of what is significant

MARGIN = {"l": 8, "r": 8, "t": 8, "b": 8}
BELOW_LEGEND = MARGIN | {"t": 24}
LEGEND_ABOVE = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}


def faint(colour: str, opacity: float) -> str:
    """A colour such as #2E8BB0 that lets through what lies below it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"


GUIDE = faint(GREY, 0.55)
SCALE = [[0.0, faint(BLUE, 0.04)], [1.0, BLUE]]  # of a heat map: from nothing to all


def band(x: float, half_width: float) -> dict:
    """A band from top to bottom around ``x``, behind the curves: it marks what is shown now."""
    span = {"x0": x - half_width, "x1": x + half_width, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "rect", **span, "fillcolor": GUIDE, "opacity": 0.35, "line": {"width": 0}, "layer": "below"}


def upright_line(x: float) -> dict:
    """A dashed line from top to bottom at ``x``."""
    span = {"x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "line", **span, "line": {"color": GUIDE, "width": 2, "dash": "dash"}}


def level_line(y: float) -> dict:
    """A dotted line from left to right at ``y``, behind the curves."""
    span = {"x0": 0, "x1": 1, "xref": "paper", "y0": y, "y1": y}
    return {"type": "line", **span, "line": {"color": GUIDE, "width": 1, "dash": "dot"}, "layer": "below"}


def error_bars(values: list[float], intervals: list[tuple[float, float]], thickness: float = 1.5, width: float = 4) -> dict:
    """Lines from the lower to the upper end of each interval, for Plotly's ``error_x``."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, high - value) for value, (_, high) in zip(values, intervals, strict=True)],
        "arrayminus": [max(0.0, value - low) for value, (low, _) in zip(values, intervals, strict=True)],
        "color": INTERVALS,
        "thickness": thickness,
        "width": width,
    }
