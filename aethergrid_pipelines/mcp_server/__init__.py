"""The memory for any client that speaks the Model Context Protocol (https://modelcontextprotocol.io).

Tools and resources are a thin edge over ``query/``, ``capture/`` and ``flow/``, as the routes of ``api/`` are. What
imports the SDK is imported by who serves: that takes a second.
"""
