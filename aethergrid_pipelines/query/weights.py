"""What each feature counts. Fitted by ``benchmarks/fit_ranking.py``; none is negative and together they make 1, so a
score is a weighted mean of 0…1."""

WEIGHTS: dict[str, float] = {
    "related": 0.124,
    "coverage": 0.114,
    "around": 0.099,
    "period": 0.094,
    "day": 0.093,
    "around_centred": 0.078,
    "speaker": 0.071,
    "who_or_where": 0.07,
    "when": 0.068,
    "length": 0.055,
    "title": 0.045,
    "names": 0.022,
    "how_many": 0.022,
    "statement": 0.018,
    "first_person": 0.017,
    "event": 0.01,
}
