"""Encoderscope's own version; every result carries it in its provenance."""

__version__ = "0.2.0"
