from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from threadpoolctl import threadpool_info

from api.main import for_many, serve
from api.owner import acquire, server_of
from rag.errors import BadSettings, DataFolderBusy
from rag.records.records import Records
from rag.settings import Settings

ROOT = Path(__file__).parents[2]

SERVE = """
import atexit, sys, time, threading
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
import api.main
from rag.records.records import Records
from rag.settings import Settings
from tests.api.conftest import FakeSystem
from rag.errors import ModelUnavailable

class System(FakeSystem):
    def warm(self):
        if "cold" in sys.argv: raise ModelUnavailable("OLHAR_ENCODER: no such model")
        print("warm", flush=True)
    @cached_property
    def records(self): return Records(self.settings.records_url)
    moderator = None
    def __enter__(self): return self
    def __exit__(self, *_):
        self.records.close()
        print("closed", flush=True)

def build(settings):
    system = System(settings)
    if "mute" in sys.argv: system.generator.error = ModelUnavailable("OLHAR_LLM: it is away")
    system.pipeline.wait = lambda: time.sleep(0.7)
    system.pipeline.between = lambda: time.sleep(3600 if "stuck" in sys.argv else 0.4)
    return system

if "slow" in sys.argv: atexit.register(time.sleep, 3600)
api.main.build = build
settings = Settings(data=Path(sys.argv[1]), port=0, host=sys.argv[2])
api.main.serve(settings, say=lambda line: print(line, flush=True))
"""


@contextmanager
def serving(data: Path, host: str = "127.0.0.1", *more: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(data), host, *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str], last: str) -> list[str]:
    """What the process says, up to the line that holds ``last``."""
    assert process.stdout
    said: list[str] = []
    for line in process.stdout:
        said.append(line.rstrip("\n"))
        if last in line:
            return said
    raise AssertionError("\n".join(said))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 0)])
def test_a_signal_ends_the_server_after_its_requests_and_closes_everything(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with serving(tmp_path) as process:
        said = lines(process, "Olhar is at")
        assert said[0] == "warm"
        url = server_of(tmp_path)
        assert url
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", url)
        assert said[-1].startswith(f"Olhar is at {url} ")
        assert httpx.get(f"{url}/health", trust_env=False).json()["status"] == "ok"
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as slow:
            body = b'{"text": "x"}'
            slow.sendall(
                b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            httpx.get(f"{url}/health", trust_env=False)  # the search was taken before this
            process.send_signal(number)
            assert slow.recv(100).startswith(b"HTTP/1.1 200")
        assert "closed" in lines(process, "closed")
        assert process.wait(10) == code
    assert not (tmp_path / "owner.json").exists()
    with acquire(tmp_path):
        pass


@contextmanager
def answering(data: Path) -> Iterator[httpx.Response]:
    """A streamed answer, of which the beginning came."""
    asked = {"model": "olhar", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    url = f"{server_of(data)}/v1/chat/completions"
    with (
        httpx.Client(trust_env=False, timeout=60) as client,
        client.stream("POST", url, json=asked) as response,
    ):
        assert response.status_code == 200
        yield response


def test_a_stream_is_finished_when_the_server_is_told_to_end(tmp_path: Path) -> None:
    with serving(tmp_path) as process:
        lines(process, "Olhar is at")
        with answering(tmp_path) as response:
            events = response.iter_lines()
            next(events)
            process.send_signal(signal.SIGTERM)
            rest = list(events)
        assert "data: [DONE]" in rest
        assert "closed" in lines(process, "closed")
        assert process.wait(10) == 143


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, "127.0.0.1", "stuck") as process:
        lines(process, "Olhar is at")
        with answering(tmp_path) as response:
            events = response.iter_lines()  # kept: without it the client would hang up
            next(events)
            process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)  # the answer is waited for
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 143
        assert process.stdout
        assert "closed" not in process.stdout.read()
    with acquire(tmp_path):
        pass


def test_a_second_signal_ends_it_at_once_after_all_is_closed(tmp_path: Path) -> None:
    with serving(tmp_path, "127.0.0.1", "slow") as process:
        lines(process, "Olhar is at")
        process.send_signal(signal.SIGTERM)
        lines(process, "closed")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143


def test_a_model_that_cannot_be_had_ends_the_start_and_frees_the_folder(tmp_path: Path) -> None:
    with serving(tmp_path, "127.0.0.1", "cold") as process:
        assert "closed" in lines(process, "ModelUnavailable: OLHAR_ENCODER")
        assert process.wait(10) == 1
    assert server_of(tmp_path) is None


def test_a_language_model_that_is_away_is_said_and_keeps_nothing_from_being_served(tmp_path: Path) -> None:
    with serving(tmp_path, "127.0.0.1", "mute") as process:
        said = lines(process, "Olhar is at")
        assert any(line.startswith("warning") and "OLHAR_LLM: it is away" in line for line in said)
        assert httpx.get(f"{server_of(tmp_path)}/health", trust_env=False).json()["status"] == "degraded"


def test_the_second_server_is_told_of_the_first(tmp_path: Path) -> None:
    with serving(tmp_path) as process:
        lines(process, "Olhar is at")
        with pytest.raises(DataFolderBusy, match=re.escape(str(server_of(tmp_path)))):
            serve(Settings(data=tmp_path, port=0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "0.0.0.0"),
        ("auth", "required"),
        ("public_urls", "https://olhar.example.org"),
        ("proxies", "127.0.0.1"),
    ],
)
def test_others_than_this_machine_are_served_only_when_there_is_a_key(
    tmp_path: Path, name: str, value: str
) -> None:
    settings = Settings.model_validate({"data": tmp_path, "port": 0, name: value})
    with pytest.raises(
        BadSettings, match=f"OLHAR_{name.upper()}.*\n  olhar keys create admin --scope admin$"
    ):
        serve(settings)
    assert server_of(tmp_path) is None


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_another_machine_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(BadSettings, match=r"OLHAR_(HOST|PORT)"):
        serve(Settings(data=tmp_path, host=host, port=0))


def test_with_a_key_the_network_is_served_to_who_has_one(tmp_path: Path) -> None:
    records = Records(Settings(data=tmp_path).records_url)
    _, secret = records.keys.create("default", "me", ["read"])
    records.close()
    with serving(tmp_path, "0.0.0.0") as process:
        said = lines(process, "Olhar is at")
        assert any(line.startswith("warning") and "TLS" in line for line in said)
        url = server_of(tmp_path)
        assert url
        assert url.startswith("http://127.0.0.1:")
        for address in ("127.0.0.1", "127.0.0.2"):  # by an address of its own, without naming it first
            there = url.replace("127.0.0.1", address)
            assert httpx.get(f"{there}/health", trust_env=False).status_code == 401
            known = {"authorization": f"Bearer {secret}"}
            assert httpx.get(f"{there}/health", trust_env=False, headers=known).status_code == 200
        named = {"host": "example.org"}
        assert httpx.get(f"{url}/health", trust_env=False, headers=named).status_code == 400


def test_a_port_in_use_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadSettings, match=f"OLHAR_PORT.*{port}"):
            serve(Settings(data=tmp_path / "data", port=port))
    assert not (tmp_path / "data").exists()


def addresses() -> list[str]:
    """The loopback addresses of this machine; IPv6 is not everywhere."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return ["localhost"]
    return ["localhost", "::1"]


@pytest.mark.parametrize("host", addresses())
def test_the_loopback_has_several_names(tmp_path: Path, host: str) -> None:
    with serving(tmp_path, host) as process:
        lines(process, "Olhar is at")
        assert httpx.get(f"{server_of(tmp_path)}/health", trust_env=False).status_code == 200


def test_while_it_serves_threads_go_on_sooner_and_linear_algebra_starts_none() -> None:
    before, libraries = sys.getswitchinterval(), blas_threads()
    with for_many():
        assert sys.getswitchinterval() < before
        assert set(blas_threads()) == {1}
    assert (sys.getswitchinterval(), blas_threads()) == (before, libraries)


def blas_threads() -> list[int]:
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
