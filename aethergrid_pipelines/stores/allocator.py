"""glibc's allocator, which otherwise keeps what Lance's threads freed. Other allocators have no such functions, and
nothing happens."""

import ctypes
import os

M_ARENA_MAX = -8
"""``mallopt``'s name for it (malloc.h)."""


def few_arenas() -> None:
    """Let threads share as many arenas as there are cores, instead of eight times as many.

    What is freed in one arena no other can use: over 30,000 messages the flow's process grows to 650 MB instead of 810.
    It holds for arenas that are made from now on.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, max(2, os.cpu_count() or 2))


def give_back() -> None:
    """Return freed memory to the system: more than 100 MB after an index was written."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
