"""A world whose truth is known to the pixel: rendered scenes, collages and starter concepts."""
