"""Pictures in metadata are well-formed, whatever the labels are."""

import base64
from xml.etree import ElementTree

import pytest

from aethergrid_pipelines.assets.plots import bar_chart


@pytest.mark.parametrize("bars", [[], [("a", 0.0)], [("<b> & 'c'", 3.0), ("日本語", 1.0)]])
def test_a_chart_has_a_bar_for_each_value(bars: list[tuple[str, float]]) -> None:
    text = bar_chart("what there is", bars)
    assert text.startswith("![what there is](data:image/svg+xml;base64,")
    svg = ElementTree.fromstring(base64.b64decode(text.rpartition(",")[2].rstrip(")")))
    names = [element.tag.rpartition("}")[2] for element in svg]
    assert names.count("rect") == len(bars)
    assert [element.text for element in svg][1::3] == [label for label, _ in bars]
