"""Threads and feedback through the server that owns the data folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from api.thread_schemas import ConversationOut, FeedbackOut, FeedbacksOut, ThreadOut, ThreadsOut
from rag.records.feedback import Rating


class RemoteConversations:
    """As ``Conversations``, over HTTP. ``send`` takes method, route, query and JSON, and gives JSON;
    ``sent`` gives nothing of use."""

    def __init__(self, send: Callable[..., Any], sent: Callable[..., object]) -> None:
        self._send = send
        self._sent = sent

    def create(self, title: str, collection: str) -> ThreadOut:
        body = {"title": title, **({"collection": collection} if collection else {})}
        return ThreadOut.model_validate(self._send("POST", "/v1/threads", json=body))

    def threads(self, *, limit: int = 50, before: str = "") -> ThreadsOut:
        query = {"limit": limit, "before": before}
        return ThreadsOut.model_validate(self._send("GET", "/v1/threads", params=query))

    def thread(self, thread_id: str) -> ConversationOut:
        return ConversationOut.model_validate(self._send("GET", f"/v1/threads/{quote(thread_id)}"))

    def rename(self, thread_id: str, title: str) -> ThreadOut:
        body = {"title": title}
        return ThreadOut.model_validate(self._send("PATCH", f"/v1/threads/{quote(thread_id)}", json=body))

    def delete(self, thread_id: str) -> None:
        self._sent("DELETE", f"/v1/threads/{quote(thread_id)}")

    def rate(self, answer_id: str, rating: Rating, comment: str) -> FeedbackOut:
        body = {"answer": answer_id, "rating": rating, "comment": comment}
        return FeedbackOut.model_validate(self._send("POST", "/v1/feedback", json=body))

    def feedback(self, *, limit: int = 50, before: str = "", rating: Rating | None = None) -> FeedbacksOut:
        query = {"limit": limit, "before": before, **({} if rating is None else {"rating": rating})}
        return FeedbacksOut.model_validate(self._send("GET", "/v1/feedback", params=query))
