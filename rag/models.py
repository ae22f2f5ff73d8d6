"""What is known of each model: one frozen row a model. Adding a model is adding a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from rag.origin import origin
from rag.types import Calibration, LabelCalibration, LegWeights, ModerationScales

OPEN_CLIP = "open_clip:"
"""What stands before the name of a model whose weights are in OpenCLIP's format."""
CLAP = "clap:"
"""What stands before the name of a model that hears."""
IMAGEBIND = "imagebind:"
"""What stands before the name of a model that sees and hears."""
IMAGEBIND_HUGE = "imagebind:nielsr/imagebind-huge"
"""The only one that was published, as the hub has it."""

GENERIC = Calibration(
    full=LegWeights(bias=-15.0, image=40.0, caption=10.0, bm25=1.0),
    image_only=LegWeights(bias=-12.0, image=50.0),
    text_only=LegWeights(bias=-6.0, caption=12.0, bm25=2.0),
    image_query=LegWeights(bias=-12.0, image=16.0),
    fitted=False,
)
"""For a CLIP-like model that nobody has fitted: the order is sensible, the probability is a guess."""


SIGLIP = Calibration(
    full=LegWeights(bias=-15.0, image=110.0, caption=10.0, bm25=1.0),
    image_only=LegWeights(bias=-12.0, image=130.0),
    text_only=GENERIC.text_only,
    image_query=GENERIC.image_query,
    fitted=False,
)
"""As GENERIC, for models trained with a sigmoid: a text and its photo have a cosine near .1, not near .3."""


def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


XLM_R = _codes(
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu "
    "hy id is it ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt ro "
    "ru sa sd si sk sl so sq sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh"
)
"""The languages of XLM-RoBERTa's vocabulary."""

XM3600 = _codes(
    "ar bn cs da de el en es fa fi fr he hr hu id it ja ko nl no pl pt ro ru sv th tl tr uk vi zh"
)
"""Crossmodal-3600's languages without those where multilingual SigLIP has a recall@1 below .2."""

FOUND_BY_XLM_R = _codes(
    "ar cs da de el en es fa fi fr he hi hr hu id it ja ko nl no pl pt ro ru sv th tr uk vi zh"
)
FOUND_BY_NLLB = _codes(
    "ar bn cs da de el en es fa fi fr he hi hr hu id it ja ko mi nl no pl pt ro ru sv sw te th tl tr uk vi zh"
)
"""Crossmodal-3600's languages in which OpenCLIP's models with these text sides have a recall@1 from .2."""

HARNESS = "OpenCLIP, docs/openclip_multilingual_retrieval_results.csv and openclip_retrieval_results.csv"
SIGLIP2_PAPER = "Tschannen et al. 2025, arXiv 2502.14786, table 1"


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """What is known of one model. Every vector is L2-normalised, whatever the model does.

    ``languages`` are ISO 639-1 codes; empty when its authors name none. ``dimension`` 0 and prompts of
    ``None`` are left to the model. ``parameters`` are in millions, ``image_gflops`` one picture's forward
    pass, ``image_side`` in pixels (0: the picture's own size), ``context`` in tokens.
    """

    name: str
    languages: tuple[str, ...]
    licence: str
    calibration: Calibration = GENERIC
    labels: LabelCalibration | None = None
    """Of zero-shot labels; None where nobody has fitted it."""
    moderation: Mapping[str, ModerationScales] = field(default_factory=dict)
    """By the language of the policy; empty where nobody has fitted it."""
    dimension: int = 0
    images: bool = True
    sounds: bool = False
    images_from: str = ""
    """The model that holds the image side, where it has a name of its own."""
    pooling: str = ""
    query_prompt: str | None = None
    document_prompt: str | None = None
    image_prompt: str | None = None
    context: int = 0
    image_side: int = 0
    parameters: float = 0.0
    image_gflops: float = 0.0
    needs: tuple[str, ...] = ()
    """Packages that Olhar does not install."""
    hub_code: bool = False
    """It comes with code of its own, which Olhar does not run."""
    figures: str = ""
    """Published recall. XM3600: Crossmodal-3600, text to image, mean of its 36 languages."""
    source: str = ""
    note: str = ""

    @property
    def modalities(self) -> tuple[str, ...]:
        """What it puts into one space: texts, and what else."""
        return ("text", *(("image",) if self.images else ()), *(("audio",) if self.sounds else ()))


def _clip(
    name: str, *, dimension: int, parameters: float, image_gflops: float, figures: str, note: str = ""
) -> EncoderRow:
    """A CLIP of OpenAI's architecture, trained on English."""
    return EncoderRow(
        name,
        languages=("en",),
        licence="MIT",
        dimension=dimension,
        pooling="end of text, projected",
        query_prompt="",
        document_prompt="",
        image_prompt="",
        context=77,
        image_side=224,
        parameters=parameters,
        image_gflops=image_gflops,
        figures=figures,
        source=HARNESS,
        note=note,
    )


def _siglip(
    name: str,
    *,
    dimension: int,
    parameters: float,
    image_gflops: float,
    figures: str,
    source: str,
    needs: tuple[str, ...] = (),
    note: str = "",
) -> EncoderRow:
    """A SigLIP: texts are padded to 64 tokens, since it reads its vector off the last position."""
    return EncoderRow(
        name,
        languages=XM3600,
        licence="Apache-2.0",
        calibration=SIGLIP,
        dimension=dimension,
        pooling="last of 64 positions",
        query_prompt="",
        document_prompt="",
        image_prompt="",
        context=64,
        image_side=256,
        parameters=parameters,
        image_gflops=image_gflops,
        needs=needs,
        figures=figures,
        source=source,
        note=note,
    )


def _nllb_clip(
    size: str, *, dimension: int, parameters: float, image_gflops: float, figures: str
) -> EncoderRow:
    """SigLIP's image side with a text side of NLLB, for 201 languages."""
    return EncoderRow(
        f"{OPEN_CLIP}nllb-clip-{size}-siglip/mrl",
        languages=FOUND_BY_NLLB,
        licence="CC-BY-NC-4.0 (not for commercial use)",
        calibration=SIGLIP,
        dimension=dimension,
        pooling="first token, projected",
        query_prompt="",
        document_prompt="",
        image_prompt="",
        context=77,
        image_side=384,
        parameters=parameters,
        image_gflops=image_gflops,
        needs=("open_clip",),
        figures=figures,
        source=HARNESS,
        note="its tokenizer takes every text for English: Olhar does not tell it the language",
    )


ENCODERS: tuple[EncoderRow, ...] = (
    EncoderRow(
        "compact",
        languages=("en", "pt"),
        licence="Apache-2.0 (both towers); heads trained on Flickr8k (research), see their model card",
        calibration=Calibration(
            full=LegWeights(bias=-4.11, image=4.08, caption=5.13, bm25=0.46, agreement=-2.24, named=0.99),
            image_only=LegWeights(bias=-4.05, image=6.91, named=6.0),
            text_only=LegWeights(bias=-3.91, caption=6.58, bm25=0.99),
            image_query=LegWeights(bias=-9.5, image=15.5),
            lines=((1.6, 2.0), (0.16, 0.579)),
        ),
        moderation={"en": ModerationScales(6.0, 5.5), "pt": ModerationScales(3.5, 3.0)},
        labels=LabelCalibration(scale=29.0, none=0.29, slope=10.4, bias=-4.9, spread=1.4),
        dimension=897,
    ),
    _clip(
        "sentence-transformers/clip-ViT-B-32",
        dimension=512,
        parameters=151.3,
        image_gflops=8.8,
        figures="XM3600 R@1 .041 (Portuguese .102), COCO R@1 .304",
        note="OpenAI's weights; LAION's of the same size find more",
    ),
    _clip(
        "sentence-transformers/clip-ViT-L-14",
        dimension=768,
        parameters=427.6,
        image_gflops=162.0,
        figures="XM3600 R@1 .053 (Portuguese .146), COCO R@1 .365",
        note="OpenAI's weights; LAION's of the same size find more",
    ),
    _clip(
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        dimension=512,
        parameters=151.3,
        image_gflops=8.8,
        figures="XM3600 R@1 .070 (Portuguese .181), COCO R@1 .393",
        note="the cheapest that is good in English",
    ),
    _clip(
        "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
        dimension=768,
        parameters=427.6,
        image_gflops=162.0,
        figures="XM3600 R@1 .082 (Portuguese .225), COCO R@1 .465",
    ),
    _clip(
        "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
        dimension=1024,
        parameters=986.1,
        image_gflops=334.6,
        figures="XM3600 R@1 .098 (Portuguese .276), COCO R@1 .495",
    ),
    _siglip(
        "google/siglip2-base-patch16-256",
        dimension=768,
        parameters=375.2,
        image_gflops=46.8,
        figures="XM3600 R@1 .407, COCO R@1 .532",
        source=SIGLIP2_PAPER,
        note="the server profile's default; no recall by language is published",
    ),
    _siglip(
        "google/siglip2-so400m-patch16-256",
        dimension=1152,
        parameters=1136.0,
        image_gflops=220.0,
        figures="XM3600 R@1 .481, COCO R@1 .554",
        source=SIGLIP2_PAPER,
        note="no recall by language is published; parameters and cost from a tower of the same shape",
    ),
    _siglip(
        "google/siglip-base-patch16-256-multilingual",
        dimension=768,
        parameters=370.6,
        image_gflops=46.8,
        figures="XM3600 R@1 .441 (Portuguese .569), COCO R@1 .449",
        source=HARNESS,
        needs=("sentencepiece",),
        note="more languages than SigLIP 2 at the same cost, and less English",
    ),
    EncoderRow(
        "sentence-transformers/clip-ViT-B-32-multilingual-v1",
        languages=_codes(
            "ar bg ca cs da de el en es et fa fi fr gl gu he hi hr hu hy id it ja ka ko ku lt lv mk mn mr ms "
            "my nb nl pl pt ro ru sk sl sq sr sv th tr uk ur vi zh"
        ),
        licence="Apache-2.0 (texts), MIT (pictures)",
        dimension=512,
        images_from="sentence-transformers/clip-ViT-B-32",
        pooling="mean, projected",
        query_prompt="",
        document_prompt="",
        image_prompt="",
        context=128,
        image_side=224,
        parameters=286.4,
        image_gflops=8.8,
        figures="no multilingual photo recall was found",
        source="model card; Reimers and Gurevych 2020, arXiv 2004.09813",
        note="a text side taught to imitate CLIP's; it cannot find what OpenAI's ViT-B/32 does not see",
    ),
    EncoderRow(
        f"{OPEN_CLIP}xlm-roberta-large-ViT-H-14/frozen_laion5b_s13b_b90k",
        languages=FOUND_BY_XLM_R,
        licence="MIT",
        dimension=1024,
        pooling="mean, projected",
        query_prompt="",
        document_prompt="",
        image_prompt="",
        context=77,
        image_side=224,
        parameters=1193.0,
        image_gflops=334.6,
        needs=("open_clip",),
        figures="XM3600 R@1 .502 (Portuguese .615), COCO R@1 .492",
        source=HARNESS,
    ),
    _nllb_clip(
        "base",
        dimension=768,
        parameters=507.5,
        image_gflops=112.1,
        figures="XM3600 R@1 .554 (Portuguese .558)",
    ),
    _nllb_clip(
        "large",
        dimension=1152,
        parameters=1195.5,
        image_gflops=670.4,
        figures="XM3600 R@1 .608 (Portuguese .621)",
    ),
    EncoderRow(
        "jinaai/jina-clip-v2",
        languages=_codes(
            "ar bn da de el en es fi fr hi id it ja ka ko lv nl no pl pt ro ru sk sv th tr uk ur vi zh"
        ),
        licence="CC-BY-NC-4.0 (not for commercial use)",
        dimension=1024,
        pooling="mean",
        query_prompt="Represent the query for retrieving evidence documents: ",
        document_prompt="",
        image_prompt="",
        context=8192,
        image_side=512,
        parameters=865.0,
        hub_code=True,
        figures="XM3600 R@5 .814 (Portuguese .824), mean of 26 languages; COCO R@5 .684",
        source="Günther et al. 2025, arXiv 2506.18902, tables A8 and A10",
        note="the recall is not that of the other rows: R@5, fewer languages",
    ),
    EncoderRow(
        "Qwen/Qwen3-VL-Embedding-2B",
        languages=(),
        licence="Apache-2.0",
        dimension=2048,
        pooling="last token",
        query_prompt="Retrieve images or text relevant to the user's query.",
        document_prompt="Represent the user's input.",
        image_prompt="Represent the user's input.",
        context=32768,
        parameters=2000.0,
        needs=("torchvision",),
        figures="MMEB-V2 73.2; no recall on XM3600 was found",
        source="model card; Li et al. 2026, arXiv 2601.04720",
        note="over 30 languages, which its authors do not list; wants a GPU",
    ),
)
"""Models with an image side, for OLHAR_ENCODER."""

TEXT_ENCODERS: tuple[EncoderRow, ...] = (
    EncoderRow(
        "minilm",
        languages=("en", "pt"),
        licence="Apache-2.0",
        dimension=384,
        images=False,
        pooling="mean",
        query_prompt="",
        document_prompt="",
        context=256,
        parameters=22.7,
        figures="none multilingual",
        source="all-MiniLM-L6-v2, model card",
        note="packaged; what `compact` uses for captions",
    ),
    EncoderRow(
        "intfloat/multilingual-e5-small",
        languages=XLM_R,
        licence="MIT",
        dimension=384,
        images=False,
        pooling="mean",
        query_prompt="query: ",
        document_prompt="passage: ",
        context=512,
        parameters=117.7,
        figures="Mr. TyDi MRR@10 64.4, mean of 11 languages",
        source="model card; Wang et al. 2024, arXiv 2402.05672",
    ),
    EncoderRow(
        "Qwen/Qwen3-Embedding-0.6B",
        languages=(),
        licence="Apache-2.0",
        dimension=1024,
        images=False,
        pooling="last token",
        query_prompt=(
            "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
        ),
        document_prompt="",
        context=32768,
        parameters=595.8,
        figures="MTEB (multilingual) mean over tasks 64.33",
        source="model card; Zhang et al. 2025, arXiv 2506.05176",
        note="over 100 languages",
    ),
)
"""Models of texts alone, for OLHAR_TEXT_ENCODER."""

SOUND_ENCODERS: tuple[EncoderRow, ...] = (
    EncoderRow(
        f"{CLAP}laion/clap-htsat-unfused",
        languages=("en",),
        licence="Apache-2.0",
        dimension=512,
        images=False,
        sounds=True,
        source="Wu et al. 2023, arXiv 2211.06687",
        note="hears, and sees nothing: for a data folder of sounds",
    ),
    EncoderRow(
        IMAGEBIND_HUGE,
        languages=("en",),
        licence="CC-BY-NC-SA-4.0 (not for commercial use)",
        dimension=1024,
        sounds=True,
        pooling="end of text, projected",
        query_prompt="",
        document_prompt="",
        image_prompt="",
        context=77,
        image_side=224,
        parameters=1200.0,
        figures="zero-shot: ImageNet-1k 77.7, ESC-50 66.9",
        source="Girdhar et al. 2023, arXiv 2305.05665",
        note="pictures and sounds in one space; the weights are in a file that Olhar reads itself",
    ),
)
"""Models that hear, for OLHAR_ENCODER."""


def encoder_row(name: str) -> EncoderRow:
    """The row of a model, or one that says nothing but its name.

    A folder belongs to the row whose hub name ends as the folder does, ``/models/clip-ViT-L-14``; a tuned one
    to that of the model it was tuned from; whatever is behind ``imagebind:`` to ImageBind's.
    """
    name = origin(name) or name
    if name.startswith(IMAGEBIND):
        name = IMAGEBIND_HUGE
    folder = Path(name).name if Path(name).is_dir() else None
    for row in (*ENCODERS, *TEXT_ENCODERS, *SOUND_ENCODERS):
        hub = "/" in row.name and not row.name.startswith(OPEN_CLIP)
        if name == row.name or (hub and folder == PurePath(row.name).name):
            return row
    return EncoderRow(name, languages=(), licence="see the model")
