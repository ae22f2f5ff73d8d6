"""Policies in YAML: the packaged ones, further categories, and what is wrong said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import BadSettings
from rag.vision.moderation import open_policy
from rag.vision.moderation.policy import THRESHOLD


def test_the_default_is_that_of_the_literature() -> None:
    policy = open_policy("default")
    unsafe = {one.name: one.prompts for one in policy.categories if one.unsafe}
    assert list(unsafe) == [
        "violent content",
        "adult content",
        "hateful images",
        "graphic violence",
        "explicit material",
    ]
    assert unsafe["violent content"] == ("image containing violent content",)
    safe = [one.name for one in policy.categories if not one.unsafe]
    assert safe == ["safe for work", "family friendly", "educational"]
    assert {(one.threshold, one.action) for one in policy.categories} == {(THRESHOLD, "flag")}
    portuguese = open_policy("default-pt")
    assert portuguese.language == "pt"
    assert portuguese.categories[0].prompts == ("imagem contendo conteúdo violento",)


def test_a_policy_adds_categories_with_prompts_thresholds_and_actions(tmp_path: Path) -> None:
    path = tmp_path / "house.yaml"
    path.write_text(
        "extends: default\nthreshold: 0.4\naction: quarantine\nunsafe:\n"
        "  - {name: weapons, prompts: [a gun, a knife], threshold: 0.2, action: reject}\n"
        "  - name: alcohol\n",
        "utf-8",
    )
    policy = open_policy(str(path))
    assert policy.name == "house"
    by_name = {one.name: one for one in policy.categories}
    assert len(by_name) == 10
    assert by_name["weapons"].prompts == ("a gun", "a knife")
    assert (by_name["weapons"].threshold, by_name["weapons"].action) == (0.2, "reject")
    assert (by_name["alcohol"].threshold, by_name["alcohol"].action) == (0.4, "quarantine")
    assert by_name["violent content"].action == "flag"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("unsafe: [", "no valid YAML"),
        ("[1, 2]", "a policy is a mapping"),
        ("unsafe: [{name: a, colour: red}]\nsafe: [{name: b}]", "unsafe.0.colour"),
        ("unsafe: [{name: a, action: burn}]\nsafe: [{name: b}]", "unsafe.0.action"),
        ("unsafe: [{name: a, threshold: 2}]\nsafe: [{name: b}]", "unsafe.0.threshold"),
        ("unsafe: [{name: a, threshold: high}]\nsafe: [{name: b}]", "unsafe.0.threshold"),
        ("unsafe: [{name: a}]", "safe: name at least one"),
        ("safe: [{name: a}]", "unsafe: name at least one"),
        ("unsafe: [{name: a}]\nsafe: [{name: a}]", "named twice: a"),
        ("template: no place\nunsafe: [{name: a}]\nsafe: [{name: b}]", "template"),
        ("extends: other", "extends"),
        ("unsafe: [{name: !!python/object/apply:os.getcwd []}]", "no valid YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadSettings, match=told) as raised:
        open_policy(str(path))
    assert "policy.yaml" in str(raised.value)


def test_a_policy_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(BadSettings, match="default, default-pt"):
        open_policy("no/such/file.yaml")
