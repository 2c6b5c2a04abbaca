"""From what a caller sent to a job: checked, identified, and recorded as a run."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.config import get_config
from langgraph.runtime import get_runtime
from pydantic import ValidationError

from agents.limits import LimitsFile
from graphs.identity import authenticated
from graphs.services import Services
from graphs.state import Job, RequestContext
from graphs.traces import open_trace
from ledger.runs import Run
from runtime.errors import RequestError
from runtime.settings import Settings

GOES_ON_WITH = "goes_on_with"
"""In the metadata of a run of the server: the run of the ledger that it goes on with."""
MAX_REQUEST = 100_000
"""Characters of a request; longer material belongs into a document."""


async def job_from(services: Services, messages: Sequence[AnyMessage]) -> Job:
    """Check a request, record the run, and take it.

    A run that is recorded already was cut off in its first step: it keeps what it began with.

    Raises:
        RequestError: the request or its context cannot be served; names field and remedy.
        RunTaken: another process drives the run.
    """
    context = context_from(get_runtime().context)
    # Before anything is recorded or asked of a model: a secret has no business in a request.
    text = services.gateway.masking.text(request_text(messages))
    recorded = await _cut_off_here(services)
    run = recorded.id if recorded else _run_id()
    recorded = recorded or await services.ledger.runs.get(run)
    # Here and not at the first call: loading must not stop the event loop under other runs.
    await services.models.warm()
    if recorded is None:
        recorded = await _record(services, run, text, context)
    await open_trace(get_config(), services.ledger.runs, recorded)
    await services.holding.take(run)
    return Job(
        run=run,
        task="d1",
        specialist=context.specialist,
        text=recorded.request,
        upstream={},
        tenant=recorded.tenant,
        user=recorded.user,
        label=recorded.label,
        docs=recorded.docs,
    )


async def _record(services: Services, run: str, text: str, context: RequestContext) -> Run:
    docs = str(await asyncio.to_thread(docs_folder, context.docs, services.settings))
    # Before the run itself: a run that is on record has its budget.
    await services.ledger.budgets.open(run, *_ceilings(services.limits, context))
    await services.ledger.runs.start(
        run,
        thread=str(get_config().get("configurable", {}).get("thread_id", "")),
        request=text,
        tenant=context.tenant,
        user=authenticated() or context.user,
        label=context.label,
        docs=docs,
        holder=services.holding.process,
    )
    recorded = await services.ledger.runs.get(run)
    assert recorded is not None, "the row was just written"
    return recorded


def _ceilings(limits: LimitsFile, context: RequestContext) -> tuple[float, int | None]:
    """What the operator allows in US dollars and tokens, or the caller's own word for less."""
    dollars, tokens = limits.request_dollars, limits.request_tokens
    if context.budget is not None:
        dollars = min(dollars, context.budget)
    if context.token_budget is not None:
        tokens = context.token_budget if tokens is None else min(tokens, context.token_budget)
    return dollars, tokens


def context_from(given: object) -> RequestContext:
    """The caller's context, checked.

    Raises:
        RequestError: a field is unknown or has a value that does not fit.
    """
    if isinstance(given, RequestContext):
        return given
    try:
        return RequestContext.model_validate(given if isinstance(given, Mapping) else {})
    except ValidationError as error:
        first = error.errors()[0]
        field = "context." + ".".join(str(part) for part in first["loc"])
        raise RequestError(
            first["msg"],
            field=field,
            value=first["input"],
            remedy=f"Known fields: {', '.join(RequestContext.model_fields)}.",
        ) from error


def request_text(messages: Sequence[AnyMessage]) -> str:
    """The last human message as text.

    Raises:
        RequestError: there is none, it is empty, or it is too long.
    """
    last = next((one for one in reversed(messages) if isinstance(one, HumanMessage)), None)
    text = last.text.strip() if last else ""
    if not text:
        raise RequestError(
            "there is no request",
            field="messages",
            value="",
            remedy='Send a human message with text, e.g. {"role": "user", "content": "..."}.',
        )
    if len(text) > MAX_REQUEST:
        raise RequestError(
            f"the request has {len(text):,} characters, {MAX_REQUEST:,} are allowed",
            field="messages",
            value=text[:40] + "…",
            remedy="Put the material into a file and name its folder (--docs, context.docs).",
        )
    return text


def discreet(services: Services, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The last human message without secrets, in its place; empty where it has none."""
    last = next((one for one in reversed(messages) if isinstance(one, HumanMessage)), None)
    if last is None:
        return []
    content = services.gateway.masking.value(last.content)
    return [] if content == last.content else [last.model_copy(update={"content": content})]


def docs_folder(given: str, settings: Settings) -> Path:
    """The folder that the run may read: an existing one inside the permitted roots.

    Raises:
        RequestError: it does not exist, or lies outside.
    """
    folder = Path(given).expanduser().resolve() if given else settings.docs.resolve()
    if not folder.is_dir():
        raise RequestError(
            "there is no such folder",
            field="docs",
            value=str(folder),
            remedy="Name an existing folder.",
        )
    named = [root for root in settings.docs_roots.split(os.pathsep) if root]
    roots = [settings.docs.resolve(), *(Path(root).resolve() for root in named)]
    if not any(folder.is_relative_to(root) for root in roots):
        raise RequestError(
            "this folder is outside of what runs may read",
            field="docs",
            value=str(folder),
            remedy="Add its parent to SWITCHYARD_DOCS_ROOTS and start again.",
        )
    return folder


async def _cut_off_here(services: Services) -> Run | None:
    """The run that recovery goes on with under another id of the server; None for a new request.

    A caller may send the same word: it reaches no thread but their own.
    """
    config = get_config()
    told = config.get("metadata", {}).get(GOES_ON_WITH)
    recorded = await services.ledger.runs.get(str(told)) if told else None
    if recorded is None or recorded.ended:
        return None
    thread = str(config.get("configurable", {}).get("thread_id", ""))
    return recorded if recorded.thread == thread else None


def _run_id() -> str:
    """The server's run id where there is one, so that its log and our ledger agree."""
    given = get_config().get("configurable", {}).get("run_id")
    return str(given) if given else str(uuid.uuid4())
