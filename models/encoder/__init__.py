"""One network: how it is built, looked into and finished from a depth, and what its outputs stand for."""

from models.encoder.encoder import Encoder, EncoderInfo

__all__ = ["Encoder", "EncoderInfo"]
