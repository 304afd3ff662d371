"""Integrated gradients on plain callables: the attribution of every activation to a class."""

from explainers.integrated_gradients.path import PathGradients, integrated_gradients, path_gradients

__all__ = ["PathGradients", "integrated_gradients", "path_gradients"]
