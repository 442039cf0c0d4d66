"""What the page's tests search: a few conversations with several models, one of which means harm."""

import json
from collections.abc import Iterator
from typing import Any

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> marzipan"
HOSTILE_TITLE = "<b onmouseover=alert(1)>Marzipan</b>"

POOL = [
    ("user", "Why does the checkout service run out of database connections at noon?", None),
    ("assistant", "The pool holds ten connections, and each request leaks one when it times out.", "gpt-5"),
    ("user", "How do we fix the leak?", None),
    (
        "assistant",
        "Close it in a `finally` block:\n\n```python\nfinally:\n    connection.close()\n```\n\n**Then** measure.",
        "gpt-5",
    ),
]
POSTCODES = [
    ("user", "Which regular expression matches Dutch postcodes?", None),
    ("assistant", "`^[1-9][0-9]{3} ?[A-Z]{2}$` matches them, with or without the space.", "gemini-2.5-pro"),
]
MARZIPAN = [("user", f"What is {HOSTILE} made of?", None), ("assistant", f"Almonds and sugar. {HOSTILE}", "qwen2.5-7b")]
LONG = [
    ("user" if number % 2 == 0 else "assistant", f"Turn {number} of the long walk past lighthouse {number}.",
     None if number % 2 == 0 else "claude-sonnet-4-5")
    for number in range(260)
]  # fmt: skip


def _records() -> Iterator[dict[str, Any]]:
    told = [
        ("pool", "Connections", "2026-10-05", POOL),
        ("postcodes", "Postcodes", "2026-10-07", POSTCODES),
        ("marzipan", HOSTILE_TITLE, "2026-10-08", MARZIPAN),
        ("walk", "A long walk", "2026-10-09", LONG),
    ]
    for conversation, title, day, turns in told:
        for number, (role, content, model) in enumerate(turns):
            at = f"{day}T{9 + number // 60:02}:{number % 60:02}:00Z"
            record = {"conversation": conversation, "id": f"{conversation}-{number}", "timestamp": at, "role": role}
            yield {**record, "content": content, "title": title, **({"model": model} if model else {})}


CONVERSATIONS = "\n".join(json.dumps(record) for record in _records())
