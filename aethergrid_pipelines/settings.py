"""Every setting, once.

Settings come from the environment or from a ``.env`` file in the working directory, by their public names. A URL that
is set selects the production store of that role; without one the embedded store under ``AETHERGRID_HOME`` serves.
"""

from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PLACEHOLDER_SECRETS = frozenset({"changeme", "change-me", "change_me", "secret", "password", "your-api-key", "sk-..."})

SECRETS = (
    *("postgres_url", "mongodb_url", "redis_url"),
    *("openai_api_key", "anthropic_api_key", "gemini_api_key", "local_api_key", "answer_api_key", "api_key"),
)

LOCAL_EMBEDDING_MODEL = "all-MiniLM-L6-v2"


class Settings(BaseSettings):
    """Read once by :func:`load_settings`; raises ``pydantic.ValidationError`` that names the variable."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    environment: Literal["development", "production"] = Field("development", validation_alias="AETHERGRID_ENV")
    """`production` refuses placeholder secrets."""
    home: Path = Field(Path("~/.aethergrid"), validation_alias="AETHERGRID_HOME")
    """Where the embedded stores, Dagster's instance and the logs lie."""
    models: Path | None = Field(None, validation_alias="AETHERGRID_MODELS")
    """Where model files are kept; `models` in the home where it is not set."""
    space: str = Field("default", validation_alias="AETHERGRID_SPACE", min_length=1, max_length=64)
    """The memory (of a person, a team, a tenant) that is written and read where nobody names one."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """How much the processes say."""

    postgres_url: SecretStr | None = None
    """The catalog on PostgreSQL: `postgresql://user:password@host:port/database`."""
    mongodb_url: SecretStr | None = None
    """The conversations on a MongoDB replica set: `mongodb://host:port/?replicaSet=rs0`."""
    mongodb_database: str = "aethergrid"
    """The database on it."""
    weaviate_url: str | None = None
    """The vectors on Weaviate: `http://host:port`."""
    weaviate_grpc_port: int = 50051
    """Its gRPC port, on the same host."""
    weaviate_api_key: SecretStr | None = None
    """Its API key, where it asks for one."""
    redis_url: SecretStr | None = None
    """Cache, rate limits and messages between processes: `redis://:password@host:port/0`."""

    cache_seconds: int = Field(300, ge=0, le=86_400)
    """How long an answer is kept at most; it goes earlier when the index changes. 0: every question is searched for."""
    cache_mb: int = Field(64, ge=1, le=16_384)
    """How many MiB of answers each process keeps, beside those that Redis keeps for all."""

    openai_api_key: SecretStr | None = None
    """The key of the OpenAI-compatible service that embeds."""
    openai_base_url: str | None = None
    """Its address, where it is not OpenAI's own."""
    anthropic_api_key: SecretStr | None = None
    """The key for Anthropic's models."""
    anthropic_base_url: str = Field("https://api.anthropic.com", pattern=r"^https?://")
    """Where these are, for `aethergrid adapters`."""
    gemini_api_key: SecretStr | None = None
    """The key for Google's Gemini."""
    gemini_base_url: str = Field("https://generativelanguage.googleapis.com/v1beta/openai", pattern=r"^https?://")
    """Its OpenAI-compatible endpoint."""
    local_base_url: str = Field("http://127.0.0.1:11434/v1", pattern=r"^https?://")
    """A server of models of one's own that speaks OpenAI's interface: Ollama, vLLM, LM Studio."""
    local_api_key: SecretStr | None = None
    """Its key, where it asks for one."""
    adapter_models: str | None = Field(None, pattern=r"^\s*[^=,]+=[^=,]+(,[^=,]+=[^=,]+)*\s*$")
    """Which model each adapter means, where it is not its own choice: `claude=claude-opus-4-5,local=qwen3:8b`."""

    answer_model: str | None = Field(None, min_length=1, max_length=512)
    """The model that answers questions, as its service calls it: `gpt-5`, `claude-sonnet-4-5`, `llama3.2`."""
    answer_base_url: str | None = Field(None, pattern=r"^https?://")
    """Its service, where it is neither OpenAI's nor Anthropic's own: `http://127.0.0.1:11434/v1` for Ollama."""
    answer_api_key: SecretStr | None = None
    """The key of that service, where it asks for one."""
    answer_provider: Literal["openai", "anthropic"] | None = None
    """Whose API it speaks; without it, Anthropic's to `claude-…` at Anthropic, else OpenAI's."""
    answer_max_tokens: int = Field(1_024, ge=1, le=100_000)
    """How many tokens an answer may have."""
    answer_context_tokens: int = Field(4_000, ge=0, le=10_000_000)
    """How many tokens of passages the model is given, where a question does not say."""
    answer_timeout: float = Field(60.0, gt=0.0, le=3_600.0)
    """How many seconds an answer may take, further attempts included."""

    capture_enabled: bool = True
    """Whether the API accepts conversations."""
    watch_folders: str | None = None
    """Folders that `aethergrid watch` follows beside those of known tools, separated as in PATH."""
    archive_transcripts: bool = True
    """Whether `aethergrid watch` keeps copies of what it follows, for when the tool deletes it."""
    redact_secrets: bool = True
    """Whether keys, tokens and passwords are taken out of what is captured before it is stored, or only counted."""
    spool_max_mb: int = Field(1_024, ge=8, le=1_048_576)
    """How many MiB of captured messages may wait on the disk while the conversation store is down."""
    spool_when_full: Literal["reject", "drop-oldest"] = "reject"
    """What happens then: `reject` refuses what comes in, `drop-oldest` gives up what has waited longest."""
    processing_batch_size: int = Field(1_536, ge=1, le=100_000)
    """How many messages or chunks a step takes at once, whole conversations together: it bounds memory."""
    embedding_model: str = LOCAL_EMBEDDING_MODEL
    """The local model, or the name of one that the OpenAI-compatible service offers."""
    embedding_threads: int = Field(0, ge=0, le=256)
    """Threads of the local model; 0 is one per core."""
    evaluation_questions: Path | None = None
    """Judged questions for the nightly check of recall; without it, `samples/questions.jsonl`, which shows the form."""
    vector_collection: str = Field("IntelligenceFragment", pattern=r"^[A-Z][A-Za-z0-9_]{0,63}$")
    """The public name of the collection, for several installations on one Weaviate."""
    vector_dimensions: int | None = Field(None, ge=1, le=65_536)
    """The vector's length, where the model offers several; has to fit the model."""

    api_host: str = "127.0.0.1"
    """The address on which the API listens."""
    api_port: int = Field(8100, ge=1, le=65_535)
    """Its port."""
    api_key: SecretStr | None = None
    """What every request to the API but `/api/health` then has to carry (`Authorization: Bearer` or `X-API-Key`)."""

    allowed_hosts: str | None = Field(None, pattern=r"^\s*[^\s,/@]+(\s*,\s*[^\s,/@]+)*\s*$")
    """Names beside its own by which this machine may be asked where no key is set: `memory.lan,192.168.1.5`."""

    mcp_port: int = Field(8120, ge=1, le=65_535)
    """The port of `aethergrid mcp --http`, which listens on `API_HOST` and asks for `API_KEY`."""

    dagster_url: str = Field("http://localhost:3000", pattern=r"^https?://")
    """Where a browser reaches Dagster's UI, for links of the API's page."""

    proxy_host: str = "127.0.0.1"
    """The address on which the capturing proxy listens."""
    proxy_port: int = Field(8110, ge=1, le=65_535)
    """Its port."""
    proxy_openai_upstream: str = "https://api.openai.com"
    """Where it sends what OpenAI's clients ask: scheme and host, also of Ollama, vLLM, LM Studio, Gemini."""
    proxy_anthropic_upstream: str = "https://api.anthropic.com"
    """Where it sends what Anthropic's clients ask."""
    proxy_context_tokens: int = Field(0, ge=0, le=1_000_000)
    """How many tokens of remembered context it adds to requests that do not say (`X-AetherGrid-Context`); 0: none."""
    proxy_context_timeout: float = Field(1.0, gt=0.0, le=60.0)
    """How many seconds a request waits for that; then it goes on without."""
    proxy_context_url: str | None = Field(None, pattern=r"^https?://")
    """The API that it asks, with `API_KEY`; without it, that of `API_HOST` and `API_PORT`."""

    @model_validator(mode="after")
    def _no_placeholders_in_production(self) -> Self:
        if self.environment == "production":
            for name in SECRETS:
                value: SecretStr | None = getattr(self, name)
                if value is not None and _is_placeholder(value.get_secret_value()):
                    raise ValueError(f"{name.upper()} still holds a placeholder; set a real secret in production")
        return self

    @property
    def home_path(self) -> Path:
        """``AETHERGRID_HOME`` with ``~`` expanded; not created here."""
        return self.home.expanduser().resolve()

    @property
    def models_of_adapters(self) -> dict[str, str]:
        """``ADAPTER_MODELS`` by the adapter's name."""
        pairs = (pair.partition("=") for pair in (self.adapter_models or "").split(",") if pair.strip())
        return {name.strip(): model.strip() for name, _, model in pairs}

    @property
    def allowed_host_names(self) -> list[str]:
        """``ALLOWED_HOSTS``, one by one."""
        return [name.strip() for name in (self.allowed_hosts or "").split(",") if name.strip()]

    @property
    def models_path(self) -> Path:
        """Where model files are kept: ``AETHERGRID_MODELS``, else ``models`` in the home; not created here."""
        return self.models.expanduser().resolve() if self.models is not None else self.home_path / "models"


def _is_placeholder(secret: str) -> bool:
    password = secret.split("://", 1)[-1].rsplit("@", 1)[0].rsplit(":", 1)[-1] if "@" in secret else secret
    return password.strip().lower() in PLACEHOLDER_SECRETS


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The settings of this process."""
    return Settings()
