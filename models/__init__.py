"""Frozen encoders: how they are found, opened, fed and (the bundled ones) trained."""
