"""Write the next migration of the catalog from what the tables of ``records.tables`` and the last one differ in.

``new_migration.py "add the speaker to chunks"`` compares on an empty SQLite catalog that has every earlier migration.
Read what comes out before you commit it: a rename looks like a drop and an add.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from aethergrid_pipelines.stores.migrations import alembic_config, catalog_head, upgrade_catalog


def main() -> int:
    if len(sys.argv) != 2 or not sys.argv[1].strip():
        sys.stderr.write('say what it does: make migration name="add the speaker to chunks"\n')
        return 2
    revision = f"{int(catalog_head()) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{Path(folder) / 'catalog.db'}")
        upgrade_catalog(engine)
        config = alembic_config()
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message=sys.argv[1].strip(), autogenerate=True, rev_id=revision)
        engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
