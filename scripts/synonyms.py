"""Make the table of related terms that ranking uses, from the vocabulary of the local model (about 20 s).

python scripts/synonyms.py
"""

import re
import sys

from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.embedders.minilm_graph import weights_folder
from aethergrid_pipelines.query.synonyms import FILE, write
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines.transform.analyse import index_terms
from aethergrid_pipelines.transform.stopwords import STOP_WORDS


def words() -> dict[str, str]:
    """Term → its most frequent word, of the whole English words in the vocabulary, which is sorted by frequency."""
    found: dict[str, str] = {}
    for word in (weights_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines():
        terms = index_terms(word) if re.fullmatch(r"[a-z]{3,}", word) and word not in STOP_WORDS else []
        if len(terms) == 1:
            found.setdefault(terms[0], word)
    return found


def main() -> None:
    """Write the table into the package."""
    known = words()
    embedder = LocalEmbedder(load_settings().models_path)
    write(list(known), embedder.embed(list(known.values())).vectors)
    embedder.close()
    sys.stdout.write(f"{len(known)} terms, {FILE.stat().st_size // 1024} KB in {FILE.name}\n")


if __name__ == "__main__":
    main()
