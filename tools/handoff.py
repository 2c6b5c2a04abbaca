"""Hands a large result to the run's files: the model gets its beginning and the way to the rest.

The record of the call keeps the whole result; so does the structured content in the reply.
"""

from __future__ import annotations

from ledger.files import Files, Quotas
from runtime.errors import LimitBreached
from tools.file_tools import READ
from tools.pages import fitting, laid_out, lines_of
from tools.results import Answer
from tools.run_files import breach
from tools.target import Origin


async def hand_off(
    answer: Answer, origin: Origin, characters: int, files: Files, quotas: Quotas
) -> tuple[str, str]:
    """The text as a model gets it, and the path of the file that holds the whole, if one does.

    An answer of at most so many `characters` is left as it is; 0 leaves every one. The same
    answer of the same call is the same version of the same file.
    """
    if not characters or len(answer.text) <= characters:
        return answer.text, ""
    kind, whole = ("txt", answer.text) if answer.data is None else ("json", laid_out(answer.data))
    path = f"results/{origin.call}.{kind}"
    lines = lines_of(whole)
    shown = lines[: min(fitting(lines, characters), len(lines) - 1)]
    preview = "\n".join(shown) or whole[:characters]
    told = f"[Lines 1 to {len(shown)} of {len(lines)}." if shown else "[The beginning."
    try:
        file = await files.write(origin.context, path, whole, call=origin.call, quotas=quotas)
    except LimitBreached as error:
        told += f" The rest was not stored: {breach(error)} Ask for less.]"
        return f"{preview}\n{told}", ""
    told += f" The whole is the file {path}: {file.bytes:,} bytes, sha256 {file.digest}."
    told += f" Read on with {READ}, start_line {len(shown) + 1}.]"
    return f"{preview}\n{told}", path
