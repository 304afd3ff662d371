"""What changes for a class if a concept is taken away, or seen more strongly? Pure functions on tokens and callables."""

from explainers.interventions.components import Components, erased, projected
from explainers.interventions.logits import logits_under

__all__ = ["Components", "erased", "logits_under", "projected"]
