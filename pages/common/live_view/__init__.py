"""The live view: segmentations that follow the sliders in the browser."""
