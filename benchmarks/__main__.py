"""List the benchmarks, and run the quick ones, each in a process of its own.

python -m benchmarks            the list, then the quick ones
python -m benchmarks NAME …     one of them, with its options
"""

import subprocess
import sys

# In the order of the list; the options make a quick run of a few minutes together, and None leaves a benchmark out.
BENCHMARKS: dict[str, tuple[str, list[str] | None]] = {
    "generate": ("what the generated conversations are like", []),
    "throughput": ("messages/s through the whole flow, and the share of the embedding", []),
    "staleness": ("cost of little or no change, by the size of the history", ["--messages", "1000,10000"]),
    "memory": ("peak memory of the flow by the size of the history; memory and start of the API",
               ["--messages", "2000,10000", "--real", "2000", "--dagster", "2000"]),
    "freshness": ("seconds from a posted message until a query finds it", ["--samples", "5"]),
    "locomo": ("evidence recall on LoCoMo conversations, whose files have to be named", None),
}  # fmt: skip


def run(name: str, options: list[str]) -> int:
    """Run one; its exit code."""
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], check=False).returncode


def main() -> None:
    """The command line."""
    name, *options = [*sys.argv[1:], ""]
    if name in BENCHMARKS:
        sys.exit(run(name, options[:-1]))
    if name:
        sys.exit(f"no benchmark {name}; there are {', '.join(BENCHMARKS)}")
    for known, (what, _) in BENCHMARKS.items():
        print(f"{known:12} {what}")
    failed = []
    for known, (_, quick) in BENCHMARKS.items():
        if quick is not None:
            print(f"\n{' '.join([known, *quick])}", flush=True)
            failed += [known] if run(known, quick) else []
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
