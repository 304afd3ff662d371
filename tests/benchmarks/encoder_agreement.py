"""Do encoders agree with each other less than each agrees with itself under another seed of clustering?

If not, differences between two encoders on the Compare page would be the noise of clustering. And does an encoder agree with
itself in half precision, so that it may run in it, and up to rounding? Photographs: BSDS500's of ../shared/fixtures. Every number
is a mean over the photographs, with the standard deviation between them.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import torch

from explainers.maps.agreement import spread
from explainers.maps.partitions import adjusted_rand_index
from explainers.nave.segmentation import Segmentation, segment
from explainers.nave.settings import NaveSettings
from explainers.results.comparisons import SegmentedPhotos, agreement_over_photos
from explainers.service.service import ExplainerService
from models.encoder.encoder import Encoder
from models.photo import Photo, read_photo_file


def agreement_table(service: ExplainerService, fixtures: Path, names: Sequence[str], ks: Sequence[int] = (6, 10)) -> list[dict]:
    """Adjusted Rand index of every encoder with itself under another seed, and of every pair, at some k."""
    photos = [read_photo_file(path) for path in sorted((fixtures / "images/bsds500").glob("*.jpg"))]
    settings = NaveSettings(max_clusters=max(ks))
    first, second = ({n: _maps(service, n, photos, replace(settings, seed=seed)) for n in names} for seed in (0, 1))
    pairs = [(f"{_short(n)}, another seed", first[n], second[n]) for n in names]
    pairs += [(f"{_short(a)} – {_short(b)}", first[a], first[b]) for a, b in combinations(names, 2)]
    return [_row(pair, a, b, ks) for pair, a, b in pairs]


PRECISIONS = {  # of the network, and noise on its activations, relative
    "float16": (torch.float16, 0.0),
    "bfloat16": (torch.bfloat16, 0.0),
    "float32, noise of 5e-4": (torch.float32, 5e-4),
    "float32, noise of 1e-5": (torch.float32, 1e-5),
}


def precision_table(fixtures: Path, encoders: Sequence[Encoder], ks: Sequence[int] = (6, 10, 20)) -> list[dict]:
    """Adjusted Rand index of an encoder's maps with those in a lower precision; the clustering is the same."""
    photos = [read_photo_file(path) for path in sorted((fixtures / "images/bsds500").glob("*.jpg"))]
    rows = []
    for encoder in encoders:
        whole = [_segmented(encoder, photo, torch.float32, 0.0) for photo in photos]
        for name, (dtype, noise) in PRECISIONS.items():
            lower = copy.deepcopy(encoder)
            lower.model.to(dtype)
            pairs = list(zip(whole, (_segmented(lower, photo, dtype, noise) for photo in photos), strict=True))
            row: dict = {"encoder": encoder.info.name, "precision": name}
            for k in ks:
                over_photos = spread([adjusted_rand_index(a.at(k), b.at(k), k) for a, b in pairs])
                row |= {f"k = {k}": over_photos.mean, f"k = {k}, deviation": over_photos.std}
            rows.append(row)
    return rows


def _segmented(encoder: Encoder, photo: Photo, dtype: torch.dtype, noise: float) -> Segmentation:
    settings = NaveSettings(encoder.info.default_depths)
    image = encoder.prepare(photo, settings.input_size)[None].to(dtype)
    generator = torch.Generator().manual_seed(0)
    maps = [depth_map[0] for depth_map in encoder.feature_maps(image, settings.depths)]
    maps = [depth_map * (1 + noise * torch.randn(depth_map.shape, generator=generator)) for depth_map in maps]
    return segment(maps, settings, encoder.input_shape(photo.shape, settings.input_size))


def _maps(service: ExplainerService, name: str, photos: Sequence, settings: NaveSettings) -> SegmentedPhotos:
    return service.segment_for_comparison(name, photos, settings=settings).result()


def _short(name: str) -> str:
    return Path(name).name


def _row(pair: str, a: SegmentedPhotos, b: SegmentedPhotos, ks: Sequence[int]) -> dict:
    agreement = agreement_over_photos(a, b)
    row: dict = {"pair": pair}
    for k in ks:
        over_photos = spread(agreement.adjusted_rand[:, agreement.ks.index(k)])
        row |= {f"k = {k}": over_photos.mean, f"k = {k}, deviation": over_photos.std}
    return row
