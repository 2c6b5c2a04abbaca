"""Bytes to lines: which encodings are read, what counts as binary, where a line ends."""

import codecs
import re

from tools.servers.documents.document import UnreadableError

_BREAK = re.compile(r"\r\n|\n|\r")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded(data: bytes) -> str:
    """The text of a file: UTF-8, what its byte-order mark says, or else Windows-1252.

    Raises:
        UnreadableError: the file is binary.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if encoding is not None:
        return data.decode(encoding, "replace")
    if b"\0" in data[:65536]:
        raise UnreadableError("it is a binary file, not text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        control = sum(1 for byte in data[:65536] if byte < 32 and byte not in b"\t\n\r\f\x1b")
        if control * 50 > len(data[:65536]):
            raise UnreadableError("it is a binary file, not text") from None
        return data.decode("cp1252", "replace")


def lines_of(text: str) -> tuple[str, ...]:
    r"""Lines as editors count them: only \n, \r\n and \r end a line."""
    lines = _BREAK.split(text)
    if lines and not lines[-1]:
        lines.pop()
    return tuple(lines)
