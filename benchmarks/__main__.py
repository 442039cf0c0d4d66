"""List the benchmarks, and run the quick ones, each in a process of its own.

python -m benchmarks            the list, then the quick ones
python -m benchmarks NAME …     one of them, with its options
"""

import ast
import subprocess
import sys
from pathlib import Path

QUICK: dict[str, list[str]] = {
    "generate": [],
    "throughput": [],
    "staleness": ["--messages", "1000,10000"],
    "memory": ["--messages", "2000,10000", "--real", "2000", "--dagster", "2000"],
    "freshness": ["--samples", "5"],
}
"""Options with which a benchmark takes a minute or two."""


def benchmarks() -> dict[str, str]:
    """The modules of this folder that have a command line, with the first line of their docstrings."""
    found = {}
    for file in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        module = ast.parse(file.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in module.body):
            found[file.stem] = (ast.get_docstring(module) or "").split("\n")[0]
    return found


def run(name: str, options: list[str]) -> int:
    """Run one; its exit code."""
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], check=False).returncode


def main() -> None:
    """The command line."""
    known = benchmarks()
    if len(sys.argv) > 1:
        name, options = sys.argv[1], sys.argv[2:]
        sys.exit(run(name, options) if name in known else f"no benchmark {name}; there are {', '.join(known)}")
    for name, what in known.items():
        print(f"{name:14} {what}")
    failed = []
    for name, options in QUICK.items():
        print(f"\npython -m benchmarks {' '.join([name, *options])}", flush=True)
        failed += [name] if run(name, options) else []
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
