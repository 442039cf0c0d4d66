"""The SDK's own client, for tests that are no coroutines."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from mcp import Client
from mcp_types import CallToolResult, TextContent

from aethergrid_pipelines.mcp_server.server import MemoryServer


def with_client(client: Client, use: Callable[[Client], Awaitable[Any]]) -> Any:
    """What ``use`` returns of the connected client."""

    async def main() -> Any:
        async with client:
            return await use(client)

    return anyio.run(main)


def call(server: MemoryServer, name: str, **arguments: Any) -> CallToolResult:
    """Call a tool in this process."""

    async def use(client: Client) -> CallToolResult:
        return await client.call_tool(name, arguments)

    found: CallToolResult = with_client(Client(server), use)
    return found


def answer(server: MemoryServer, name: str, **arguments: Any) -> dict[str, Any]:
    """The structured content of a call that has to succeed."""
    result = call(server, name, **arguments)
    assert not result.is_error, text(result)
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def problem(server: MemoryServer, name: str, **arguments: Any) -> str:
    """What a call that has to fail tells the model."""
    result = call(server, name, **arguments)
    assert result.is_error
    return text(result)


def text(result: CallToolResult) -> str:
    """The text of a result."""
    return "".join(part.text for part in result.content if isinstance(part, TextContent))
