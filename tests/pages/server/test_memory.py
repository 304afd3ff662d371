"""Freed memory goes back to the system, in threads' heaps as well."""

import subprocess
import sys

import pytest

FREED = """
import ctypes, re, sys, threading
from pages.server.memory import give_back

class Room(threading.Thread):
    def run(self):
        libc = ctypes.CDLL(None)
        libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        pieces = [libc.malloc(60_000) for _ in range(2000)]  # 120 MB, each below what glibc maps by itself
        for piece in pieces:
            ctypes.memset(piece, 1, 60_000)
        for piece in pieces[:-1]:  # the last one keeps the heap from shrinking by itself
            libc.free(ctypes.c_void_p(piece))

def resident_mb():
    return int(re.search(r"Anonymous: +([0-9]+)", open("/proc/self/smaps_rollup").read())[1]) / 1e3

room = Room()
room.start()
room.join()
before = resident_mb()
give_back()
print(before - resident_mb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps heaps this way")
def test_what_a_thread_has_freed_is_given_back():
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 50
