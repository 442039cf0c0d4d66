"""What generated sentences are made of: about as many distinct words as a software team uses in a week."""


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split(";"))


OPENINGS = _phrases(
    """
    Yesterday; In staging; As far as I can see; After the deploy; On Monday; In the second run; Locally;
    According to the trace; Under load; Since the upgrade; In the worst case; For most tenants; At night; With
    the new index; Before the migration; During the incident; In the log; Against production data; When nobody
    is writing; With caching switched off; For a customer in Utrecht; By default; This morning; If I read the
    plan right; Contrary to the ticket; On two of three nodes; After a restart; In short
    """
)

SUBJECTS = _phrases(
    """
    the address matching job; the shipment tracker; our connection pool; the nightly export; the webhook queue;
    a stale feature flag; the retry policy; the invoice renderer; the search service; the partition planner; the
    rate limiter; an orphaned lock; the vector index; the billing ledger; the mobile client; the parser; the
    session store; one slow replica; the backfill; the change feed; the permissions check; the worker; the date
    picker; the label printer; the customs form; a forgotten cron entry; the schema registry; the blue
    deployment; the cursor; the thumbnail service; the event bus; the route optimiser; the cache; the test
    harness; a race in the scheduler; the onboarding mail; the audit table; the currency converter
    """
)

ACTIONS = _phrases(
    """
    drops; reads twice; silently retries; waits for; overwrites; compares; misses; rebuilds; splits; no longer
    sees; holds on to; sorts; merges; rejects; leaks; forwards; truncates; validates; times out on; locks;
    copies; indexes; batches; ignores; rounds; duplicates; warms up; hides; skips; encrypts; measures;
    allocates; flushes; renames; throttles; serialises; invalidates
    """
)

OBJECTS = _phrases(
    """
    every second page; the whole result set; the oldest snapshot; rows without a postcode; the primary key; half
    of the messages; the retry budget; expired tokens; the write-ahead log; an empty batch; the header; time
    zones; the manifest; partial refunds; the idempotency key; pending parcels; the trailing comma; the join
    order; foreign keys; the memory limit; duplicate events; the tail of the file; the quota; rounding errors;
    the fallback locale; archived orders; the open cursor; temporary files; two columns; the health probe;
    unsigned requests; the search filter; the delivery window; nested lists; the lease
    """
)

CLAUSES = _phrases(
    """
    because the timeout is {} ms; and {} rows are affected; until ticket {} is done; which took {} seconds; so
    we rolled back build {}; although only {} users noticed; as commit {} intended; once in {} requests; at
    about {} messages a second; while shard {} is rebalanced; unless the limit is raised to {}; and port {}
    stays open; as the dashboard showed at {}; which explains the {} missing parcels; with a batch size of {};
    for order {} only; but not in version {}; since line {} was changed
    """
)

CODE = (
    "def page(cursor: int = {}) -> list[Row]:\n    rows = query(after=cursor)\n    return rows or []",
    "for attempt in range(3):\n    if send(batch, timeout={}):\n        break\nelse:\n    raise Unreachable",
    "LIMIT = {}\nrows = [row for row in rows if row.size < LIMIT]\nassert rows, 'nothing left'",
    "with pool.connection() as connection:\n    connection.execute(STATEMENT, [{}])\n    connection.commit()",
    "class Retry:\n    budget = {}\n\n    def wait(self, attempt: int) -> float:\n        return min(2**attempt, 30)",
)
