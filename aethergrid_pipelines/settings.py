"""Every setting, once.

Settings come from the environment or from a ``.env`` file in the working directory, by their public names. A URL that
is set selects the production store of that role; without one the embedded store under ``AETHERGRID_HOME`` serves.
"""

import datetime as dt
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PLACEHOLDER_SECRETS = frozenset({"changeme", "change-me", "change_me", "secret", "password", "your-api-key", "sk-..."})

LOCAL_EMBEDDING_MODEL = "all-MiniLM-L6-v2"


class Settings(BaseSettings):
    """Read once by :func:`load_settings`; raises ``pydantic.ValidationError`` that names the variable."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    environment: Literal["development", "production"] = Field("development", validation_alias="AETHERGRID_ENV")
    home: Path = Field(Path("~/.aethergrid"), validation_alias="AETHERGRID_HOME")
    models: Path | None = Field(None, validation_alias="AETHERGRID_MODELS")
    space: str = Field("default", validation_alias="AETHERGRID_SPACE", min_length=1, max_length=64)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    postgres_url: SecretStr | None = None
    mongodb_url: SecretStr | None = None
    mongodb_database: str = "aethergrid"
    weaviate_url: str | None = None
    weaviate_grpc_port: int = 50051
    weaviate_api_key: SecretStr | None = None
    redis_url: SecretStr | None = None

    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    anthropic_api_key: SecretStr | None = None

    capture_enabled: bool = True
    partition_start: dt.date = dt.date(2020, 1, 1)
    processing_batch_size: int = Field(256, ge=1, le=100_000)
    embedding_model: str = LOCAL_EMBEDDING_MODEL
    embedding_threads: int = Field(0, ge=0, le=256)
    vector_dimensions: int | None = Field(None, ge=1, le=65_536)

    api_host: str = "127.0.0.1"
    api_port: int = Field(8100, ge=1, le=65_535)

    @model_validator(mode="after")
    def _no_placeholders_in_production(self) -> Self:
        if self.environment == "production":
            for name in ("postgres_url", "mongodb_url", "redis_url", "openai_api_key", "anthropic_api_key"):
                value: SecretStr | None = getattr(self, name)
                if value is not None and _is_placeholder(value.get_secret_value()):
                    raise ValueError(f"{name.upper()} still holds a placeholder; set a real secret in production")
        return self

    @property
    def home_path(self) -> Path:
        """``AETHERGRID_HOME`` with ``~`` expanded; not created here."""
        return self.home.expanduser().resolve()

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
