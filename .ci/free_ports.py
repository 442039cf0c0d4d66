"""Print five neighbouring free ports on one line, for scripts/services.

Weaviate has the third, and takes four more from 10,000 above it; those are free too.
"""

import random
import socket
import sys


def free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def main() -> int:
    for _ in range(200):
        first = random.randrange(20_000, 30_000, 10)  # noqa: S311 (a port, not a secret)
        ports = range(first, first + 5)
        if all(free(port) for port in [*ports, *range(ports[2] + 10_000, ports[2] + 10_004)]):
            sys.stdout.write(" ".join(map(str, ports)) + "\n")
            return 0
    sys.stderr.write("no free ports between 20,000 and 40,000\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
