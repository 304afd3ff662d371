"""What charts can do: leave as a picture, and nothing else."""

from pages.common.plots import config_of


def test_a_chart_leaves_as_a_picture_that_is_called_after_what_it_shows():
    config = config_of("Drops of <b>red/plain disc</b> by concept")
    assert config["modeBarButtons"] == [["toImage"]]
    assert config["toImageButtonOptions"]["filename"] == "Drops-of-b-red-plain-disc-b-by-concept"
    assert len(config_of("x" * 300)["toImageButtonOptions"]["filename"]) == 80
