"""The published promises on real photographs and real, frozen encoders: objects come out of composite activations, and concepts
speak for the classes that they should speak for."""

from contextlib import closing

import numpy as np
import pytest

from explainers.library.library import ConceptLibrary
from explainers.results.explanations import ALL_DEPTHS
from explainers.service.service import ExplainerService
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL
from models.encoder.encoder import Encoder
from models.photo import read_photo_file
from tests.benchmarks.segmentation_quality import load_davis, oracle_measures, segmentations

pytestmark = [pytest.mark.slow, pytest.mark.fixtures]
K = 10
CROSSWORD = 918  # the class and the photograph


def mean_iou(encoder, images, depths=()):
    maps = (next(segmentations(encoder, image.photo, K, depths)).at(K) for image in images)
    return np.mean([oracle_measures(m, image.mask)["majority_iou"] for m, image in zip(maps, images, strict=True)])


@pytest.fixture(scope="module")
def davis(fixtures_dir):
    return load_davis(fixtures_dir)


def test_deit_tiny_finds_the_objects_of_video_frames(fixtures_dir, davis):
    encoder = Encoder.from_folder(fixtures_dir / "weights/deit_tiny_patch16_224")
    assert mean_iou(encoder, davis) >= 0.50


def test_mobilenet_finds_them_too_and_better_by_several_depths_than_by_the_last(fixtures_dir, davis):
    encoder = Encoder.from_folder(fixtures_dir / "weights/mobilenetv2_100")
    composite = mean_iou(encoder, davis)
    assert composite >= 0.45
    assert composite - mean_iou(encoder, davis, depths=(encoder.info.depths[-1].idx,)) >= 0.12


@pytest.fixture(scope="module", params=["mobilenetv2_100", "deit_tiny_patch16_224"])
def crossword(request, fixtures_dir, tmp_path_factory):
    """What two concepts contribute to the class of a photograph of a crossword puzzle, at every default setting."""
    library = ConceptLibrary(tmp_path_factory.mktemp("library"), starters=None)
    concepts = [library.open_set(str(fixtures_dir / "concepts" / name)) for name in ("chequered", "bubbly")]
    random = library.open_set(str(fixtures_dir / "concepts/random"), "random")
    photo = read_photo_file(next((fixtures_dir / "images/imagenet_sample").glob(f"{CROSSWORD}_*")))
    with closing(ExplainerService(library=library)) as service:
        encoder = str(fixtures_dir / "weights" / request.param)
        return service.explain(
            encoder, photo, concepts=concepts, random=random, settings=ExplainSettings(class_idx=(CROSSWORD,))
        ).result()


def test_chequered_speaks_for_a_crossword_puzzle_and_bubbly_does_not(crossword):
    """At a single depth, one concept in twenty is significant by chance even after the correction: over all depths bubbly is not,
    and nowhere as clearly as chequered."""
    p_values = {
        name: min(crossword.at(name, facts.depth).estimates[0].corrected_p_value for facts in crossword.depths)
        for name in crossword.concept_names
    }
    assert p_values["chequered"] <= SIGNIFICANCE_LEVEL and p_values["chequered"] < p_values["bubbly"]
    assert not crossword.estimates_at("bubbly", ALL_DEPTHS)[0].significant


def test_chequered_is_seen_on_the_crossword_puzzle(crossword):
    depths = [facts.depth for facts in crossword.depths]
    seen = [crossword.at("chequered", d) for d in depths if crossword.at("chequered", d).estimates[0].significant]
    height, width = seen[0].concept_map.shape
    on_grid = np.zeros((height, width), bool)
    on_grid[int(0.6 * height) :, int(0.58 * width) :] = True  # the lower right of the photograph; a hand and a pen elsewhere
    assert all(at_depth.concept_map[on_grid].mean() > 3 * at_depth.concept_map[~on_grid].mean() for at_depth in seen)
