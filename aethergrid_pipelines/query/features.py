"""A question and its candidates → what speaks for each candidate, as figures of 0…1.

Whatever has no absolute meaning (BM25, cosines) is scaled over the candidates. :mod:`.weights` says what each counts.
"""

from collections.abc import Sequence
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.query.dates import matches
from aethergrid_pipelines.query.frequencies import Frequencies, frequencies
from aethergrid_pipelines.query.question import Question
from aethergrid_pipelines.query.synonyms import synonyms
from aethergrid_pipelines.stores.vectors import Candidate
from aethergrid_pipelines.transform import traits
from aethergrid_pipelines.transform.analyse import index_terms
from aethergrid_pipelines.transform.surroundings import directions
from aethergrid_pipelines.transform.window import SESSION_GAP

Column = NDArray[np.float64]

MOST_EXPANDED = 24
"""A question of more terms says itself what it is about."""
SYNONYMS, SYNONYM_WEIGHT = 8, 0.8
LONG = 60
"""Terms of a fragment from which on it counts as long."""


def features(question: Question, candidates: Sequence[Candidate], vector: NDArray[np.float32]) -> dict[str, Column]:
    """By name, each of shape (candidates,); of at least one candidate. ``vector`` is the question's, of length 1."""
    asked = _asked(question, candidates)
    named = set(chain.from_iterable(terms for terms, hit in asked if hit))
    content = [term for term in question.terms if term not in named] or list(question.terms)
    related = {term: synonyms().of(term) for term in content} if len(content) <= MOST_EXPANDED else {}
    others = (other for pairs in related.values() for other, _ in pairs)
    columns = {term: at for at, term in enumerate(dict.fromkeys((*question.terms, *others)))}
    found = frequencies([candidate.terms for candidate in candidates], list(columns))
    lexical = _lexical(found, columns, question.terms, content, related)
    dense = _dense(candidates, vector)
    return {
        **lexical,
        **dense,
        "session": _session(candidates, lexical["related"] + lexical["coverage"] + dense["around"]),
        "speaker": _speaker([hit for _, hit in asked]),
        **_kind(question, candidates),
        "length": np.minimum(1.0, np.log1p(found.lengths) / np.log1p(LONG)),
        **_dates(question, candidates),
        "store": scaled(np.array([candidate.lexical for candidate in candidates]), lowest=0.0),
    }


def scaled(scores: Column, *, lowest: float | None = None) -> Column:
    """Min-max to 0…1; all zero where nothing tells them apart."""
    low = float(scores.min()) if lowest is None else lowest
    spread = float(scores.max()) - low
    return (scores - low) / spread if spread > 1e-9 else np.zeros_like(scores)


def _lexical(
    found: Frequencies,
    columns: dict[str, int],
    terms: Sequence[str],
    content: Sequence[str],
    related: dict[str, list[tuple[str, float]]],
) -> dict[str, Column]:
    size = len(found.lengths)
    all_terms, about = [columns[term] for term in terms], [columns[term] for term in content]
    idf = found.idf[about]
    window = np.zeros(size)
    for term, at in zip(content, about, strict=True):
        places, weights = [at], [float(found.idf[at])]
        for other, cosine in related.get(term, ()):
            place = columns[other]
            if found.window[:, place].any() and len(places) <= SYNONYMS:
                places.append(place)
                weights.append(SYNONYM_WEIGHT * cosine * float(min(found.idf[at], found.idf[place])))
        window += (found.window[:, places] * weights).max(axis=1)
    total = float(idf.sum())
    coverage = (found.window[:, about] > 0) @ idf / total if total else np.zeros(size)
    return {
        "terms": scaled(found.window[:, all_terms] @ found.idf[all_terms], lowest=0.0),
        "related": scaled(window, lowest=0.0),
        "coverage": coverage,
        # One word again and again is less than all words, and a little of everything less than much of it.
        "together": scaled(window, lowest=0.0) * coverage,
    }


def _dense(candidates: Sequence[Candidate], vector: NDArray[np.float32]) -> dict[str, Column]:
    own = np.array([candidate.similarity for candidate in candidates])
    around = directions([candidate.surroundings for candidate in candidates], len(vector))
    mean = around.mean(axis=0)
    apart = around - mean
    lengths = np.linalg.norm(apart, axis=1)
    centred = np.divide(apart @ (vector - mean), lengths, out=np.zeros_like(lengths), where=lengths > 1e-6)
    return {
        "similarity": scaled(own),
        # A fragment of an older version stands for itself.
        "around": scaled(np.where(around.any(axis=1), (around @ vector).astype(np.float64), own)),
        "around_centred": scaled(centred.astype(np.float64)),
    }


def _dates(question: Question, candidates: Sequence[Candidate]) -> dict[str, Column]:
    found = matches(question.times, [candidate.timestamp for candidate in candidates])
    return dict(zip(("period", "day"), found, strict=True))


def sessions(candidates: Sequence[Candidate]) -> NDArray[np.int64]:
    """The number of each one's session, shape (candidates,): of one conversation, without a long silence between."""
    order = sorted(range(len(candidates)), key=lambda at: (candidates[at].conversation_id, candidates[at].timestamp))
    session = np.zeros(len(candidates), dtype=np.int64)
    for before, at in pairwise(order):
        one, other = candidates[before], candidates[at]
        together = one.conversation_id == other.conversation_id and other.timestamp - one.timestamp <= SESSION_GAP
        session[at] = session[before] + (not together)
    return session


def _session(candidates: Sequence[Candidate], scores: Column) -> Column:
    """The best score of a candidate's session: what is said where the question was at home is worth more."""
    session = sessions(candidates)
    best = np.zeros(len(candidates))
    np.maximum.at(best, session, scores)
    return scaled(best[session])


def _asked(question: Question, candidates: Sequence[Candidate]) -> list[tuple[frozenset[str], bool]]:
    """For each candidate the terms of who speaks, person or model, and whether the question names one of them."""
    terms = set(question.terms)
    known: dict[tuple[str | None, str | None], tuple[frozenset[str], bool]] = {}
    for candidate in candidates:
        who = candidate.speaker, candidate.source_model
        if who not in known:
            names = index_terms(" ".join(name for name in who if name))
            own = frozenset(name for name in names if len(name) > 2 and name.isalpha())
            known[who] = own & terms, bool(own & terms)
    return [known[candidate.speaker, candidate.source_model] for candidate in candidates]


def _speaker(hits: Sequence[bool]) -> Column:
    """1 where who speaks is named in the question; nothing where all are, or nobody is."""
    return np.zeros(len(hits)) if all(hits) else np.array(hits, dtype=np.float64)


def _kind(question: Question, candidates: Sequence[Candidate]) -> dict[str, Column]:
    # Few kinds occur, however many candidates there are.
    known = {written: at for at, written in enumerate(dict.fromkeys(candidate.traits for candidate in candidates))}
    kinds = [frozenset(written.split()) for written in known]
    kind_of = [known[candidate.traits] for candidate in candidates]

    def have(*names: str) -> Column:
        return np.array([not kind.isdisjoint(names) for kind in kinds], dtype=np.float64)[kind_of]

    name = (have(traits.NAME, traits.NAMES) + have(traits.NAMES)) / 2
    return {
        "statement": 1 - have(traits.QUESTION),
        "first_person": have(traits.FIRST_PERSON),
        "event": have(traits.EVENT),
        "names": name,
        "time": have(traits.TIME),
        "when": have(traits.TIME) * question.when,
        "how_many": have(traits.NUMBER) * question.how_many,
        "who_or_where": name * question.who_or_where,
        "title": have(traits.TITLE) * question.title,
    }
