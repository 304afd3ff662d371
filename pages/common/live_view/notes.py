"""What is said of a cluster besides its area and regions."""

from explainers.nave.segmentation import Segmentation


def main_depths(segmentation: Segmentation) -> tuple[tuple[str, ...], ...]:
    """Per granularity and cluster, the depth that shapes it most, in words; nothing if there is only one."""
    depths = segmentation.settings.depths
    if len(depths) < 2:
        return ()
    return tuple(
        tuple(f"mostly depth {depths[row.argmax()]} ({row.max():.0%})" for row in shares) for shares in segmentation.depth_shares
    )
