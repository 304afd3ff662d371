"""The CAVs that a first visit asks for, fitted beforehand: of starter concepts, for the encoder that pages begin with.

python -m explainers.service.starter_cavs     fits them anew, when the encoder, the starters or FIT_VERSION have changed

They lie beside the starters, under the keys that a library keeps its own CAVs under (cavs.py), so a stale one is never found.
"""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from explainers.library.library import STARTERS_FOLDER, ConceptLibrary
from explainers.library.starters import CAVS
from explainers.service.cavs import Inquiry, fitted_concepts, tested_concepts
from explainers.service.observatory import MB, Observatory
from explainers.visual_tcav.settings import ExplainSettings
from models.catalog import Catalog
from models.catalog.packaged import LITE0
from models.progress import IGNORED

EXPLAINED = ("orange", "green", "striped", "dotted", "chequered")  # tested at the encoder's default depths
CHECKED = ("striped",)  # at every depth


def inquiries(library: ConceptLibrary) -> tuple[Inquiry, Inquiry]:
    """What a first visit of Explain asks about concepts, and one of Concepts."""
    observatory = Observatory(Catalog(), library, "cpu", encoder_bytes=1024 * MB, map_bytes=768 * MB)
    encoder, random = observatory.encoder(LITE0.name, IGNORED), library.open_set("scenes", "random")
    explained, checked = (tuple(map(library.open_set, names)) for names in (EXPLAINED, CHECKED))
    info = encoder.info
    default = replace(ExplainSettings(), input_size=info.preprocessing.input_size, depths=info.default_depths)
    every = replace(default, depths=tuple(depth.idx for depth in info.depths))
    return Inquiry(observatory, encoder, explained, random, default), Inquiry(observatory, encoder, checked, random, every)


def main() -> None:
    """Fits them in an empty library, and takes its CAVs."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.rmtree(STARTERS_FOLDER / CAVS, ignore_errors=True)  # else there would be nothing to fit
        of_explain, of_concepts = inquiries(ConceptLibrary(Path(folder)))
        tested_concepts(of_explain, IGNORED)
        fitted_concepts(of_concepts, IGNORED)
        shutil.copytree(Path(folder) / "cavs", STARTERS_FOLDER / CAVS)


if __name__ == "__main__":
    main()
