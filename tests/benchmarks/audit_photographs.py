"""What encoders of photographs make of a caption, and whether the audit's parts show it: after ImageNet-W.

Source of the recipe: Li, Evtimov, Gordo, Hazirbas, Hassner, Canton Ferrer, Xu, Ibrahim, *A Whac-A-Mole Dilemma: Shortcuts Come in
Multiples Where Mitigating One Amplifies Others*, CVPR 2023: one text in Chinese characters, white and half transparent, across
the middle of every photograph. Networks trained on ImageNet take it for a sign of "carton". The drawing is our own; it needs a
font with those characters, of which any will do.

Every photograph is indexed twice, as it is and with the text. A row per encoder: right answers without and with the text; how
much the logit of "carton" rises, how many of all classes rise more on average, and how many photographs are taken for one; the
part of 64 that fits the text best, how much of it lies there, and in how many photographs it is; what share of the evidence for
whatever is predicted it carries where it is; and how it goes with errors.
"""

import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.audit import shares_of, wrong_of
from explainers.datasets.index import Index
from explainers.datasets.making import Making, make_index
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from explainers.dictionaries.failures import rank_failures
from explainers.dictionaries.regions import unpacked
from explainers.library.library import ConceptLibrary
from explainers.service.service import ExplainerService
from models.catalog import Catalog
from models.encoder.encoder import Encoder
from models.photo.reading import read_photo_file
from tests.benchmarks.audit_truth import overlaps

TEXT, FONT_SHARE, OPACITY = "捷径捷径捷径", 36 / 224, 128  # of the side; of 255
CARTON, K, SIDE = 478, 64, 224
PLAIN, CAPTIONED = "plain", "captioned"


def photographs_table(weights: Path, images: Path) -> list[dict]:
    """One row per encoder; ``images`` are named NNN_..., NNN being the class."""
    torch.set_num_threads(1)
    names = ["efficientnet-lite0", *(str(weights / name) for name in ("deit_tiny_patch16_224", "mobilenetv2_100"))]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        caption = write_photographs(images, Path(folder) / "photos")
        library = ConceptLibrary(Path(folder) / "home")
        with closing(ExplainerService(library=library, more_answers=INDEX_ANSWERS)) as service:
            for name in names:
                index = _indexed(service, name, Path(folder))
                rows.append({"encoder": Path(name).name, **_answers(name, Path(folder) / "photos"), **_part(index, caption)})
                print(rows[-1], flush=True)
    return rows


def write_photographs(images: Path, folder: Path) -> np.ndarray:
    """Writes the middle of every photograph, SIDE px wide, without and with the text; returns where the text is, (SIDE, SIDE)."""
    alpha = caption_layer()
    for path in sorted(images.glob("*.JPEG")):
        of_class = folder / str(int(path.name.split("_")[0]))
        of_class.mkdir(parents=True, exist_ok=True)
        pixels = np.asarray(_middle(Image.open(path).convert("RGB")), np.float32)
        for case, shown in ((PLAIN, pixels), (CAPTIONED, pixels + (255 - pixels) * alpha[..., None])):
            Image.fromarray(shown.round().astype(np.uint8)).save(of_class / f"{case}-{path.stem}.png")
    return _box_of(alpha > 0)


def caption_layer() -> np.ndarray:
    """How much white the text lays over each pixel, (SIDE, SIDE) from 0 to 1."""
    layer = Image.new("L", (SIDE, SIDE))
    font = ImageFont.truetype(font_with(TEXT), round(FONT_SHARE * SIDE))
    ImageDraw.Draw(layer).text((SIDE / 2, SIDE / 2), TEXT, OPACITY, font, anchor="mm")
    return np.asarray(layer, np.float32) / 255


def font_with(text: str) -> str:
    """A font file of this machine that has the characters; raises FileNotFoundError."""
    wanted = ":charset=" + " ".join(sorted({f"{ord(character):x}" for character in text}))
    files = subprocess.run(["fc-list", wanted, "file"], capture_output=True, text=True, check=True).stdout.split(":")
    if not files[0].strip():
        raise FileNotFoundError("No font of this machine has Chinese characters. Debian has some, as fonts-wqy-zenhei.")
    return files[0].strip()


def _middle(image: Image.Image) -> Image.Image:
    scale = SIDE / 0.875 / min(image.size)
    image = image.resize([round(side * scale) for side in image.size], Image.Resampling.BICUBIC)
    left, top = ((side - SIDE) // 2 for side in image.size)
    return image.crop((left, top, left + SIDE, top + SIDE))


def _box_of(mask: np.ndarray) -> np.ndarray:
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    box = np.zeros_like(mask)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box


def _indexed(service: ExplainerService, name: str, folder: Path) -> Index:
    items, settings = list_items(folder / "photos"), IndexSettings(name, input_size=SIDE)
    return make_index(
        Making(items, settings, folder / Path(name).name, "photos", lambda question: service.ask(question).result())
    )


def _answers(name: str, folder: Path) -> dict:
    """How the encoder's answers change with the text."""
    encoder, plain = Catalog().open(name), sorted(folder.glob(f"*/{PLAIN}-*"))
    truth = np.array([int(path.parent.name) for path in plain])
    captioned = [path.with_name(path.name.replace(PLAIN, CAPTIONED)) for path in plain]
    before, after = _logits(encoder, plain), _logits(encoder, captioned)
    rise = (after - before).mean(0)
    return {
        "right": float((before.argmax(1) == truth).mean()),
        "right with the text": float((after.argmax(1) == truth).mean()),
        "rise of carton's logit": float(rise[CARTON]),
        "classes that rise more": int((rise > rise[CARTON]).sum()),
        "taken for a carton": int((after.argmax(1) == CARTON).sum()),
        "without the text": int((before.argmax(1) == CARTON).sum()),
    }


def _logits(encoder: Encoder, paths: list[Path]) -> np.ndarray:
    """Of photographs as large as the encoder wants them, (n, 1000)."""
    images = [encoder.prepare(read_photo_file(path), SIDE) for path in paths]
    return torch.cat([encoder.logits(image[None]) for image in images]).numpy()


def _part(index: Index, caption: np.ndarray) -> dict:
    """The part whose IoU with the text is largest, in the photographs that have it."""
    table = index.regions(K, ("part", "mask", "map_height", "map_width"))
    with_text = np.array([Path(name).name.startswith(CAPTIONED) for name in index.photos["name"].to_pylist()])
    counts = np.zeros((K, 5))
    for row in table.filter(with_text[table["photo_idx"].to_numpy()]).to_pylist():
        counts[row["part"]] += overlaps(caption, unpacked(row["mask"], (row["map_height"], row["map_width"])))
    touching, cells, common = counts[:, 0], counts[:, 1], counts[:, 2]
    shape = table["map_height"][0].as_py(), table["map_width"][0].as_py()
    on_text = overlaps(caption, np.ones(shape, bool))[2] * with_text.sum()
    iou = common / np.maximum(cells + on_text - common, 1)
    part, shares = int(iou.argmax()), shares_of(index, K)
    there = with_text & shares.present[:, part]
    labelled, wrong = wrong_of(index)
    failures = rank_failures(shares.present[labelled], wrong[labelled])
    place, failing = next((n, row) for n, row in enumerate(failures, 1) if row.part == part)
    return {
        "of the part on the text": float(touching[part] / max(cells[part], 1)),
        "IoU of positions": float(iou[part]),
        "in photographs with the text": float(shares.present[with_text, part].mean()),
        "in those without": float(shares.present[~with_text, part].mean()),
        "evidence there": float(shares.evidence[there, part].mean()),
        "area there": float((shares.n_cells[there, part] / shares.n_cells[there].sum(1)).mean()),
        "risk of an error": failing.risk_ratio,
        "Holm p": failing.corrected_p_value,
        "place among parts that go with errors": place,
    }
