"""Linear CKA against its definition."""

import pytest
import torch

from explainers.maps.cka import centred_gram, cka_matrix, linear_cka


def plain_cka(x: torch.Tensor, y: torch.Tensor) -> float:
    """Kornblith et al., equation 4 in its feature form, on centred columns."""
    x, y = x - x.mean(0), y - y.mean(0)
    return float((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm()))


def test_cka_is_its_definition():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(12, 5, generator=generator).double(), torch.randn(12, 3, generator=generator).double()
    y[:, 0] += x[:, 1]
    assert linear_cka(centred_gram(x), centred_gram(y)) == pytest.approx(plain_cka(x, y), rel=1e-5)


def test_cka_does_not_see_rotations_shifts_and_scales():
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(15, 6, generator=generator), torch.randn(15, 4, generator=generator)
    orthogonal = torch.linalg.qr(torch.randn(6, 6, generator=generator)).Q
    before = linear_cka(centred_gram(x), centred_gram(y))
    assert linear_cka(centred_gram(3 * x @ orthogonal + 7), centred_gram(y)) == pytest.approx(before, rel=1e-4)
    assert linear_cka(centred_gram(x @ orthogonal), centred_gram(x)) == pytest.approx(1, rel=1e-5)


def test_a_depth_where_nothing_varies_is_like_no_other():
    assert linear_cka(centred_gram(torch.ones(6, 3)), centred_gram(torch.randn(6, 3))) == 0


def test_every_depth_is_compared_with_every_other():
    generator = torch.Generator().manual_seed(2)
    a, b = ([centred_gram(torch.randn(9, c, generator=generator)) for c in widths] for widths in ((2, 3), (4, 5, 6)))
    similarity = cka_matrix(a, b)
    assert similarity.shape == (2, 3)
    assert similarity[1, 2] == pytest.approx(linear_cka(a[1], b[2]))
