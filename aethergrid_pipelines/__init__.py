"""AetherGrid Pipelines: one memory for every AI model.

Rooms and the direction of their imports are described in ``docs/architecture.md``.
"""

import os

# NumPy reads it when it is imported, and all its products here are small. OpenBLAS would cut each into one part for
# every core and wait for the last: where cores are busy, with the embedding at the latest, 10 to 60 ms instead of 0.3.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
