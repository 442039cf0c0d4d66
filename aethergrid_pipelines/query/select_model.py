"""Which model ``ANSWER_MODEL`` means."""

from typing import Literal

from aethergrid_pipelines.query.anthropic_model import AnthropicModel
from aethergrid_pipelines.query.language_model import LanguageModel, NoModel
from aethergrid_pipelines.query.openai_model import OpenAiModel
from aethergrid_pipelines.settings import Settings

HOW = (
    "Set ANSWER_MODEL and a key: gpt-… with OPENAI_API_KEY, claude-… with ANTHROPIC_API_KEY; or ANSWER_MODEL and "
    "ANSWER_BASE_URL for a server of your own, as http://127.0.0.1:11434/v1 for Ollama (docs/answers.md)"
)


def open_model(settings: Settings) -> LanguageModel:
    """The model of ``settings``. Nothing is sent before its first use.

    A server of one's own is only ever sent ANSWER_API_KEY. Raises :class:`NoModel`.
    """
    model = settings.answer_model
    if model is None:
        raise NoModel(f"no model is configured to answer. {HOW}")
    provider = provider_of(settings)
    base_url, key = settings.answer_base_url, settings.answer_api_key
    if base_url is None:
        known = {"openai": settings.openai_api_key, "anthropic": settings.anthropic_api_key}
        key = key or known[provider]
        base_url = settings.openai_base_url if provider == "openai" else None
    if key is None and base_url is None:
        raise NoModel(f"{model} needs a key, and {provider.upper()}_API_KEY is not set. {HOW}")
    opening = AnthropicModel if provider == "anthropic" else OpenAiModel
    return opening(model, base_url=base_url, api_key=key, timeout=settings.answer_timeout)


def provider_of(settings: Settings) -> Literal["openai", "anthropic"]:
    """Whose protocol is spoken: as set, else Anthropic's to Claude where no other server is named."""
    if settings.answer_provider is not None:
        return settings.answer_provider
    claude = (settings.answer_model or "").startswith("claude")
    return "anthropic" if claude and settings.answer_base_url is None else "openai"
