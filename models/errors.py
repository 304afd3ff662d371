"""Everything Encoderscope refuses, in one family.

A message is one sentence or two: what was found, what is needed, what to do. Pages show it as it is.
"""


class EncoderscopeError(Exception):
    """Something the user can understand and mend; never a defect of ours."""


class UnreadableImage(EncoderscopeError):
    """The bytes are not a picture that can be shown safely."""


class UnknownEncoder(EncoderscopeError):
    """No catalog entry, timm architecture or folder goes by that name."""


class EncoderUnavailable(EncoderscopeError):
    """The encoder is known, but its weights cannot be had right now (no network, broken file)."""


class BadCheckpoint(EncoderscopeError):
    """What somebody brought cannot be taken as an encoder, for the reason given."""


class PickledCheckpoint(BadCheckpoint):
    """Weights in a format that can run code when it is opened."""


class UnsupportedEncoder(EncoderscopeError):
    """The architecture cannot be looked into, for the reason given."""


class NotACutPoint(EncoderscopeError):
    """Part of the network bypasses this depth, so its activation alone does not decide the logits."""


class BadSettings(EncoderscopeError):
    """A setting outside what this encoder or this image allows."""


class OutOfMemory(EncoderscopeError):
    """Not even a batch of one fits on the device."""


class TooMuchHeld(EncoderscopeError):
    """A page, or all of them, would hold more in memory than is kept for them."""


class Cancelled(EncoderscopeError):
    """The work was cancelled, or a newer request of the same view took its place."""


class TooFewExamples(EncoderscopeError):
    """A concept, a random counterpart or a class has fewer images than the method needs."""


class UnknownConcept(EncoderscopeError):
    """No set of example images goes by that name."""


class BadConcept(EncoderscopeError):
    """A set of example images that cannot be made, named or read as asked, for the reasons given."""


class UnreadableTruth(EncoderscopeError):
    """A file holds no true masks or boxes of this photo that can be used."""


class UnreadableParts(EncoderscopeError):
    """A file holds no named parts that can be used, or they belong to another encoder."""


class LibraryUnavailable(EncoderscopeError):
    """The folder of the concept library cannot be read or written."""


class MissingPackage(EncoderscopeError):
    """Something optional was asked for whose package is not installed."""


class NotAllowed(EncoderscopeError):
    """A change that somebody else may make."""
