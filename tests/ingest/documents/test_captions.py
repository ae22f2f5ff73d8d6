"""Captions are told from sentences about figures, in several languages."""

from __future__ import annotations

import pytest

from ingest.documents.captions import is_caption, mentions, number, split_captions


@pytest.mark.parametrize(
    "text",
    [
        "Figure 3: The bridge",
        "Figure 7-26. Self-locking nuts.",
        "Figure 1-2 Existing controls",
        "Fig. 4. Polarisation",
        "FIGURE 2 — The engine",
        "Abb. 2.1: Der Torus",
        "Abbildung 1.9: Kurve",
        "Figura 4 – A ponte",
        "Gráfico 12: Vendas",
        "Imagem 3. O porto",
        "図 3: 橋",
    ],
)
def test_captions(text: str) -> None:
    assert is_caption(text)


@pytest.mark.parametrize(
    "text",
    [
        "Figure 3 shows the bridge.",
        "Abbildung 1.8a veranschaulicht diesen Raum.",
        "As Figure 3: shows",
        "Figures are fine.",
        "Table 3: Costs",
        "Figure 3",
        "Figure 3: " + "x" * 1000,
    ],
)
def test_no_captions(text: str) -> None:
    assert not is_caption(text)


def test_captions_side_by_side_are_parted() -> None:
    assert split_captions("Figure 1. One nut. Figure 2. Two nuts.") == [
        "Figure 1. One nut.",
        "Figure 2. Two nuts.",
    ]
    assert split_captions("As said. Figure 2. Two nuts.") == ["As said. Figure 2. Two nuts."]


def test_numbers_and_mentions() -> None:
    assert number("Figure 7-26. Nuts") == "7-26"
    assert number("Abb. 2.1a: x") == "2.1"
    assert number("a photo of 3 cats") == ""
    assert mentions("see Fig. 4 and figure 7-26, not table 5") == {"4", "7-26"}
