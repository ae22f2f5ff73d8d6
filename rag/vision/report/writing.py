"""Puts findings into pages. Whatever a collection says is escaped."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined

from rag.errors import OlharError
from rag.images import thumbnail, working_picture
from rag.vision.fairness.types import Fairness
from rag.vision.quality.types import Quality
from rag.vision.report import plots

Picture: TypeAlias = Callable[[str], bytes]
"""The thumbnail of the item with an id. Raises OlharError when it cannot be had."""
ON_THE_MAP: Final = 44
LARGE: Final = 120
"""Pixels of the longer side."""
MAX_PIXELS: Final = 4_000_000
"""Of a thumbnail."""

_pages = Environment(
    loader=PackageLoader("rag.vision.report", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def quality_page(quality: Quality, picture: Picture) -> str:
    """The page about the vectors of a collection. A picture that cannot be had is left out."""
    shown = [outlier.item_id for outlier in quality.outliers] + [
        cluster.example for cluster in quality.clusters.clusters
    ]
    small = embedded([point.item_id for point in quality.map], picture, ON_THE_MAP)
    large = embedded(shown, picture, LARGE)
    return _pages.get_template("quality.html").render(
        title=f"Vectors of {quality.collection}", quality=quality, plots=plots, small=small, large=large
    )


def fairness_page(fairness: Fairness) -> str:
    """The page of an audit. It shows no pictures."""
    return _pages.get_template("fairness.html").render(
        title=f"Fairness of {fairness.collection}", fairness=fairness, plots=plots
    )


def embedded(item_ids: list[str], picture: Picture, side: int) -> dict[str, str]:
    """``data:`` URLs of pictures, by the id of their item; without those that cannot be had."""
    found = {}
    for item_id in dict.fromkeys(item_ids):
        try:
            pixels = working_picture(picture(item_id), max_pixels=MAX_PIXELS).pixels
        except OlharError:
            continue
        found[item_id] = "data:image/webp;base64," + base64.b64encode(thumbnail(pixels, side)).decode()
    return found
