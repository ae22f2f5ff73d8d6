"""Tokens are counted as the model counts them, or rather too many."""

from __future__ import annotations

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from rag.generation.capacity import MOST_SCALE, REMEMBERED_S, SILENT_S, Capacity, Estimate, Limits, estimated
from rag.generation.llamacpp import LlamaCppChat
from rag.generation.providers import counter, provided

TEXTS = (
    "A man without a shirt on is guiding a large brown horse pulling a green and yellow wagon .",
    "Uma rapariga de fato de banho às riscas corre pela praia; atrás dela, três cães molhados.",
    "antidisestablishmentarianism, Llanfairpwllgwyngyll, IMG_20240517_183012.JPG (4032x3024)",
    '{"key": [1, 2.5, -3e10], "https://example.org/a/b?c=d&e=f#g": null}',
    "猫が窓のそばで寝ている。三只狗在海滩上奔跑。",
    "Кошка спит на окне. Η γάτα κοιμάται. القطة نائمة على النافذة",
    "🐈‍⬛🏖️ 👩‍👩‍👧 ½ € ≈ ∑ ‹›…",
    "zzzzxxqqwvkj XKCDQWRTZ aaaaaaaaaaaaaaaaaaaaaaaaa",
)


@pytest.mark.parametrize("text", TEXTS)
def test_an_estimate_is_never_too_small_and_of_plain_text_not_much_too_large(
    smollm2: LlamaCppChat, text: str
) -> None:
    real = smollm2.get_num_tokens(text)
    assert real <= estimated(text)
    if text.isascii() and text.count(" ") > 10:
        assert estimated(text) < 2.5 * real


def test_a_model_in_process_counts_by_its_own_tokenizer(smollm2: LlamaCppChat) -> None:
    assert smollm2.get_num_tokens("") == 0
    assert smollm2.get_num_tokens("<|im_start|>") == 1
    assert smollm2.get_num_tokens("word " * 100) == pytest.approx(101, abs=1)
    assert smollm2.size == 2048


def test_what_a_server_told_is_believed_for_a_while() -> None:
    told, now = [Capacity(100), Capacity(200)], [0.0]
    measure = Estimate(lambda: told.pop(0), clock=lambda: now[0])
    assert (measure.capacity(), measure.capacity()) == (Capacity(100), Capacity(100))
    now[0] = REMEMBERED_S + 1
    assert measure.capacity() == Capacity(200)


def test_a_server_that_told_nothing_is_asked_again_soon() -> None:
    told: list[Capacity | None] = [None, Capacity(200)]
    now = [0.0]
    measure = Estimate(lambda: told.pop(0), otherwise=Capacity(100), clock=lambda: now[0])
    assert (measure.capacity(), measure.capacity()) == (Capacity(100), Capacity(100))
    now[0] = SILENT_S + 1
    assert measure.capacity() == Capacity(200)


def test_an_estimate_learns_upwards_only() -> None:
    measure = Estimate(Capacity)
    measure.learn(100, 50, measure.scale)
    assert measure.tokens("word word") == 4
    measure.learn(100, 150, measure.scale)
    assert measure.tokens("word word") == 6
    measure.learn(150, 160, measure.scale)
    assert measure.scale == pytest.approx(1.6)


def test_answers_under_way_at_the_same_time_teach_what_one_does() -> None:
    measure = Estimate(Capacity)
    counts = [(measure.tokens("word " * 1_000), measure.scale) for _ in range(8)]
    for here, scale in counts:
        measure.learn(here, here * 13 // 10, scale)
    assert measure.scale == pytest.approx(1.3)


def test_an_odd_report_is_not_believed_without_bounds() -> None:
    measure = Estimate(Capacity)
    measure.learn(200, 20_000, measure.scale)
    assert measure.scale == MOST_SCALE


def test_the_settings_bound_what_a_model_takes_in() -> None:
    assert Limits(1024).of(8192, sees=True) == Capacity(1024, sees=True)
    assert Limits(8192).of(2048, sees=False) == Capacity(2048)
    assert Limits(8192, "on").of(0, sees=False) == Capacity(8192, sees=True)
    assert Limits(8192, "off").of(0, sees=True) == Capacity(8192)
    assert Capacity(1000).answer(512) == 500


class Counting(FakeListChatModel):
    """A provider with a tokenizer of its own, which may fail."""

    fails: bool = False

    def get_num_tokens(self, text: str) -> int:
        if self.fails:
            raise OSError("no network")
        return len(text)


def test_a_provider_counts_itself_where_it_can() -> None:
    told = {"max_input_tokens": 4096, "image_inputs": True}
    assert counter(Counting(responses=[]))("a text") == 6
    assert counter(Counting(responses=[], fails=True))("a text") == estimated("a text")
    assert counter(FakeListChatModel(responses=[])) is estimated
    assert provided(Counting(responses=[], profile=told), Limits()) == Capacity(4096, sees=True)
    assert provided(Counting(responses=[]), Limits()) == Capacity(8192)
