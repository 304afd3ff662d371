"""Do encoders agree with each other less than each agrees with itself under another seed of clustering?

If not, differences between two encoders on the Compare page would be the noise of clustering. Photographs: BSDS500's of
../shared/fixtures. Every figure is a mean over the photographs, with the standard deviation between them.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from explainers.agreement import spread
from explainers.comparing import SegmentedPhotos, set_agreement
from explainers.nave import NaveSettings
from explainers.service import ExplainerService
from models.preprocessing import read_photo_file


def agreement_table(service: ExplainerService, fixtures: Path, names: Sequence[str], ks: Sequence[int] = (6, 10)) -> list[dict]:
    """Adjusted Rand index of every encoder with itself under another seed, and of every pair, at some k."""
    photos = [read_photo_file(path) for path in sorted((fixtures / "images/bsds500").glob("*.jpg"))]
    settings = NaveSettings(max_clusters=max(ks))
    first, second = ({n: _maps(service, n, photos, replace(settings, seed=seed)) for n in names} for seed in (0, 1))
    pairs = [(f"{_short(n)}, another seed", first[n], second[n]) for n in names]
    pairs += [(f"{_short(a)} – {_short(b)}", first[a], first[b]) for a, b in combinations(names, 2)]
    return [_row(pair, a, b, ks) for pair, a, b in pairs]


def _maps(service: ExplainerService, name: str, photos: Sequence, settings: NaveSettings) -> SegmentedPhotos:
    return service.segment_photos(name, photos, settings).result()


def _short(name: str) -> str:
    return Path(name).name


def _row(pair: str, a: SegmentedPhotos, b: SegmentedPhotos, ks: Sequence[int]) -> dict:
    found = set_agreement(a, b)
    row: dict = {"pair": pair}
    for k in ks:
        figure = spread(found.adjusted_rand[:, found.ks.index(k)])
        row |= {f"k = {k}": figure.mean, f"k = {k}, deviation": figure.std}
    return row
