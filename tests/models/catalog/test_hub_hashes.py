"""A file from the hub is taken only if its bytes are those that the hub names."""

import hashlib
from types import SimpleNamespace

import pytest

from models.catalog import hub
from models.errors import EncoderUnavailable


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """What `load_file` gives for a file that the hub calls by this name."""

    def fetch(etag: str):
        path = tmp_path / "weights"
        path.write_bytes(b"weights")
        monkeypatch.setattr(hub, "cached_file", lambda *_: None)
        monkeypatch.setattr(hub, "get_hf_file_metadata", lambda *_, **__: SimpleNamespace(etag=etag))
        monkeypatch.setattr(hub, "hf_hub_download", lambda *_, **__: str(path))
        return hub.load_file("team/tiny", "weights")

    return fetch


@pytest.mark.parametrize("etag", [hashlib.sha256(b"weights").hexdigest(), "c0ffee" * 6, ""])
def test_bytes_with_their_hash_or_without_one_are_taken(fetched, etag):
    assert fetched(etag).read_bytes() == b"weights"


def test_other_bytes_are_refused_and_removed(fetched, tmp_path):
    with pytest.raises(EncoderUnavailable, match="'team/tiny' arrived damaged"):
        fetched(hashlib.sha256(b"other weights").hexdigest())
    assert not (tmp_path / "weights").exists()
