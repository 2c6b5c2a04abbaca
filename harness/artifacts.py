"""The files that a result rests on: each must be there, with the content that was delivered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runtime.canonical import Json

ARTIFACTS = "artifacts"
"""The property under which a result lists its files as `{path, sha256}`, anywhere in the output."""


def unlike_files(output: Json, files: Mapping[str, str]) -> Iterator[str]:
    """What the listed artifacts claim that the run's files (SHA-256 by path) do not bear out."""
    for claim in _claimed(output):
        path = claim.get("path") if isinstance(claim, dict) else None
        stated = claim.get("sha256") if isinstance(claim, dict) else None
        if not isinstance(path, str) or not isinstance(stated, str):
            yield f"Artifact {str(claim)[:80]} lacks path or sha256."
        elif path not in files:
            yield f"Artifact {path!r} is no file of this run; write it first."
        elif files[path] != stated.casefold():
            yield (
                f"Artifact {path!r} has SHA-256 {files[path]}, not {stated[:64]!r}: it was changed"
                " since, or is another file."
            )


def _claimed(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == ARTIFACTS and isinstance(inner, list):
                yield from inner
            else:
                yield from _claimed(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _claimed(inner)
