"""What Streamlit keeps of a page that was closed goes when its time is over, without another page being closed."""

from types import SimpleNamespace

from streamlit.runtime.memory_session_storage import MemorySessionStorage

from pages.server.closed import _closed_pages, let_go


def test_sessions_whose_time_is_over_are_ended():
    ended, kept = [], MemorySessionStorage(ttl_seconds=0)
    kept.save(SimpleNamespace(session=SimpleNamespace(id="a", shutdown=lambda: ended.append("a"))))
    closed = _closed_pages(SimpleNamespace(_session_mgr=SimpleNamespace(_session_storage=kept)))
    assert let_go(closed) == 1 and ended == ["a"]
    assert let_go(closed) == 0 and let_go(None) == 0


def test_sessions_whose_time_is_not_over_stay():
    kept = MemorySessionStorage(ttl_seconds=1000)
    kept.save(SimpleNamespace(session=SimpleNamespace(id="a", shutdown=None)))
    assert let_go(_closed_pages(SimpleNamespace(_session_mgr=SimpleNamespace(_session_storage=kept)))) == 0
    assert [info.session.id for info in kept.list()] == ["a"]
