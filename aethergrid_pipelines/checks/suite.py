"""Runs a Great Expectations suite over a DataFrame and turns the outcome into an asset check result.

Importing Great Expectations takes seconds, so it happens here and nowhere else, once a run.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.expectations import Expectation


def validate(name: str, frame: "pd.DataFrame", expectations: "Sequence[Expectation]") -> dg.AssetCheckResult:
    """The result of all expectations on one frame; ``failed`` in its metadata names what did not hold.

    Examples of offending values are ids and figures: frames carry no text of messages.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe(name).get_batch({"dataframe": frame})
    result = batch.validate(gx.ExpectationSuite(name=name, expectations=list(expectations)))
    failed = [_describe(outcome) for outcome in result.results if not outcome.success]
    return dg.AssetCheckResult(
        passed=bool(result.success),
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(item["expectation"] for item in failed) or None,
        metadata={
            "rows": len(frame),
            "expectations": len(result.results),
            "failed": dg.MetadataValue.json(failed),
        },
    )


def _describe(outcome: Any) -> dict[str, Any]:
    config, found = outcome.expectation_config, outcome.result or {}
    arguments = {key: value for key, value in config.kwargs.items() if key != "batch_id"}
    return {
        "expectation": f"{config.type}({', '.join(f'{key}={value}' for key, value in arguments.items())})",
        "observed": str(found.get("observed_value", found.get("unexpected_count", ""))),
        "examples": [str(value) for value in found.get("partial_unexpected_list", [])[:5]],
        "error": (outcome.exception_info or {}).get("exception_message"),
    }
