"""Classes that several encoders share, on lists short enough to read."""

from pages.compare.classes import class_in, shared_classes


def test_classes_are_found_by_name_whatever_the_case():
    assert class_in(("cat", "Dog"), "dog") == 1
    assert class_in(("cat",), "dog") is None


def test_classes_shared_by_several_encoders():
    assert shared_classes([("cat", "dog"), ("Dog", "cow"), ("bee", "cow")]) == ("dog", "cow")
    assert shared_classes([("cat", "dog")]) == ("cat", "dog")
    assert shared_classes([("cat",), ("bee",)]) == ()
