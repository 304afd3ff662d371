"""Pages that were closed: what Streamlit keeps of them, should the browser come back, goes after two minutes.

Streamlit itself lets go of it only when another page is closed after that: until then the pictures of a closed page stay at their
addresses, and its uploads in memory.
"""

import asyncio
from typing import Any

from streamlit.runtime import Runtime
from streamlit.runtime.caching.ttl_cache import TTLCache

EVERY_SECONDS = 20.0


async def let_go_again_and_again() -> None:
    """Looks for pages that were closed, until it is cancelled."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        if Runtime.exists():
            let_go(_closed_pages(Runtime.instance()))


def let_go(closed: TTLCache | None) -> int:
    """Ends the sessions whose time is over, with their pictures and uploads, and returns how many there were."""
    over = [] if closed is None else closed.expire()
    for _, info in over:
        info.session.shutdown()
    return len(over)


def _closed_pages(runtime: Runtime) -> Any:
    """Where Streamlit keeps sessions without a page, with a time each; None if it keeps them elsewhere by now."""
    storage = getattr(runtime._session_mgr, "_session_storage", None)
    cache = getattr(storage, "_cache", None)
    return cache if isinstance(cache, TTLCache) else None
