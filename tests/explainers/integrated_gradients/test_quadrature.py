"""Weights of the points of a path."""

import numpy as np
import pytest

from explainers.integrated_gradients.quadrature import smooth, trapezoidal

REFINED = (0.0, 3e-5, 1e-4, 4e-4, 1e-3, 2e-3, 4e-3, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0)


def test_trapezoids_on_uniform_points_are_those_of_the_paper():
    np.testing.assert_allclose(trapezoidal([0, 0.25, 0.5, 0.75, 1]), [0.125, 0.25, 0.25, 0.25, 0.125])


@pytest.mark.parametrize("rule", [trapezoidal, smooth])
@pytest.mark.parametrize("shares", [(0.0, 1.0), (0.0, 0.2, 1.0), REFINED])
def test_the_mean_of_a_constant_is_the_constant(rule, shares):
    assert rule(shares).sum() == pytest.approx(1, abs=1e-9)


def test_a_smooth_curve_is_far_nearer_to_what_layernorm_makes_of_a_path():
    """The slope of x / sqrt(x^2 + 1e-6), whose mean over [0, 1] is known."""
    at = np.array(REFINED)
    slopes = 1e-6 / (at**2 + 1e-6) ** 1.5
    exact = 1 / np.sqrt(1 + 1e-6)
    by_trapezoids, by_curve = (abs(rule(REFINED) @ slopes - exact) for rule in (trapezoidal, smooth))
    assert by_curve < 0.002 and by_trapezoids > 10 * by_curve
