"""The servers that ``make services`` starts, as the environment names them before tests are isolated from it."""

import os
from typing import NoReturn

import pytest

SERVICE_VARIABLES = ("MONGODB_URL", "POSTGRES_URL", "REDIS_URL", "WEAVIATE_URL", "WEAVIATE_GRPC_PORT")
SERVICES = {name: os.environ[name] for name in SERVICE_VARIABLES if name in os.environ}


def service(variable: str) -> str:
    """The address of a real server, or a skip that says how to get one; a failure where all are required."""
    if variable not in SERVICES:
        missing(f"{variable} is not set: `make services` starts the server and prints it")
    return SERVICES[variable]


def missing(reason: str) -> NoReturn:
    """Skip a test that cannot run here, with a reason that says how it could; fail it where everything is required."""
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
