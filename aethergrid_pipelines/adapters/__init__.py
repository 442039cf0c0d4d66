"""One file per model family: what is particular to it.

The rest is the same for all: what is captured goes through :mod:`aethergrid_pipelines.capture`, text becomes vectors in
:mod:`aethergrid_pipelines.embedders`, questions are answered by :mod:`aethergrid_pipelines.query`.
"""
