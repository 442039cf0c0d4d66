"""By which names a process may be asked, where no key says who asks.

A page in a browser can make its own host name lead to this machine (DNS rebinding) and is then, for the browser, of the
same origin as what listens here. The browser still says which name it asked for.
"""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import Scope

# RFC 9110, section 7.2: a name or an address, and perhaps a port.
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/?#@\[\]]+))(?::\d*)?")


class Hosts:
    """This machine's own names, and ``names``: those that settings give. Any port will do."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(_plain(_without_port(name) or name) for name in names)

    def has(self, name: str) -> bool:
        """Whether a name or an address (without brackets and port) is one of these."""
        return _is_loopback(_plain(name)) or _plain(name) in self._names

    def refusal(self, scope: Scope) -> str | None:
        """Why a request is refused for the name it came by; ``None`` if it is not. An address at which it arrived is
        as good as a name of this machine: an address leads nowhere else."""
        given = next((value for key, value in scope["headers"] if key == b"host"), b"").decode("latin-1")
        name = _without_port(given)
        if name and (self.has(name) or _is_address(name, (scope.get("server") or [""])[0])):
            return None
        return f"{name or 'nothing'} is not known as a name of this machine: if it is one, set ALLOWED_HOSTS to it"

    def origin(self, origin: str) -> bool:
        """Whether a page of this origin comes from one of these hosts, whatever its port."""
        try:
            return self.has(urlsplit(origin).hostname or "")
        except ValueError:
            return False


def _without_port(host: str) -> str:
    found = _HOST.fullmatch(host.strip())
    return (found[1] or found[2]) if found else ""


def _plain(name: str) -> str:
    return name.strip().lower().strip("[]").removesuffix(".")


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_address(name: str, arrived: str) -> bool:
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(arrived)
    except ValueError:
        return False
