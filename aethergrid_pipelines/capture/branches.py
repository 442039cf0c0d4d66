"""Conversations that are trees: each message names the one that it follows, and edits and new attempts branch off.

The path from the current message to the root is the conversation as people see it; everything else is an alternate.
"""

import datetime as dt
from collections.abc import Callable, Mapping


def current_branch(parents: Mapping[str, str | None], leaf: str | None) -> list[str]:
    """The ids from the root to ``leaf``. Ends where a parent is missing, or comes a second time."""
    branch: dict[str, None] = {}
    at = leaf
    while at is not None and at in parents and at not in branch:
        branch[at] = None
        at = parents[at]
    return list(reversed(branch))


def newest_leaf(parents: Mapping[str, str | None], written: Callable[[str], dt.datetime | None]) -> str | None:
    """Where a conversation most likely goes on if nothing says so: the newest of the messages that none follows, the
    last of equals. ``written`` is when, if known."""
    followed = set(parents.values())
    leaves = [name for name in parents if name not in followed] or list(parents)
    oldest = dt.datetime.min.replace(tzinfo=dt.UTC)
    return max(reversed(leaves), key=lambda name: written(name) or oldest, default=None)


def depths(parents: Mapping[str, str | None]) -> dict[str, int]:
    """How many messages come before each, on the way from its root: its place in whichever branch it is in.

    It does not change when the conversation grows or another branch becomes the current one.
    """
    known: dict[str, int] = {}
    for start in parents:
        way: dict[str, None] = {}
        at: str | None = start
        while at is not None and at in parents and at not in known and at not in way:
            way[at] = None
            at = parents[at]
        depth = known[at] + 1 if at is not None and at in known else 0
        for name in reversed(way):
            known[name] = depth
            depth += 1
    return known
