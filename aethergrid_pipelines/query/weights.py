"""What each feature counts. Fitted by ``benchmarks/fit_ranking.py``; none is negative and together they make 1, so a
score is a weighted mean of 0…1."""

WEIGHTS: dict[str, float] = {
    "period": 0.112,
    "around": 0.095,
    "day": 0.094,
    "related": 0.074,
    "together": 0.073,
    "speaker": 0.073,
    "who_or_where": 0.073,
    "session": 0.069,
    "when": 0.069,
    "around_centred": 0.068,
    "title": 0.047,
    "coverage": 0.041,
    "how_many": 0.024,
    "length": 0.022,
    "names": 0.021,
    "first_person": 0.018,
    "statement": 0.017,
    "event": 0.01,
}
