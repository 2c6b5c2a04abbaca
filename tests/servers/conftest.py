"""Fixtures for the tests of the bundled servers."""

import socket

import pytest


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens; bound once, so that the system does not hand it out soon."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
