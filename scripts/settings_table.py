"""The table of settings in the README, from :class:`aethergrid_pipelines.settings.Settings`.

``settings_table.py --write`` puts it there; a test says so when it is out of date.
"""

import sys
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from aethergrid_pipelines.settings import Settings

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- settings: make docs -->\n", "<!-- end of settings -->"


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable of a field."""
    return field.validation_alias if isinstance(field.validation_alias, str) else name.upper()


def default(field: FieldInfo) -> str:
    """A field's default as one types it; nothing where there is none."""
    if field.default is None or field.default is PydanticUndefined:
        return ""
    value = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    return f"`{value}`"


def table() -> str:
    """The Markdown table, one line per setting in the order of the class."""
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    lines += [
        f"| `{variable(name, field)}` | {default(field)} | {field.description or ''} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(lines) + "\n"


def with_table(page: str) -> str:
    """``page`` with the table between its two markers; raises ``ValueError`` where it lacks one."""
    head, found, rest = page.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not (found and ended):
        raise ValueError("README.md lacks the markers of the settings table")
    return f"{head}{BEGIN}{table()}{END}{tail}"


if __name__ == "__main__":
    if "--write" in sys.argv:
        README.write_text(with_table(README.read_text()))
    else:
        sys.stdout.write(table())
