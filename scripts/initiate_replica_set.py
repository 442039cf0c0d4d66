"""Make a mongod that was started with ``--replSet rs0`` the primary of that set: ``initiate_replica_set.py PORT``.

Idempotent. Ends with 1 when the server is not primary after 30 seconds.
"""

import sys
import time
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

ALREADY_INITIALIZED = 23
"""https://www.mongodb.com/docs/manual/reference/error-codes/"""


def main() -> int:
    port = int(sys.argv[1])
    member = {"_id": 0, "host": f"127.0.0.1:{port}"}
    with MongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True) as client:
        try:
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
        except OperationFailure as error:
            if error.code != ALREADY_INITIALIZED:
                raise
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if client.admin.command("hello").get("isWritablePrimary"):
                return 0
            time.sleep(0.2)
    sys.stderr.write(f"mongod on port {port} did not become primary within 30 s\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
