"""Chat models of LangChain's other providers: how they are opened, what they can take in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseLanguageModel
from langchain_core.language_models.chat_models import BaseChatModel

from rag.errors import BadSettings, ModelUnavailable
from rag.faults import Place
from rag.generation.capacity import Capacity, Estimate, Limits, estimated
from rag.generation.chat_models import ChatModel, openai_arguments
from rag.generation.prompts import PromptForm
from rag.relay import Deadlines


def open_provider(
    name: str, provider: str, form: PromptForm, deadlines: Deadlines, limits: Limits
) -> ChatModel:
    """Any provider of LangChain. Raises BadSettings and ModelUnavailable."""
    try:
        chat = init_chat_model(name)
    except ImportError as error:
        raise ModelUnavailable(f"OLHAR_LLM={name}: {error}") from error
    except ValueError as error:
        raise BadSettings(
            f"OLHAR_LLM={name}: LangChain knows no provider {provider!r}, or it lacks a setting of its own "
            f"({str(error).splitlines()[0]})"
        ) from error
    except Exception as error:
        raise ModelUnavailable(f"OLHAR_LLM={name}: {error}") from error
    measure = Estimate(lambda: provided(chat, limits), counter(chat))
    where = Place(
        name,
        where=f"the provider {provider!r}",
        reach="check the network and the provider's status",
        missing="check the model's name in OLHAR_LLM",
    )
    return ChatModel(
        name,
        form,
        chat,
        where,
        deadlines,
        # Asking a paid service costs money, so having its package and its key is all that is checked.
        check=lambda: {"device": f"the provider {provider!r}", "model": name},
        close=lambda: None,
        arguments=lambda options: openai_arguments(form, options, measure.capacity().context),
        measure=measure,
    )


def provided(chat: BaseChatModel, limits: Limits) -> Capacity:
    """What LangChain's profile of the model says, within the limits."""
    profile: Mapping[str, Any] = chat.profile or {}
    return limits.of(profile.get("max_input_tokens") or 0, sees=bool(profile.get("image_inputs")))


def counter(chat: BaseChatModel) -> Callable[[str], int]:
    """The provider's own count of tokens where it has one, else an estimate.

    LangChain's general way is the tokenizer of GPT-2, which it would have to download.
    """
    own = type(chat).get_num_tokens is not BaseLanguageModel.get_num_tokens
    own = own or type(chat).get_token_ids is not BaseLanguageModel.get_token_ids
    if not own and chat.custom_get_token_ids is None:
        return estimated

    def count(text: str) -> int:
        try:
            return chat.get_num_tokens(text)
        except Exception:  # it may want to download its tokenizer, or to ask a server
            return estimated(text)

    return count
