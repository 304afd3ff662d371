"""Answers about the catalog: opening an encoder, matching a checkpoint, bringing an encoder in."""

import json

from explainers.service.observatory import Observatory
from explainers.service.questions import AddEncoder, MatchCheckpoint, OpenEncoder
from models.catalog.admission import Admission, admit
from models.catalog.checkpoints import CheckpointMatch
from models.catalog.checkpoints import match_checkpoint as matched
from models.encoder import EncoderInfo
from models.progress import Progress


def open_encoder(question: OpenEncoder, observatory: Observatory, progress: Progress) -> EncoderInfo:
    """The facts of an encoder, loaded now if it is not."""
    return observatory.encoder(question.encoder_name, progress).info


def match_checkpoint(question: MatchCheckpoint, observatory: Observatory, progress: Progress) -> CheckpointMatch:
    """A checkpoint's tensors beside those that an architecture needs."""
    return matched(question.checkpoint, json.loads(question.config))


def add_encoder(question: AddEncoder, observatory: Observatory, progress: Progress) -> Admission:
    """An upload as an encoder of the catalog; it is kept loaded, because the next page will ask for it."""
    encoder, admission = admit(observatory.catalog, question.upload, question.photo, observatory.device, progress)
    observatory.replace(encoder.info.name, encoder)
    return admission
