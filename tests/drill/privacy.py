"""Two sessions: the pictures of one have addresses that nobody can guess, and are gone soon after its page was closed."""

import re
import time
from dataclasses import dataclass, field

from tests.drill.memory import photo
from tests.drill.visitor import Visitor

PATIENCE = 150.0  # seconds; Streamlit keeps a session that was cut off for two minutes, should its browser come back
_ADDRESS = re.compile(r"/media/[0-9a-f]{32,}\.\w+")


@dataclass
class Outcome:
    """What the second session could see of the first."""

    n_pictures: int = 0  # of the first session
    n_left: int = 0  # of these, when its page had been closed for a while
    seconds_until_gone: float = 0.0
    wrong: list[str] = field(default_factory=list)


def two_sessions(url: str) -> Outcome:
    """One brings a photo and leaves; another asks for its pictures, and for the photo by its link."""
    outcome, query = Outcome(), "encoder=scenes-cnn&size=224"
    first, second = Visitor(url, query), Visitor(url, query)
    before = set(first.look().media) | set(second.look().media)
    _, seen = first.upload("uploads", "secret-name.jpg", photo(0))
    private = set(seen.media if seen else ()) - before
    outcome.n_pictures = len(private)
    outcome.wrong += [f"{address} can be guessed" for address in private if not _ADDRESS.fullmatch(address)]
    stranger = second.go(first.query)
    outcome.wrong += [f"another session reads {text}" for text in stranger.texts if "secret-name" in text]
    outcome.wrong += [f"another session is shown {address}" for address in private & set(stranger.media)]
    first.leave()
    began = time.monotonic()
    while (left := [address for address in private if second.fetch(address) == 200]) and time.monotonic() - began < PATIENCE:
        time.sleep(5)
    outcome.n_left, outcome.seconds_until_gone = len(left), round(time.monotonic() - began)
    second.leave()
    return outcome
