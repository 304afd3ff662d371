"""The door: what is known of an encoder that may be gone."""

from models.catalog.catalog import Catalog
from pages.common import door


def test_what_an_encoder_learnt_from_is_unknown_once_it_is_gone(tmp_path):
    catalog = Catalog(own_folder=tmp_path)
    assert door.learnt_from(catalog, "scenes-cnn") == "scenes"
    assert door.learnt_from(catalog, str(tmp_path / "gone")) == ""
