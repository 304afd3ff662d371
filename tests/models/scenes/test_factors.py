"""Scenes whose factors are drawn apart, and the truth of each."""

import numpy as np

from models.scenes.factors import FACTORS, factor_scene, factor_scenes
from models.scenes.scenes import SHAPE_NAMES

SCENES = factor_scenes(600, 5)


def test_a_seed_gives_one_scene():
    assert factor_scene(7) == factor_scene(7) == SCENES[2] and factor_scene(7) != factor_scene(8)


def test_no_factor_tells_of_another():
    values = np.array([[np.ravel(f.of([scene]))[0] for f in FACTORS] for scene in SCENES], float)
    shuffled = np.abs(np.corrcoef(values.T) - np.eye(len(FACTORS)))
    assert shuffled.max() < 0.2 and all(len(set(factor.of(SCENES).ravel())) >= 2 for factor in FACTORS)


def test_truth_is_that_of_the_main_object():
    by_name = {factor.name: factor for factor in FACTORS}
    main = SCENES[0].main
    assert SHAPE_NAMES[by_name["shape"].of(SCENES)[0]] == main.shape
    assert tuple(by_name["position"].of(SCENES)[0]) == main.centre
    assert by_name["caption"].of(SCENES)[0] == (SCENES[0].watermark is not None)
    assert 0.4 < by_name["caption"].of(SCENES).mean() < 0.6
    assert by_name["shape"].chance == 1 / len(SHAPE_NAMES) and by_name["size"].chance == 0
