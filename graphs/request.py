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

from graphs.services import Services
from graphs.state import Job, RequestContext
from runtime.errors import RequestError
from runtime.settings import Settings

MAX_REQUEST = 100_000
"""Characters of a request; longer material belongs into a document."""


async def job_from(services: Services, messages: Sequence[AnyMessage]) -> Job:
    """Check a request and record the run.

    Raises:
        RequestError: the request or its context cannot be served; names field and remedy.
    """
    context = context_from(get_runtime().context)
    text = request_text(messages)
    docs = str(await asyncio.to_thread(docs_folder, context.docs, services.settings))
    run = _run_id()
    # Here and not at the first call: loading must not stop the event loop under other runs.
    await services.models.warm()
    await services.ledger.runs.start(
        run,
        thread=str(get_config().get("configurable", {}).get("thread_id", "")),
        request=text,
        tenant=context.tenant,
        user=_user(context),
        label=context.label,
        docs=docs,
    )
    ceiling = services.limits.request_dollars
    await services.ledger.budgets.open(
        run, ceiling if context.budget is None else min(ceiling, context.budget)
    )
    return Job(
        run=run,
        task="d1",
        specialist=context.specialist,
        text=text,
        upstream={},
        tenant=context.tenant,
        user=_user(context),
        label=context.label.value,
        docs=docs,
    )


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


def _run_id() -> str:
    """The server's run id where there is one, so that its log and our ledger agree."""
    given = get_config().get("configurable", {}).get("run_id")
    return str(given) if given else str(uuid.uuid4())


def _user(context: RequestContext) -> str:
    """The authenticated identity; what a caller merely claims never overrides it."""
    principal = get_config().get("configurable", {}).get("langgraph_auth_user")
    identity = getattr(principal, "identity", None) or (
        principal.get("identity") if isinstance(principal, Mapping) else None
    )
    return str(identity) if identity and identity != "anonymous" else context.user
