"""views for dashboards"""

from alembic import op

from aethergrid_pipelines.stores.schema import sql_folder

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

VIEWS = ("topic_stats_daily", "step_progress")


def upgrade() -> None:
    for view in VIEWS:
        query = (sql_folder("views") / f"{view}.sql").read_text(encoding="utf-8")
        op.execute(f"CREATE VIEW {view} AS {query}")


def downgrade() -> None:
    for view in VIEWS:
        op.execute(f"DROP VIEW {view}")
