"""What each feature counts. Fitted by ``benchmarks/fit_ranking.py``; none is negative and together they make 1, so a
score is a weighted mean of 0…1."""

WEIGHTS: dict[str, float] = {
    "period": 0.089,
    "day": 0.089,
    "around": 0.085,
    "related": 0.078,
    "speaker": 0.072,
    "who_or_where": 0.07,
    "when": 0.07,
    "around_centred": 0.068,
    "session": 0.068,
    "together": 0.065,
    "length": 0.06,
    "title": 0.051,
    "coverage": 0.044,
    "how_many": 0.023,
    "names": 0.022,
    "statement": 0.019,
    "first_person": 0.018,
    "event": 0.009,
}
