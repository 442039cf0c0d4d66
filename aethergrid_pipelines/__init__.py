"""AetherGrid Pipelines: one memory for every AI model.

Rooms and the direction of their imports are described in ``docs/architecture.md``.
"""
