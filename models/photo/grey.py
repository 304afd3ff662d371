"""Grey values of more than 8 bits, as scanners and depth cameras write them, made fit for a screen."""

import numpy as np

_WINDOW_PERCENTILES = (0.5, 99.5)
_MAX_SAMPLES = 1_000_000  # percentiles of a million samples are as good as those of all
_MID_GREY = 128


def windowed(values: np.ndarray) -> np.ndarray:
    """Grey values (H, W) of any type as uint8 (H, W): the middle 99 % fill the range, so that nothing is clipped to plain white.

    Raises ValueError if no value is finite.
    """
    values = values.astype(np.float32)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise ValueError("no finite value")
    stride = max(1, finite.size // _MAX_SAMPLES)
    low, high = np.percentile(finite[::stride], _WINDOW_PERCENTILES)
    if high <= low:  # (nearly) one value: stretch over what is there
        low, high = finite.min(), finite.max()
    if high <= low:  # exactly one value: a plain mid-grey picture
        return np.full(values.shape, _MID_GREY, np.uint8)
    filled = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    return (255 * (np.clip(filled, low, high) - low) / (high - low)).round().astype(np.uint8)
