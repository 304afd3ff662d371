"""Where encoders meet explainers."""

from explainers.service.service import ExplainerService

__all__ = ["ExplainerService"]
