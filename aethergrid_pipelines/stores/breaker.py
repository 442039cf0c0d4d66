"""Asking no more, for a while, what did not answer: so one that is down costs one wait and not one for each query."""

from threading import Lock
from time import monotonic


class Breaker:
    """Thread-safe. After a failure nobody asks for ``seconds``; then one does, and the others go on without until that
    one succeeded (Nygard, «Release It!», 2007, «Circuit Breaker»)."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._again_at: float | None = None
        self.failures = 0

    def allows(self) -> bool:
        """Whether to ask now. Whoever is allowed says afterwards how it went."""
        with self._lock:
            if self._again_at is None:
                return True
            if monotonic() < self._again_at:
                return False
            # This one tries; the next may when it has not come back by then.
            self._again_at = monotonic() + self._seconds
            return True

    def failed(self) -> None:
        with self._lock:
            self.failures += 1
            self._again_at = monotonic() + self._seconds

    def succeeded(self) -> None:
        with self._lock:
            self._again_at = None

    @property
    def open(self) -> bool:
        """Whether what it guards failed the last time."""
        return self._again_at is not None
