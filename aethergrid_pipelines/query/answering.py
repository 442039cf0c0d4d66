"""Answers from the memory: a question in, a cited text out."""

import contextlib
import time
from collections.abc import Generator
from typing import Literal

from aethergrid_pipelines.query.answer_prompt import UNKNOWN, answer_prompt, says_unknown
from aethergrid_pipelines.query.answer_records import AnswerRequest, AnswerResponse, Delta, Given, Usage
from aethergrid_pipelines.query.citations import Citations
from aethergrid_pipelines.query.contextual import Packer
from aethergrid_pipelines.query.language_model import Finished, LanguageModel
from aethergrid_pipelines.query.pack_records import Pack, PackRequest


class Answerer:
    """Thread-safe. ``packer`` stays the caller's; :meth:`close` closes ``model``. ``token_budget`` is for requests that
    name none, ``max_tokens`` what no answer has more of."""

    def __init__(self, packer: Packer, model: LanguageModel, *, token_budget: int, max_tokens: int) -> None:
        self._packer = packer
        self._model = model
        self._token_budget = token_budget
        self._max_tokens = max_tokens

    def answer(self, request: AnswerRequest) -> AnswerResponse:
        """The whole answer. Raises what a search raises, and ``ModelFailure``."""
        answers = [step for step in self.stream(request) if isinstance(step, AnswerResponse)]
        return answers[-1]

    def stream(self, request: AnswerRequest) -> Generator[Delta | AnswerResponse, None, None]:
        """The answer as it is written, then all of it; the last one holds, also where it differs from what was written
        before. Closing the iterator ends the request to the model. Raises as :meth:`answer` does, in the middle too."""
        name = request.model or self._model.name
        started = time.perf_counter()
        pack = self._packed(request, name)
        took = {"pack": _milliseconds(started)}
        if not pack.items:
            yield _unknown(pack, "empty", took)
            return
        most = min(request.max_tokens or self._max_tokens, self._max_tokens)
        prompt = answer_prompt(request.query, pack.text, model=name, max_tokens=most)
        citations = Citations(len(pack.items))
        written = ""
        finished = Finished(cut=False)
        with contextlib.closing(self._model.stream(prompt)) as pieces:
            for piece in pieces:
                if isinstance(piece, Finished):
                    finished = piece
                    text = citations.end()
                else:
                    took.setdefault("firstWord", _milliseconds(started))
                    text = citations.feed(piece)
                if text:
                    written += text
                    yield Delta(text=text)
        took["total"] = _milliseconds(started)
        yield _answer(written.strip(), citations, finished, model=name, pack=pack, took=took)

    def close(self) -> None:
        """Close the model; idempotent."""
        self._model.close()

    def _packed(self, request: AnswerRequest, model: str) -> Pack:
        budget = self._token_budget if request.token_budget is None else request.token_budget
        return self._packer.pack(
            PackRequest(
                task=request.query,
                token_budget=budget,
                model=model,
                filters=request.filters,
                min_similarity=request.min_similarity,
                recency_half_life_days=request.recency_half_life_days,
                numbered=True,
            )
        )


def _answer(
    text: str, citations: Citations, finished: Finished, *, model: str, pack: Pack, took: dict[str, float]
) -> AnswerResponse:
    usage = Usage(input_tokens=finished.input_tokens, output_tokens=finished.output_tokens)
    asked = {"model": model, "usage": usage, "cut": finished.cut}
    if says_unknown(text):
        return _unknown(pack, "unsupported", took).model_copy(update=asked)
    if not citations.cited:
        return _unknown(pack, "uncited", took).model_copy(update=asked)
    return AnswerResponse(
        answer=text,
        answered=True,
        citations=[item for item in pack.items if item.number in citations.cited],
        cut=finished.cut,
        model=model,
        usage=usage,
        given=_given(pack),
        took_ms=took,
    )


def _unknown(pack: Pack, reason: Literal["empty", "unsupported", "uncited"], took: dict[str, float]) -> AnswerResponse:
    return AnswerResponse(
        answer=UNKNOWN,
        answered=False,
        reason=reason,
        citations=[],
        cut=False,
        model=None,
        usage=None,
        given=_given(pack),
        hint=pack.hint,
        took_ms=took,
    )


def _given(pack: Pack) -> Given:
    return Given(
        tokens=pack.tokens, token_budget=pack.token_budget, counted_by=pack.counted_by, passages=len(pack.items)
    )


def _milliseconds(since: float) -> float:
    return round((time.perf_counter() - since) * 1_000, 2)
