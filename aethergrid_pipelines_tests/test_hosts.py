"""By which names a process may be asked."""

import pytest

from aethergrid_pipelines.hosts import Hosts


def refused(host: str | None, *, arrived: str = "127.0.0.1", names: tuple[str, ...] = ()) -> bool:
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    return Hosts(names).refusal({"type": "http", "headers": headers, "server": (arrived, 8100)}) is not None


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:8100", "localhost.", "127.0.0.1:8100", "127.8.9.1", "[::1]", "[::1]:8100", "[0:0::1]:1"],
)
def test_this_machine_is_known_by_its_own_names(host: str) -> None:
    assert not refused(host)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        ":8100",
        "attacker.example",
        "attacker.example:8100",
        "127.0.0.1.attacker.example",
        "localhost.attacker.example",
        "localhost@attacker.example",
        "attacker.example@localhost",
        "attacker.example/localhost",
        "localhost,attacker.example",
        "127.0.0.1 attacker.example",
        "[attacker.example]",
        "192.168.1.5:8100",
        "0.0.0.0",
        "memory.lan",
        "örtlich",
    ],
)
def test_other_names_are_refused(host: str | None) -> None:
    assert refused(host)


@pytest.mark.parametrize("host", ["memory.lan", "MEMORY.lan.:8100", "192.168.1.5:81", "[fd00::5]:81"])
def test_names_that_settings_give_are_known_with_any_port(host: str) -> None:
    assert not refused(host, names=("Memory.lan:8100", "192.168.1.5", "fd00::5"))
    assert not refused(host, names=("memory.lan.", "192.168.1.5:8100", "[fd00::5]:8100"))


@pytest.mark.parametrize(
    ("host", "arrived"),
    [("192.168.1.5:8100", "192.168.1.5"), ("[fd00:0::5]:8100", "fd00::5"), ("10.0.0.1", "10.0.0.1")],
)
def test_the_address_at_which_a_request_arrives_is_known(host: str, arrived: str) -> None:
    assert not refused(host, arrived=arrived)


def test_a_name_is_not_known_because_the_server_repeats_it() -> None:
    assert refused("attacker.example", arrived="attacker.example")


def test_a_socket_without_an_address_knows_the_same_names() -> None:
    scope = {"type": "http", "headers": [(b"host", b"attacker.example")], "server": None}

    assert "ALLOWED_HOSTS" in str(Hosts([]).refusal(scope))


@pytest.mark.parametrize(
    ("origin", "known"),
    [
        ("http://localhost:3000", True),
        ("https://[::1]", True),
        ("http://memory.lan:8100", True),
        ("null", False),
        ("", False),
        ("http://[", False),
        ("https://attacker.example", False),
        ("http://localhost.attacker.example", False),
        ("chrome-extension://abc", False),
    ],
)
def test_pages_are_known_by_their_hosts(origin: str, known: bool) -> None:
    assert Hosts(["memory.lan"]).origin(origin) is known
