"""Weights of the points of a path."""

import numpy as np
import pytest

from explainers.integrated_gradients.quadrature import evenly_between, on_logarithm, smooth_curve, trapezoids

REFINED = (0.0, 3e-5, 1e-4, 4e-4, 1e-3, 2e-3, 4e-3, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0)


def test_trapezoids_on_uniform_points_are_those_of_the_paper():
    np.testing.assert_allclose(trapezoids([0, 0.25, 0.5, 0.75, 1]).sum(0), [0.125, 0.25, 0.25, 0.25, 0.125])


@pytest.mark.parametrize("rule", [trapezoids, smooth_curve])
@pytest.mark.parametrize("shares", [(0.0, 1.0), (0.0, 0.2, 1.0), REFINED])
def test_the_mean_of_a_constant_is_the_constant_in_every_interval(rule, shares):
    np.testing.assert_allclose(rule(shares).sum(1), np.diff(shares), atol=1e-9)


def test_a_smooth_curve_is_far_nearer_to_what_layernorm_makes_of_a_path():
    """The slope of x / sqrt(x^2 + 1e-6), whose mean over [0, 1] is known, and over every interval as well."""
    at = np.array(REFINED)
    slopes, heights = 1e-6 / (at**2 + 1e-6) ** 1.5, at / np.sqrt(at**2 + 1e-6)
    by_trapezoids, by_curve = (np.abs(rule(REFINED) @ slopes - np.diff(heights)) for rule in (trapezoids, smooth_curve))
    assert by_curve.sum() < 0.01 and by_trapezoids.sum() > 10 * by_curve.sum()


def test_points_even_over_the_logarithm_end_where_they_should():
    points = evenly_between(0, 0.2, 5)
    spacing = np.diff(on_logarithm(np.array([0, *points, 0.2])))
    np.testing.assert_allclose(spacing, spacing[0])
    assert evenly_between(0.1, 0.4, 1)[0] == pytest.approx(0.2, rel=0.02)  # far from zero, the middle of their logarithms
