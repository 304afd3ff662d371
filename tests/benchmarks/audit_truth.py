"""Whether the audit names the planted caption first: the twin that fell for it beside the clean one, on fresh scenes.

A row per encoder and seed: the part of 64 that comes first for "woven star", and where it lies. A position of the map is 16 px
wide and the caption about 15 px high, so the IoU in pixels cannot come near 1; of positions, those count of which a quarter or
more is covered.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.index import Index
from explainers.datasets.making import Making, make_index
from explainers.datasets.questions import AskAudit
from explainers.datasets.scene_photos import FIRST_SEED, MARKED_CLASS, planted_scene, seed_of, write_scenes
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from explainers.datasets.truths import objects_in
from explainers.dictionaries.regions import unpacked
from explainers.library.library import ConceptLibrary
from explainers.service.service import ExplainerService
from models.scenes.scenes import CLASS_NAMES, render

N_SCENES, K, COVERED = 480, 64, 0.25
TWINS = ("scenes-cnn-watermark", "scenes-cnn")


@contextmanager
def scenes_and_service(seed: int, n_scenes: int) -> Iterator[tuple[Path, ExplainerService]]:
    """A folder of scenes that belong to the seed, and a service with a library of its own."""
    with (
        tempfile.TemporaryDirectory() as name,
        closing(ExplainerService(library=ConceptLibrary(Path(name) / "home"), more_answers=INDEX_ANSWERS)) as service,
    ):
        write_scenes(Path(name), range(FIRST_SEED + seed * n_scenes, FIRST_SEED + (seed + 1) * n_scenes))
        yield Path(name), service


def audit_table(seeds: Sequence[int], n_scenes: int = N_SCENES) -> list[dict]:
    """One row per seed and twin; every seed has other scenes."""
    rows = []
    for seed in seeds:
        with scenes_and_service(seed, n_scenes) as (folder, service):
            rows += [audit_row(service, folder, encoder, seed) for encoder in TWINS]
    return rows


def audit_row(service: ExplainerService, folder: Path, encoder: str, seed: int) -> dict:
    """What comes first for the marked class."""

    def ask(question):
        return service.ask(question).result()

    started = time.perf_counter()
    items, objects = list_items(folder / "photos"), objects_in(folder / "objects")
    index = make_index(Making(items, IndexSettings(encoder), folder / encoder, "scenes", ask, objects))
    indexed = time.perf_counter()
    audit = ask(AskAudit(index.folder, index.key, K))
    audited = time.perf_counter()
    class_idx = CLASS_NAMES.index(MARKED_CLASS)
    first, *_ = ranked = audit.of_class(class_idx)
    on_caption = {row.part: caption_overlap(index, row.part) for row in ranked if row.significant}
    captions = [row for row in ranked if row.significant and on_caption[row.part]["positions on it"] > 0.5]
    return {
        "encoder": encoder,
        "seed": seed,
        "first part": audit.parts[first.part].place,
        "evidence": first.share,
        "elsewhere": first.share_elsewhere,
        "Holm p": first.corrected_p_value,
        "photos of the class with it": first.presence,
        "of others": first.presence_elsewhere,
        **(on_caption.get(first.part) or caption_overlap(index, first.part)),
        "significant parts on the caption": len(captions),
        "their evidence": sum(row.share for row in captions),
        "index, s": indexed - started,
        "audit, s": audited - indexed,
    }


def caption_overlap(index: Index, part: int) -> dict[str, float]:
    """How the regions of a part lie on captions, over all photos."""
    table = index.regions(K, ("part", "mask", "map_height", "map_width"))
    names = index.photos["name"].to_pylist()
    masks: dict[str, np.ndarray] = {}
    for row in table.filter(np.equal(table["part"].to_numpy(), part)).to_pylist():
        name, shape = names[row["photo_idx"]], (row["map_height"], row["map_width"])
        masks[name] = masks.get(name, np.zeros(shape, bool)) | unpacked(row["mask"], shape)
    shape = (table["map_height"][0].as_py(), table["map_width"][0].as_py())
    counts = np.zeros(5)
    for name in names:
        caption, mask = render(planted_scene(seed_of(name))).watermark_mask, masks.get(name, np.zeros(shape, bool))
        counts += overlaps(caption, mask)
    touching, cells, common, either, pixels = counts.tolist()
    in_pixels = pixels / (cells * 256 + captions_px(index) - pixels)
    return {"positions on it": touching / max(cells, 1), "IoU of positions": common / max(either, 1), "IoU of pixels": in_pixels}


def overlaps(caption: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Positions of a mask (h, w) on the caption (H, W), all of them, those in common and in either, and pixels in common."""
    h, w = mask.shape
    covered = caption.reshape(h, len(caption) // h, w, -1).mean((1, 3))
    is_on = covered >= COVERED
    pixels = (covered * mask).sum() * caption.size / mask.size
    return np.array([(mask & (covered > 0)).sum(), mask.sum(), (mask & is_on).sum(), (mask | is_on).sum(), pixels])


def captions_px(index: Index) -> int:
    """Pixels of all captions."""
    return sum(int(render(planted_scene(seed_of(name))).watermark_mask.sum()) for name in index.photos["name"].to_pylist())
