"""The servers that ``make services`` starts, as the environment names them before tests are isolated from it."""

import os

import pytest

SERVICE_VARIABLES = ("MONGODB_URL", "POSTGRES_URL", "REDIS_URL", "WEAVIATE_URL", "WEAVIATE_GRPC_PORT")
SERVICES = {name: os.environ[name] for name in SERVICE_VARIABLES if name in os.environ}


def service(variable: str) -> str:
    """The address of a real server, or a skip that says how to get one; a failure where all are required."""
    if variable in SERVICES:
        return SERVICES[variable]
    reason = f"{variable} is not set: `make services` starts the server and prints it"
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
