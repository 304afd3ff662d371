"""From an upload to an encoder of the catalog: written aside, opened there, checked, and only then given its name."""

import json
from dataclasses import dataclass
from io import BytesIO

from models.catalog.catalog import Catalog
from models.catalog.checkpoints import CheckpointMatch, Upload, match_checkpoint, read_checkpoint, write_without_prefix
from models.catalog.configs import read_config
from models.catalog.formats import CONFIG, WEIGHTS
from models.catalog.opening import Device
from models.catalog.own_encoders import Removed
from models.catalog.self_check import SelfCheck, self_check
from models.encoder.encoder import Encoder
from models.errors import BadCheckpoint
from models.photo import Photo
from models.progress import IGNORED, Progress


@dataclass(frozen=True)
class Admission:
    """How an encoder joined the catalog: the outcome of its check, and what it replaced."""

    check: SelfCheck
    prefix: str  # taken off the names of its tensors
    replaced: Removed | None


def admit(
    catalog: Catalog, upload: Upload, photo: Photo, device: Device, progress: Progress = IGNORED
) -> tuple[Encoder, Admission]:
    """The upload as an opened encoder; raises what is wrong with it. A refusal or a cancellation leaves nothing behind."""
    name = catalog.require_free(upload.name)
    config = read_config(upload.config.encode())
    match = match_checkpoint(read_checkpoint(BytesIO(upload.weights), WEIGHTS), config)
    _require_fitting(match)
    with catalog.own.staged() as folder:
        progress.report(0.0, "Writing the files")
        with catalog.own.written(folder / CONFIG) as file:
            file.write(json.dumps(config, indent=1).encode())
        with catalog.own.written(folder / WEIGHTS) as file:
            write_without_prefix(upload.weights, file, match.prefix)
        progress.report(0.3, "Reading the weights")
        encoder = catalog.open_staged(folder, name, device)
        check = self_check(encoder, photo, progress.part(0.4, 1.0))
        progress.report(1.0, "Joining the catalog")
        return encoder, Admission(check, match.prefix, catalog.own.join(folder, name, replace=upload.replace))


def _require_fitting(match: CheckpointMatch) -> None:
    """Raises BadCheckpoint, with the first of what does not fit."""
    if not match.fits:
        n, first = len(match.mismatches), match.mismatches[0]
        others = f", and {n - 1} more do not fit {match.architecture} either" if n > 1 else ""
        raise BadCheckpoint(f"{first}{others}.")
