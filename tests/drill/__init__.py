"""Drills: what is promised of a server that runs for a week, tried, with figures. `make drill`."""
