"""From an upload to an encoder of the catalog: written aside, opened there, checked, and only then given its name."""

import json
from dataclasses import dataclass
from io import BytesIO

import torch

from models.catalog.catalog import WEIGHTS, Catalog
from models.catalog.checkpoints import (
    CheckpointMatch,
    Upload,
    match_checkpoint,
    read_checkpoint,
    read_config,
    write_without_prefix,
)
from models.catalog.own_encoders import Removed
from models.catalog.self_check import SelfCheck, self_check
from models.encoder.encoder import Encoder
from models.errors import BadCheckpoint
from models.photo import Photo
from models.progress import IGNORED, Progress


@dataclass(frozen=True)
class Admission:
    """An encoder that joined the catalog: what it was found to do, and what it replaced."""

    check: SelfCheck
    prefix: str  # taken off the names of its tensors
    replaced: Removed | None


def admit(
    catalog: Catalog, upload: Upload, photo: Photo, device: str | torch.device, progress: Progress = IGNORED
) -> tuple[Encoder, Admission]:
    """The upload as an opened encoder; raises what is wrong with it. A refusal or a cancellation leaves nothing behind."""
    name = catalog.require_free(upload.name)
    config = read_config(upload.config.encode())
    comparison = match_checkpoint(read_checkpoint(BytesIO(upload.weights), WEIGHTS), config)
    require_fitting(comparison)
    with catalog.own.staged() as folder:
        progress.report(0.0, "Writing the files")
        with catalog.own.written(folder / "config.json") as file:
            file.write(json.dumps(config, indent=1).encode())
        with catalog.own.written(folder / WEIGHTS) as file:
            write_without_prefix(upload.weights, file, comparison.prefix)
        progress.report(0.3, "Reading the weights")
        encoder = catalog.open_staged(folder, name, device)
        check = self_check(encoder, photo, progress.part(0.4, 1.0))
        progress.report(1.0, "Joining the catalog")
        return encoder, Admission(check, comparison.prefix, catalog.own.join(folder, name, upload.replace))


def require_fitting(comparison: CheckpointMatch) -> None:
    """Raises BadCheckpoint, with the first of what does not fit."""
    if not comparison.fits:
        n, first = len(comparison.mismatches), comparison.mismatches[0]
        others = f", and {n - 1} more do not fit {comparison.architecture} either" if n > 1 else ""
        raise BadCheckpoint(f"{first}{others}.")
