"""From the options of `run` to a request: what is plainly wrong is told before anything starts."""

from __future__ import annotations

from langchain_core.messages import HumanMessage

from app.places import folder
from app.run import Request
from graphs.request import request_text
from runtime.canonical import Json


def request_of(text: str, *, thread: str, docs: str, **context: Json) -> Request:
    """The request with its context; `docs` is made absolute.

    Raises:
        RequestError: the request is empty or too long, or the folder does not exist.
    """
    given = {name: value for name, value in context.items() if value is not None}
    if docs:
        given["docs"] = str(folder(docs))
    return Request(text=request_text_of(text), context=given, thread=thread)


def request_text_of(text: str) -> str:
    """The words of a request.

    Raises:
        RequestError: there are none, or too many.
    """
    return request_text([HumanMessage(text)])
