"""Settings: typed, bounded, unknown keys refused, secrets hidden, origins told; all documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import BadSettings
from rag.settings import Settings, load_settings, origins

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def origin(settings: Settings, name: str, **overrides: object) -> str:
    return {row.name: row.origin for row in origins(settings, overrides)}[name]


def test_precedence_is_command_line_environment_dotenv_toml_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().limit == 10
    Path("olhar.toml").write_text("limit = 11\n")
    assert (load_settings().limit, origin(load_settings(), "limit")) == (11, "olhar.toml")
    Path(".env").write_text("OLHAR_LIMIT=12\n")
    assert (load_settings().limit, origin(load_settings(), "limit")) == (12, ".env (OLHAR_LIMIT)")
    monkeypatch.setenv("OLHAR_LIMIT", "13")
    assert (load_settings().limit, origin(load_settings(), "limit")) == (13, "environment (OLHAR_LIMIT)")
    assert load_settings(limit=14).limit == 14
    assert origin(load_settings(limit=14), "limit", limit=14) == "command line"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OLHAR_LIMIT", "0", "OLHAR_LIMIT"),
        ("OLHAR_RELEVANCE", "1.5", "OLHAR_RELEVANCE"),
        ("OLHAR_LLM", "smollm2", "OLHAR_LLM"),
        ("OLHAR_TENANT", "a/b", "OLHAR_TENANT"),
        ("OLHAR_ENCODR", "compact", "OLHAR_ENCODR"),
        ("OLHAR_RERANKER", "magic", "OLHAR_RERANKER"),
        ("OLHAR_PROXIES", "127.0.0.1,*", "OLHAR_PROXIES"),
        ("OLHAR_PUBLIC_URLS", "olhar.example.org", "OLHAR_PUBLIC_URLS"),
        ("OLHAR_CORS_ORIGINS", "*", "OLHAR_CORS_ORIGINS"),
    ],
)
def test_what_is_out_of_bounds_or_unknown_is_refused_by_name(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings, match=said):
        load_settings()


def test_unknown_keys_in_files_are_refused() -> None:
    Path("olhar.toml").write_text("colour = 'blue'\n")
    with pytest.raises(BadSettings, match="COLOUR"):
        load_settings()
    Path("olhar.toml").write_text("this is no toml")
    with pytest.raises(BadSettings, match="TOML"):
        load_settings()
    Path("olhar.toml").unlink()
    Path(".env").write_text("OLHAR_COLOUR=blue\nANOTHER_PROGRAM=1\n")
    with pytest.raises(BadSettings, match="OLHAR_COLOUR"):
        load_settings()


def test_the_environment_may_hold_other_programs_variables() -> None:
    Path(".env").write_text("ANOTHER_PROGRAM=1\n")
    assert load_settings().limit == 10


def test_secrets_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLHAR_MILVUS_TOKEN", "root:swordfish")
    settings = load_settings()
    assert settings.milvus_token.get_secret_value() == "root:swordfish"
    assert "swordfish" not in repr(settings) + str(origins(settings))


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("milvus_uri", "http://root:hunter2@localhost:19530"),
        ("blobs", "s3://key:hunter2@bucket"),
        ("ollama_url", "http://olhar:hunter2@localhost:11434"),
    ],
)
def test_passwords_in_urls_are_hidden(name: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"OLHAR_{name.upper()}", url)
    settings = load_settings()
    assert getattr(settings, name) == url
    shown = {row.name: row.value for row in origins(settings)}[name]
    assert shown == url.replace("hunter2", "***")


def test_a_profile_only_sets_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLHAR_PROFILE", "server")
    monkeypatch.setenv("OLHAR_ENCODER", "compact")
    settings = load_settings()
    assert settings.milvus_uri.startswith("http://")
    assert settings.encoder == "compact"
    assert origin(settings, "milvus_uri") == "profile server"
    assert origin(settings, "encoder") == "environment (OLHAR_ENCODER)"


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    for name, info in Settings.model_fields.items():
        assert info.description, name
        assert f"`OLHAR_{name.upper()}`" in page, f"{name} is missing in docs/settings.md"
