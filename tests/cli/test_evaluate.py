"""`olhar eval` on the real encoder: its JSON, its table, and that it leaves the data folder alone."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.demo import demo_photos
from api.owner import acquire
from rag.errors import InvalidInput

MEASURES = {"recall@1", "recall@5", "recall@10", "mrr", "ndcg@10"}


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Path) -> Path:
    """Four photos of the demo, two captions each; and a line that is no JSON."""
    monkeypatch.setenv("OLHAR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OLHAR_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "set"
    folder.mkdir()
    labels = {"astronaut.png": "astronaut", "coins.png": "coin", "chelsea.png": "cat", "rocket.jpg": "rocket"}
    lines = ["{"]
    for photo in demo_photos():
        name = Path(photo.source).name
        if name in labels:
            (folder / name).write_bytes(photo.read())
            captions = [f"a {labels[name]}", f"this is one {labels[name]}"]
            lines.append(json.dumps({"file": name, "captions": captions, "labels": [labels[name]]}))
    (folder / "captions.jsonl").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize(
    ("protocol", "queries", "legs"),
    [("image-only", 8, ["image"]), ("captioned", 4, ["image", "caption", "bm25"]), ("labels", 4, ["image"])],
)
def test_json_has_the_promised_shape(dataset: Path, protocol: str, queries: int, legs: list[str]) -> None:
    # While somebody else owns the data folder: no collection is opened.
    with acquire(dataset.parent / "data"):
        done = CliRunner().invoke(app, ["eval", str(dataset), "--protocol", protocol, "--json"])
        assert done.exit_code == 0, done.output
        assert not list((dataset.parent / "data").glob("milvus*"))
    told = json.loads(done.stdout)
    assert list(told) == [
        "protocol", "encoder", "photos", "queries", "legs", "fused", "bad_rows",
        "texts", "options", "rankings", "comparisons", "worst", "warnings", "latency",
    ]  # fmt: skip
    assert (told["protocol"], told["encoder"], told["photos"], told["queries"]) == (
        protocol, "compact", 4, queries,
    )  # fmt: skip
    assert list(told["legs"]) == legs
    assert all(set(means) == MEASURES for means in [*told["legs"].values(), told["fused"]])
    assert all(0 <= value <= 1 for means in told["legs"].values() for value in means.values())
    assert told["fused"]["recall@5"] == 1
    assert [row["line"] for row in told["bad_rows"]] == [1]


def test_output_for_people_is_a_table_and_names_what_was_left_out(dataset: Path) -> None:
    done = CliRunner().invoke(app, ["eval", str(dataset), "--protocol", "captioned"])
    assert done.exit_code == 0, done.output
    for text in ("4 photos, 4 texts, 4 queries", "line 1", "recall@10", "caption", "fused"):
        assert text in done.stdout


def test_a_folder_that_is_no_data_set_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["eval", str(tmp_path)])
    assert isinstance(done.exception, InvalidInput)


def test_the_same_command_prints_the_same_but_for_the_times(dataset: Path) -> None:
    command = ["eval", str(dataset), "--protocol", "captioned", "--fusion", "calibrated,rrf", "--json"]
    told = [json.loads(CliRunner().invoke(app, [*command, "--seed", "3"]).stdout) for _ in range(2)]
    assert all(one.pop("latency")["reproducible"] is False for one in told)
    assert told[0] == told[1]
    assert {one["name"] for one in told[0]["comparisons"]} == {"image", "caption", "bm25", "rrf"}


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--legs", "image,smell", "smell"), ("--fusion", "magic", "z-scores"), ("--legs", ",", "names nothing")],
)
def test_what_there_is_not_is_refused_with_what_there_is(
    dataset: Path, option: str, value: str, said: str
) -> None:
    done = CliRunner().invoke(app, ["eval", str(dataset), option, value])
    assert isinstance(done.exception, InvalidInput)
    assert said in str(done.exception)


def test_the_real_search_over_a_store_finds_the_same(dataset: Path) -> None:
    page = dataset.parent / "page.html"
    command = [
        "eval",
        str(dataset),
        "--protocol",
        "captioned",
        "--through-store",
        "--json",
        "--report",
        str(page),
    ]
    told = json.loads(CliRunner().invoke(app, command).stdout)
    stored = told["rankings"][-1]
    assert (stored["kind"], stored["notes"]["another first item"]) == ("stored", 0)
    assert all(one["difference"]["mean"] == 0 for one in told["comparisons"] if one["name"] == stored["name"])
    assert {"write to the store", "search: search"} <= set(told["latency"]["stages"])
    assert stored["name"] in page.read_text("utf-8")


def test_reranking_without_a_reranker_is_said(dataset: Path) -> None:
    done = CliRunner().invoke(app, ["eval", str(dataset), "--rerank", "--json"])
    assert "OLHAR_RERANKER" in json.loads(done.stdout)["warnings"][0]


@pytest.mark.parametrize("page", ["gone/page.html", "captions.jsonl/page.html"])
def test_a_report_that_cannot_be_written_is_refused_before_the_work(
    dataset: Path, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.cli.evaluate.build", None)
    done = CliRunner().invoke(app, ["eval", str(dataset), "--report", str(dataset / page)])
    assert isinstance(done.exception, InvalidInput)
    assert not list(dataset.parent.rglob("*.part"))


def test_a_report_that_cannot_be_written_after_all_costs_no_figures(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rag.pages.os.replace", full)
    page = dataset.parent / "page.html"
    command = ["eval", str(dataset), "--protocol", "captioned", "--json", "--report", str(page)]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, InvalidInput)
    assert "No space left" in str(done.exception)
    assert json.loads(done.stdout)["photos"] == 4
    assert not list(dataset.parent.glob("page.html*"))


def test_more_candidates_than_a_search_may_list_are_no_error(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLHAR_CANDIDATES", "2000")
    command = ["eval", str(dataset), "--protocol", "captioned", "--through-store", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.exception
    assert json.loads(done.stdout)["rankings"][-1]["notes"]["hits"] == 1000
