"""One short file for each asset, in flow order: raw_conversations … topic_stats."""

import warnings

# Dagster says so once for each asset, to everybody who loads the definitions; single-run backfills are what it advises.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`")
