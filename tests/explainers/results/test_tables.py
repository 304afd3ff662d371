"""Rows of tables, checked against a segmentation that is known by heart."""

import csv
import io

import pytest

from explainers.results.explanations import DepthFacts
from explainers.results.files import as_csv
from explainers.results.segmentations import SegmentationsResult
from explainers.results.tables import cluster_rows, photos_cluster_rows
from tests.pages.hand_made import SEGMENTATION, grey_photo, provenance


def test_clusters_have_a_row_each_with_area_and_depth_shares():
    first, _, last = csv.DictReader(io.StringIO(as_csv(cluster_rows(SEGMENTATION, 3)).decode()))
    assert first == {
        "cluster_idx": "0", "colour": "#E69F00", "area": "0.5", "n_regions": "1",
        "share_of_depth_1": "0.25", "share_of_depth_3": "0.75",
    }  # fmt: skip
    assert (last["area"], last["share_of_depth_1"]) == (str(3 / 16), "1.0")


def test_clusters_of_several_photos_have_a_row_per_photo():
    together = SegmentationsResult(provenance(SEGMENTATION.settings, grey_photo(), grey_photo()), (SEGMENTATION,) * 2)
    rows = photos_cluster_rows(together, 3)
    assert [row["cluster_idx"] for row in rows] == [0, 1, 2] * 2
    assert sum(row["area"] for row in rows) == pytest.approx(2)


@pytest.mark.parametrize("change, gap, share", [(4.0, 1.0, 0.25), (-4.0, 1.0, 0.25), (0.0, 0.0, 0.0), (0.0, 0.1, float("inf"))])
def test_the_gap_is_a_share_of_the_change_and_infinite_where_nothing_changes(change, gap, share):
    facts = DepthFacts(0, (1.0,), (0.0,), (change,), (gap,))
    assert facts.gap_share(0) == share
