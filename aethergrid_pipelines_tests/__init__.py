"""Mirrors the package. Contract tests run over every implementation of a protocol."""
