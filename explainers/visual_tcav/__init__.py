"""Visual-TCAV: from concept images to maps, attributions and their tests. Pure functions on feature maps."""

from explainers.visual_tcav.cav import Cav, class_attribution, concept_attribution, concept_map, fit_cav

__all__ = ["Cav", "class_attribution", "concept_attribution", "concept_map", "fit_cav"]
