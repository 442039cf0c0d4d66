"""Errors that every store raises."""


class StoreUnavailable(Exception):
    """The store does not answer; what was asked may succeed later. The message names the store and its address."""
