"""Colours and settings that every chart shares. They are readable on light and on dark."""

CONFIG = {"displayModeBar": False, "scrollZoom": False}
BLUE, ORANGE, GREEN = "#2E8BB0", "#D9822B", "#2F9E6E"
MARGIN = {"l": 8, "r": 8, "t": 8, "b": 8}
