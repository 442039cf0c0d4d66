"""A process that will not load pandas.

PyArrow looks for pandas as soon as LanceDB is imported, which is a third of what that import takes. The API has no use
for it: without it the first answer comes a second earlier and the process is 30 MB smaller.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType


class _Refusal(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("the query service runs without pandas", name=name)


def refuse_pandas() -> None:
    """Make pandas as good as not installed, for the rest of this process. Call it before LanceDB is imported."""
    sys.meta_path.insert(0, _Refusal())
