"""Whether somebody listens to a module: then what it computes is run as it stands, never by another way."""

from torch import nn


def is_watched(module: nn.Module) -> bool:
    """Whether somebody hooked the module or gave it another forward."""
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or "forward" in vars(module))
