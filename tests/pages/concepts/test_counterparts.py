"""The domain check in words."""

from explainers.visual_tcav.domain import DomainCheck
from pages.concepts.counterparts import crops, in_words


def test_what_the_check_found_is_said_with_its_figures():
    apart = in_words(DomainCheck((0, 1), (0.01, 0.002), (0.1, 0.05), one_is_rendered=True))
    assert "Mismatched" in apart and "0.06 of the mistakes" in apart and "1.0, 0.2 % instead of 10.0, 5.0 %" in apart
    assert "Unproven" in in_words(DomainCheck((0,), (0.1,), (0.1,), one_is_rendered=True))
    assert "Matched" in in_words(DomainCheck((0,), (0.1,), (0.1,), one_is_rendered=False))


def test_crops_of_the_sample_photos_are_sixty_different_files():
    files = dict(crops())
    assert len(files) == 60 == len(set(files.values()))
