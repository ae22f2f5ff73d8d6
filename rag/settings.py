"""All settings: ``OLHAR_*`` variables, a ``.env`` file, ``olhar.toml``; in that order of precedence."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rag.errors import BadSettings
from rag.urls import is_file, is_loopback, without_password

PREFIX = "OLHAR_"
TOML = Path("olhar.toml")
DOTENV = Path(".env")

SERVER_DEFAULTS: Mapping[str, str] = {
    "milvus_uri": "http://localhost:19530",
    "encoder": "google/siglip2-base-patch16-256",
    "llm": "ollama:qwen3:8b",
    "reranker": "ollama:dengcao/Qwen3-Reranker-0.6B:Q8_0",
}
"""What OLHAR_PROFILE=server sets where nothing else does."""

ORIGINS = r"^(https?://[^/\s,]+(,https?://[^/\s,]+)*)?$"
"""Scheme and host of web addresses, with commas between."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class Settings(BaseSettings):
    """Each part is chosen by its own setting; a profile only changes defaults."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=DOTENV,
        env_file_encoding="utf-8",
        toml_file=TOML,
        extra="forbid",
        frozen=True,
        env_ignore_empty=True,
    )

    profile: Literal["embedded", "server"] = Field(
        "embedded", description="which set of defaults: one process, or servers of their own"
    )
    data: Path = Field(Path(".olhar"), description="the data folder; one process owns it at a time")
    models: Path | None = Field(
        None, description="folder of compiled models; unset: beside the installation, else in `data`"
    )
    tenant: Name = Field("default", description="whose collections the command line works on")
    collection: Name = Field("default", description="the collection used when none is named")

    encoder: str = Field(
        "compact",
        min_length=1,
        description="`compact`, a name or folder that sentence-transformers can load, a folder of "
        "`olhar export` or `olhar train`, `open_clip:ARCH/TAG` or `open_clip:FOLDER`, or for sounds "
        "`clap:` and a name or folder, or `imagebind:` and a name or folder",
    )
    text_encoder: str = Field(
        "",
        description="for captions and passages: `minilm`, or a name or folder that sentence-transformers can "
        "load; empty: the text side of `encoder`",
    )
    encoder_device: str = Field("auto", description="`auto`, `cpu`, `cuda`, `cuda:1`, `mps` …")
    encoder_batch: int = Field(0, ge=0, le=4096, description="images a forward pass; 0: the encoder's own")
    reranker: str = Field(
        "none",
        pattern=r"^(none|(ollama|ollama-vision|cross-encoder):.+)$",
        description="looks again at what was found: `none`, `ollama:<model>`, `ollama-vision:<model>`, or "
        "`cross-encoder:` with a name or folder",
    )
    rerank_hits: int = Field(20, ge=2, le=200, description="hits that the reranker looks at")
    rerank_seconds: float = Field(
        15, gt=0, le=3600, description="deadline of looking at the hits of a question"
    )
    rerank_load_seconds: float = Field(
        120,
        gt=0,
        le=3600,
        description="deadline of loading the reranker, and again of trying it on known answers",
    )
    rerank_weights: str = Field(
        "",
        pattern=r"^(-?\d+(\.\d+)?,\d+(\.\d+)?,\d+(\.\d+)?)?$",
        description="bias, and weights of the fusion and of the reranker, fitted to questions: three numbers "
        "with commas between; empty: 0,0.5,0.5",
    )
    rerank_parallel: int = Field(
        4, ge=1, le=64, description="requests to Ollama's reranker at a time; as many as OLLAMA_NUM_PARALLEL"
    )
    rerank_device: str = Field(
        "auto", description="of a cross-encoder: `auto`, `cpu`, `cuda`, `cuda:1`, `mps` …"
    )
    rewrite: Literal["off", "llm"] = Field(
        "off", description="`llm`: the language model rewrites a question that follows others to stand alone"
    )
    rewrite_seconds: float = Field(20, gt=0, le=3600, description="deadline of rewriting a question")
    faithfulness: Literal["off", "words", "llm"] = Field(
        "off",
        description="whether each sentence of an answer is held against the evidence that it cites: by its "
        "words, or by asking the language model; questions may say otherwise",
    )
    llm: str = Field(
        "llamacpp:smollm2",
        pattern=r"^[A-Za-z0-9_-]+:.+$",
        description="`llamacpp:smollm2`, `ollama:<model>`, or a LangChain `<provider>:<model>`",
    )
    ollama_url: str = Field(
        "http://localhost:11434", pattern=r"^https?://", description="where Ollama listens"
    )
    ollama_keep_alive: str = Field(
        "30m",
        pattern=r"^(-?(\d+(\.\d+)?(ms|s|m|h))+|0)$",
        description="how long Ollama keeps a model in memory after its last use: `30m`, `24h`, `-1m` for "
        "ever, `0` not at all",
    )
    llm_load_seconds: float = Field(120, gt=0, le=3600, description="deadline of loading the model")
    llm_first_seconds: float = Field(
        60, gt=0, le=3600, description="deadline of the first word of a model that is in memory"
    )
    llm_answer_seconds: float = Field(120, gt=0, le=3600, description="deadline of a whole answer")
    llm_context: int = Field(
        8192,
        ge=1024,
        le=1_048_576,
        description="tokens of prompt and answer together, at most; fewer where the model takes fewer",
    )
    llm_sight: Literal["auto", "on", "off"] = Field(
        "auto", description="whether pictures are sent along; `auto`: to models that are known to see"
    )
    llm_pictures: int = Field(3, ge=0, le=20, description="pictures sent along with a question, at most")
    llm_picture_edge: int = Field(
        768, ge=64, le=4096, description="their longer edge in pixels; larger ones are sent smaller"
    )
    searches: int = Field(
        0,
        ge=0,
        le=10_000,
        description="searches of the server at a time, and as many more wait; one more is refused with 429; "
        "0: one, where `compact` searches a Milvus Lite file without a reranker, else as many as cores, and "
        "after some calm up to 16 more wait, if all should be through in two seconds",
    )
    llm_answers: int = Field(2, ge=1, le=256, description="answers that the server writes at a time")
    llm_waiting: int = Field(
        16, ge=0, le=10_000, description="questions that wait for their turn; one more is refused with 429"
    )

    prewarm: bool = Field(
        True,
        description="the server loads language model and reranker when it starts, beside the first requests; "
        "the encoder is loaded before them in any case",
    )
    breaker_failures: int = Field(
        3,
        ge=0,
        le=100,
        description="failures in a row after which language model or reranker are left alone for a while; "
        "0: never",
    )
    breaker_seconds: float = Field(
        30, gt=0, le=3600, description="how long they are left alone, before one question tries again"
    )

    captioner: str = Field(
        "none",
        pattern=r"^(none|tags|ollama:.+)$",
        description="describes pictures that have no caption: `ollama:<model>` with sight; or `tags`: the "
        "encoder names what it sees in photos that have no tags; or `none`",
    )
    captioner_language: str = Field(
        "en", pattern=r"^[a-z]{2}(-[A-Z]{2})?$", description="of those captions: `en`, `pt`, `pt-BR` …"
    )
    captioner_seconds: float = Field(
        120, gt=0, le=3600, description="deadline of looking at one picture, and again of writing its caption"
    )
    captioner_parallel: int = Field(2, ge=1, le=16, description="pictures that are described at a time")

    moderation: str = Field(
        "off",
        min_length=1,
        description="what new pictures are held against before they are stored: `default`, `default-pt`, the "
        "path of a policy (YAML), or `off`",
    )
    moderation_queries: str = Field(
        "off", min_length=1, description="the same of questions: of their words and their pictures"
    )

    milvus_uri: str = Field(
        "", description="empty: a Milvus Lite file in the data folder; else a server's URI or a `.db` file"
    )
    milvus_token: SecretStr = Field(SecretStr(""), description="`user:password` or an API key")
    database_url: SecretStr = Field(
        SecretStr(""),
        description="of jobs and receipts: `postgresql://user:password@host/name`, or `sqlite:///` with a "
        "path; empty: SQLite in the data folder",
    )
    worker: Literal["inside", "apart"] = Field(
        "inside", description="who works on jobs: the server itself, or processes of `olhar worker`"
    )
    worker_batches: int = Field(3, ge=1, le=64, description="batches that a worker has in flight")
    fairness_by: str = Field(
        "", description="field of the metadata that a scheduled audit of fairness groups by"
    )
    fairness_hours: float = Field(
        0, ge=0, description="hours between two audits of OLHAR_COLLECTION by the worker; 0: none"
    )
    fairness_max_gap: float = Field(
        0.1, ge=0, le=1, description="gap between groups over which a scheduled audit warns"
    )
    reconcile_hours: float = Field(
        24, ge=0, le=8760, description="hours between looks at whether everything agrees; 0: never unasked"
    )
    blobs: str = Field("", description="fsspec URL of the originals; empty: `originals` in the data folder")

    limit: int = Field(10, ge=1, le=1000, description="hits of a search")
    candidates: int = Field(100, ge=10, le=10000, description="candidates taken from each leg")
    evidence: int = Field(5, ge=1, le=50, description="numbered hits in a prompt")
    relevance: float = Field(
        0.15, ge=0, le=1, description="below this relevance the answer is “not in this collection”"
    )

    max_pixels: int = Field(100_000_000, ge=1, le=10**9, description="largest picture, in pixels")
    upload_bytes: int = Field(
        2**30, ge=1, le=2**40, description="most bytes of one upload, unless a single file may be larger"
    )
    max_bytes: int = Field(64 * 2**20, ge=1, le=2**32, description="largest file, in bytes")
    decode_seconds: float = Field(
        30,
        gt=0,
        le=3600,
        description="deadline of decoding a picture that is no plain JPEG, PNG or WebP, or the sound of a "
        "question",
    )
    frames: str = Field(
        "first",
        pattern=r"^(first|(even|scenes):[1-9][0-9]{0,2})$",
        description="frames of an animation that become items: `first`, or `even:8` or `scenes:8` for at "
        "most 8, at even distances or those that differ most",
    )
    video_frames: str = Field(
        "scenes:32",
        pattern=r"^(even|scenes):[1-9][0-9]{0,2}$",
        description="frames of a video that become items, at most so many: `scenes:32` the sharpest of "
        "each shot, `even:32` at even distances",
    )
    video_seconds: float = Field(
        1.0, ge=0.05, le=3600, description="seconds of a video from one frame that is looked at to the next"
    )
    video_sounds: int = Field(
        32,
        ge=0,
        le=200,
        description="parts of ten seconds of a video's sound that become items, at most so many, where the "
        "encoder hears; 0: none",
    )
    pages: int = Field(100, ge=1, le=10_000, description="most pages of one TIFF that become items")
    file_metadata: bool = Field(
        True, description="use what files say of themselves: time, place, camera, title, caption, keywords"
    )
    thumbnail: int = Field(320, ge=16, le=2048, description="longer side of thumbnails, in pixels")
    parse_seconds: float = Field(300, gt=0, le=86_400, description="deadline of reading one document")
    parse_memory: int = Field(
        2 * 2**30,
        ge=256 * 2**20,
        le=2**40,
        description="most bytes of memory that reading one document takes",
    )
    parse_processes: int = Field(2, ge=1, le=64, description="documents that are read at a time")
    ocr: Literal["off", "documents", "all"] = Field(
        "documents", description="pictures whose text is read: those in documents, all, or none"
    )
    ocr_seconds: float = Field(120, gt=0, le=3600, description="deadline of reading the text of one picture")
    batch: int = Field(64, ge=1, le=4096, description="files that ingestion writes at a time")

    source_files: int = Field(200_000, ge=1, le=10**7, description="most files that one ingestion takes")
    source_protocols: str = Field(
        "s3", description="protocols of fsspec that URLs may have, with commas between; http and https apart"
    )
    archive_bytes: int = Field(
        4 * 2**30,
        ge=1,
        le=2**40,
        description="most bytes that are unpacked of one ZIP or TAR, or of all that one upload has",
    )
    archive_files: int = Field(
        50_000, ge=1, le=10**7, description="most files that are taken of a ZIP or TAR"
    )

    fetch_seconds: float = Field(60, gt=0, le=86_400, description="deadline of one download from the web")
    fetch_idle_seconds: float = Field(
        15, gt=0, le=3600, description="longest silence within a download from the web"
    )
    fetch_allow: str = Field(
        "",
        description="hosts, addresses and networks that downloads may reach though they are not public, "
        "with commas between",
    )

    link_seconds: int = Field(
        600, ge=1, le=86_400, description="how long a link to a file is good, unless its request says"
    )
    link_key_days: float = Field(
        30, gt=0, le=3650, description="days after which links are signed with a new key"
    )

    grace_seconds: float = Field(
        30,
        ge=0,
        le=3600,
        description="how long answers and batches under way may take once a server or worker is told to end",
    )
    log: Literal["text", "json"] = Field(
        "text", description="the form of the log of a server or worker: lines to read, or JSON lines"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what is logged; requests and jobs are `info`"
    )
    host: str = Field(
        "127.0.0.1", description="address to serve on; any but loopback needs a key (`olhar keys create`)"
    )
    port: int = Field(8000, ge=0, le=65535, description="port to serve on; 0: any free one")
    auth: Literal["auto", "required"] = Field(
        "auto",
        description="who needs a key: everybody (`required`), or nobody as long as only this machine is "
        "served: `host` is loopback, and neither `public_urls` nor `proxies` is set (`auto`)",
    )
    api_key: SecretStr = Field(
        SecretStr(""), description="the key that the command line sends to a server that asks for one"
    )
    public_urls: str = Field(
        "",
        pattern=ORIGINS,
        description="where clients reach the server, as `https://olhar.example.org`, with commas between; "
        "requests for other names are refused",
    )
    proxies: str = Field(
        "",
        description="addresses and networks of reverse proxies that are believed (`X-Forwarded-For`, "
        "`X-Forwarded-Proto`), with commas between",
    )
    cors_origins: str = Field(
        "",
        pattern=ORIGINS,
        description="web pages that may ask this server from a browser, as `https://app.example.org`, with "
        "commas between",
    )
    session_hours: float = Field(12, gt=0, le=8760, description="how long a session of a web page lasts")
    requests_per_minute: int = Field(
        600, ge=0, le=10**6, description="of each key that has no number of its own; 0: no limit"
    )
    requests_burst: int = Field(
        120, ge=1, le=10**6, description="requests that a key may send at once before that counts"
    )
    upload_bytes_per_day: int = Field(
        0, ge=0, le=2**50, description="of each key that has no number of its own; 0: no limit"
    )
    failures_per_minute: int = Field(20, ge=1, le=10**6, description="wrong keys that one address may send")
    audit_days: int = Field(90, ge=1, le=36_500, description="how long the audit log is kept")

    @property
    def store_uri(self) -> str:
        """Where Milvus is: ``milvus_uri``, or the Milvus Lite file in the data folder."""
        return self.milvus_uri or str(self.data / "milvus.db")

    @property
    def store_is_file(self) -> bool:
        """Whether vectors lie in a Milvus Lite file, which one process opens."""
        return is_file(self.store_uri)

    @property
    def originals(self) -> str:
        """Where the originals are: ``blobs``, or a folder in the data folder."""
        return self.blobs or str(self.data / "originals")

    @property
    def staged(self) -> str:
        """Where bytes that were sent wait: beside the originals."""
        return f"{self.originals.rstrip('/')}-staged"

    @property
    def records_url(self) -> str:
        """Where jobs and receipts are: ``database_url``, or a file in the data folder."""
        return self.database_url.get_secret_value() or f"sqlite:///{(self.data / 'records.db').absolute()}"

    @property
    def asks_for_keys(self) -> bool:
        """Whether requests need a key: others than this machine may reach the server, or it is so set."""
        return bool(self.auth == "required" or not is_loopback(self.host) or self.public_urls or self.proxies)

    @field_validator("proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        """Raises ValueError for what is neither an address nor a network: it would be believed nowhere."""
        for part in filter(None, map(str.strip, value.split(","))):
            ip_network(part)
        return value

    @model_validator(mode="before")
    @classmethod
    def _profile_defaults(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("profile") == "server":
            return {**SERVER_DEFAULTS, **values}
        return values

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # as the next
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic names it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _Dotenv(settings_cls), TomlConfigSettingsSource(settings_cls)


class _Dotenv(DotEnvSettingsSource):
    """A ``.env`` file may hold variables of other programs; unknown ones of ours are refused elsewhere."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if name in Settings.model_fields}


@dataclass(frozen=True, slots=True)
class Origin:
    """One setting as ``olhar settings`` shows it; a secret, and the password in a URL, is masked."""

    name: str
    value: str
    origin: str
    description: str


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from everywhere; ``overrides`` (the command line) win.

    Raises BadSettings naming each key that is unknown or out of bounds, and where it stands.
    """
    _refuse_unknown_variables(os.environ, "the environment")
    if DOTENV.is_file():
        _refuse_unknown_variables(dotenv_values(DOTENV), str(DOTENV))
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [f"{_shown(e['loc'])}: {e['msg']}" for e in error.errors()]
        raise BadSettings("bad settings; `olhar settings` lists them all:\n  " + "\n  ".join(lines)) from None
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{TOML} is not valid TOML: {error}") from None


def origins(settings: Settings, overrides: Mapping[str, object] | None = None) -> list[Origin]:
    """Each setting, its value and where it came from."""
    env = {k.upper() for k, v in os.environ.items() if v}
    dotenv = {k.upper() for k in dotenv_values(DOTENV)} if DOTENV.is_file() else set()
    toml = set(tomllib.loads(TOML.read_text("utf-8"))) if TOML.is_file() else set()
    rows = []
    for name, info in type(settings).model_fields.items():
        variable = PREFIX + name.upper()
        if overrides and overrides.get(name) is not None:
            origin = "command line"
        elif variable in env:
            origin = f"environment ({variable})"
        elif variable in dotenv:
            origin = f"{DOTENV} ({variable})"
        elif name in toml:
            origin = str(TOML)
        elif settings.profile == "server" and name in SERVER_DEFAULTS:
            origin = "profile server"
        else:
            origin = "default"
        value = without_password(str(getattr(settings, name)))
        rows.append(Origin(name, value, origin, info.description or ""))
    return rows


def _refuse_unknown_variables(variables: Mapping[str, object], where: str) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(v for v in variables if v.upper().startswith(PREFIX) and v.upper() not in known)
    if unknown:
        raise BadSettings(
            f"unknown setting in {where}: {', '.join(unknown)}; `olhar settings` lists them all"
        )


def _shown(location: tuple[int | str, ...]) -> str:
    return PREFIX + ".".join(str(part) for part in location).upper() if location else "settings"
