"""Olhar as processes of its own, each of which may be killed at any moment and is started again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.postgres import programs, running

ROOT = Path(__file__).parents[1]
OLHAR = (sys.executable, "-c", "from api.cli.app import main; main()")
WATCH_S = 0.3
STOP_S = 60


class Program:
    """A process that is started again whenever it has ended."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.ended_itself = 0
        self._command = list(command)
        self._env = {**os.environ, **env}
        self._log = log
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._killed = False

    def start(self) -> None:
        with self._lock:
            self._wanted = True
            self._start()

    def kill(self) -> bool:
        """``kill -9``; whether there was anything to kill."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                return False
            self._killed = True
            self._process.kill()
            self._process.wait()
            return True

    def watch(self) -> None:
        """Start it again if it has ended."""
        with self._lock:
            if self._wanted and self._process is not None and self._process.poll() is not None:
                self.ended_itself += not self._killed
                self._start()

    def stop(self) -> None:
        with self._lock:
            self._wanted = False
            if self._process is None or self._process.poll() is not None:
                return
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _start(self) -> None:
        self._killed = False
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._env, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )


class System:
    """The processes of one set-up."""

    def __init__(self, url: str, olhar: Sequence[Program], milvus: Sequence[Program]) -> None:
        self.url = url
        self.programs = [*olhar, *milvus]
        self._olhar = olhar
        self._ending = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        for program in self.programs:
            program.start()
        self._watcher.start()

    def rest(self) -> None:
        """End Olhar's own processes in good order; what they are built on goes on."""
        self._ending.set()
        self._watcher.join()
        for program in self._olhar:
            program.stop()

    def stop(self) -> None:
        self._ending.set()
        for program in self.programs:
            program.kill()

    def _watch(self) -> None:
        while not self._ending.is_set():
            for program in self.programs:
                program.watch()
            time.sleep(WATCH_S)


@contextmanager
def set_up(kind: str, folder: Path, batch: int) -> Iterator[tuple[System, dict[str, str]]]:
    """Start ``embedded`` (one process) or ``servers`` (Postgres, Milvus Lite's server, two workers).

    Gives the system, and the settings that open it from here.
    """
    port = _free_port()
    env = {
        "OLHAR_DATA": str(folder / "data"),
        "OLHAR_LLM": "ollama:none",  # which is away: no answers are asked for
        "OLHAR_PORT": str(port),
        "OLHAR_BATCH": str(batch),
        "OMP_NUM_THREADS": "1",
    }
    with ExitStack() as stack:
        milvus: list[Program] = []
        olhar = [Program("server", [*OLHAR, "serve"], env, folder / "server.log")]
        if kind == "servers":
            found = programs()
            if found is None:
                raise SystemExit("Postgres is not installed; on Debian: apt-get install postgresql")
            milvus_port = _free_port()
            env["OLHAR_DATABASE_URL"] = stack.enter_context(running(found)).database()
            env["OLHAR_MILVUS_URI"] = f"http://127.0.0.1:{milvus_port}"
            (folder / "milvus").mkdir()
            command = [sys.executable, "-m", "benchmarks.lite_server", "server", "--host", "127.0.0.1"]
            command += ["--port", str(milvus_port), "--data-dir", str(folder / "milvus")]
            milvus = [Program("milvus", command, {}, folder / "milvus.log")]
            olhar = [
                Program("server", [*OLHAR, "serve"], {**env, "OLHAR_WORKER": "apart"}, folder / "server.log"),
                *(
                    Program(f"worker {n}", [*OLHAR, "worker"], env, folder / f"worker-{n}.log")
                    for n in (1, 2)
                ),
            ]
        system = System(f"http://127.0.0.1:{port}", olhar, milvus)
        stack.callback(system.stop)
        system.start()
        settings = {name.removeprefix("OLHAR_").lower(): value for name, value in env.items()}
        settings.pop("omp_num_threads")
        yield system, settings


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
