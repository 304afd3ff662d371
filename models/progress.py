"""How far some work is, for whoever waits for it, and whether it should go on: one type for both.

A step of work calls ``report`` when it knows how far it is and ``check`` where it only wants to learn that nobody waits any
more; both may raise, which ends the work. A step that is a part of something larger gets a ``part`` of its progress.
"""

import time
from collections.abc import Callable
from typing import Any

_KNOWN_FROM = 0.05  # of the work, before which nobody knows how long it takes

Tell = Callable[[float | None, str], None]  # share done in [0, 1] or None while unknown; what is being done


class Progress:
    """Where a step of work reports to. Without arguments: nobody listens, and nobody stops it."""

    def __init__(
        self,
        tell: Tell = lambda share, doing: None,
        check: Callable[[], None] = lambda: None,
        show: Callable[[Any], None] = lambda so_far: None,
    ):
        """``check`` raises when the work should stop; it is called before every report. ``show`` takes what the answer is so
        far, of the answer's own type, for who wants to see it before it is whole."""
        self._tell, self.check, self.show = tell, check, show

    def report(self, share: float | None, doing: str = "") -> None:
        """How far the step is, 0 to 1, and what it is doing; raises if nobody waits for it any more."""
        self.check()
        self._tell(share, doing)

    def part(self, start: float, end: float, doing: str = "") -> "Progress":
        """The progress of a step that takes the whole from ``start`` to ``end``.

        What the step does is said in its own words, else in ``doing`` with its share in percent.
        """

        def tell(share: float | None, own: str) -> None:
            done = share or 0.0
            self._tell(start + done * (end - start), own or (f"{doing}, {done:.0%}" if doing else ""))

        return Progress(tell, self.check)

    def silent(self) -> "Progress":
        """The progress of a step that may be stopped, but has nothing to say."""
        return Progress(check=self.check)


IGNORED = Progress()


def with_estimate(progress: Progress) -> Progress:
    """Progress whose words end in how long the rest will take, once a twentieth is done."""
    started = time.monotonic()

    def tell(share: float | None, doing: str) -> None:
        gone = time.monotonic() - started  # other people's turns included: there will be more of them
        is_known = share is not None and share >= _KNOWN_FROM
        progress.report(share, f"{doing}, {_in_minutes(gone * (1 - share) / share)} left" if share and is_known else doing)

    return Progress(tell, progress.check)


def _in_minutes(seconds: float) -> str:
    return f"about {max(1, round(seconds))} s" if seconds < 90 else f"about {round(seconds / 60)} min"
