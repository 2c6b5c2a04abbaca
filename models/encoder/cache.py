"""An encoder that remembers the texts which training asks for, and never what users wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.encoder import Encoder
from models.encoder.kept import Kept


class Cached:
    """The same vectors as those of the encoder within."""

    def __init__(self, encoder: Encoder, home: Path) -> None:
        """`home` is the folder that gets the file, named after the encoder."""
        self._encoder = encoder
        self._kept = Kept(home / f"embeddings-{encoder.name}.sqlite")
        self.name = encoder.name
        self.width = encoder.width

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length one for each text. Nothing of it is kept."""
        return self._encoder.encode(texts)

    def encode_known(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same for texts of the installation, such as examples: only new ones are computed.

        Reads and writes a file, so it blocks.
        """
        kept = self._kept.read(dict.fromkeys(texts))
        found = {text: row for text, row in kept.items() if row.shape == (self.width,)}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if new:
            made = dict(zip(new, self._encoder.encode(new), strict=True))
            self._kept.write(made)
            found |= made
        return np.array([found[text] for text in texts], np.float32).reshape(-1, self.width)
