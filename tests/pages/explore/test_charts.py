"""What the plots say, read from the figures."""

import pytest

from explainers.drawing.clusters import hex_colour
from explainers.results.segmentations import Predictions
from pages.common import charts as common_charts
from pages.explore import charts
from tests.pages.hand_made import ENCODER, SEGMENTATION


def test_quality_shows_both_curves_and_marks_the_suggestion_and_the_present_k():
    figure = charts.quality_over_k(SEGMENTATION.quality, suggested_k=2, k=3)
    stability, explained = figure.data
    assert (list(stability.x), list(stability.y)) == ([2, 3], [0.9, 0.7])
    assert list(explained.y) == [0.5, 0.75] and list(explained.customdata) == [8.0, 4.0]
    present, suggestion = figure.layout.shapes
    assert (present.x0 + present.x1) / 2 == 3
    assert suggestion.x0 == suggestion.x1 == 2
    assert figure.layout.annotations[0].text == "suggested"


@pytest.mark.parametrize(("k", "colours"), [(2, [0, 1]), (3, [0, 1, 2])])
def test_positions_wear_the_colours_of_their_clusters_and_say_which(k, colours):
    figure = charts.positions(SEGMENTATION, k)
    assert [trace.marker.color for trace in figure.data] == [hex_colour(c) for c in colours]
    assert [trace.hovertemplate for trace in figure.data] == [f"cluster {c}<extra></extra>" for c in colours]
    assert list(figure.data[0].x) == [-1]  # the one sampled position of cluster 0


def test_probabilities_are_best_first_and_named():
    predictions = Predictions(ENCODER, (1, 0), ("dog", "cat"), (0.9, 0.1), (2.0, -0.2))
    figure = common_charts.probabilities(predictions)
    whole, bars = figure.data
    assert list(bars.x) == [0.9, 0.1] and list(whole.x) == [1, 1] and list(figure.layout.xaxis.range) == [0, 1]
    assert [note.text for note in figure.layout.annotations] == ["dog", "cat", "90.0%", "10.0%"]
    assert [list(row) for row in bars.customdata] == [[1, 2.0], [0, -0.2]]
