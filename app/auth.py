"""Who calls the API: everybody on the machine's own server, or holders of a key.

With SWITCHYARD_API_KEYS (`name:key,name:key`) each call needs a key, and each name sees its own
threads only. Assistants are everybody's: they are this installation's graphs.
"""

from __future__ import annotations

from langgraph_sdk import Auth

from app.api_cancel import note_cancel
from app.api_keys import Headers, holder, keys_of, presented_key
from graphs.services import services_when_open
from runtime.settings import load

auth = Auth()


_KEYS = keys_of(load().api_keys)


@auth.authenticate
async def identify(headers: Headers) -> Auth.types.MinimalUserDict:
    """The caller's name. Without keys everybody is anonymous, and may say who they are."""
    if not _KEYS:
        return {"identity": "anonymous"}
    name = holder(_KEYS, presented_key(headers))
    if not name:
        raise Auth.exceptions.HTTPException(
            status_code=401,
            detail="A key is needed: send it as x-api-key, or as Authorization: Bearer.",
        )
    return {"identity": name}


@auth.on
async def own(ctx: Auth.types.AuthContext, value: dict[str, object]) -> dict[str, str] | None:
    """With keys, whatever is made belongs to its maker, and nobody else sees it."""
    if not _KEYS:
        return None
    owner = {"owner": ctx.user.identity}
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        metadata.update(owner)  # in place: the server goes on with this very object
    else:
        value["metadata"] = dict(owner)
    return owner


@auth.on.threads.create_run  # type: ignore[arg-type]
async def messages_only(
    ctx: Auth.types.AuthContext, value: dict[str, object]
) -> dict[str, str] | None:
    """A caller sends messages or answers questions. Run, label, plan and route are not theirs to
    write, and no check of a plan is theirs to step over. Secrets are taken out of messages."""
    kwargs = value.get("kwargs")
    command = kwargs.get("command") if isinstance(kwargs, dict) else None
    if isinstance(command, dict) and (command.get("update") is not None or command.get("goto")):
        raise _refused("command.update and command.goto are not taken; send input or resume.")
    if isinstance(kwargs, dict) and kwargs.get("input"):
        # In place: what is stored of the run, and its first step, are made from this very object.
        masking = (await services_when_open()).gateway.masking
        kwargs["input"] = masking.value(kwargs["input"])
    return await own(ctx, value)


@auth.on.threads.update  # type: ignore[arg-type]
async def no_state_by_hand(
    ctx: Auth.types.AuthContext, value: dict[str, object]
) -> dict[str, str] | None:
    """The state of a thread is written by its graph alone. The server tells of such a write by
    nothing but the thread; metadata and cancelling come with fields of their own."""
    if set(value) <= {"thread_id"}:
        raise _refused("The state of a thread is not written over the API.")
    if value.get("action"):
        await note_cancel(value, ctx.user.identity if _KEYS else "")
    return await own(ctx, value)


def _refused(detail: str) -> Exception:
    return Auth.exceptions.HTTPException(status_code=403, detail=detail)


@auth.on.assistants
async def everybody(
    ctx: Auth.types.AuthContext,
    value: dict[str, object],  # noqa: ARG001 - the server passes it by name
) -> bool:
    """Everybody may read the graphs: an owner filter here would empty `/mcp` and `/a2a` too.

    With keys nobody changes them over the API; they come from files.
    """
    return not _KEYS or ctx.action in ("read", "search")


@auth.on.store
async def own_shelf(ctx: Auth.types.AuthContext, value: dict[str, object]) -> None:
    """With keys, each name has a shelf of its own in the store."""
    given = value.get("namespace")
    space = tuple(given) if isinstance(given, list | tuple) else ()
    if _KEYS and space[:1] != (ctx.user.identity,):
        value["namespace"] = (ctx.user.identity, *space)
