"""Files and standard input as the systems of users write them."""

import json
import sys
from pathlib import Path


def read(path: str) -> str:
    """Return the text of a file, ``-`` for standard input.

    UTF-8, UTF-16 and UTF-32 are read, with a byte order mark or without, and lines may end as on any system.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: it holds no text.
    """
    return decoded(sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes())


def decoded(content: bytes) -> str:
    """Return the text in the bytes of a file.

    Raises:
        ValueError: it is no text.
    """
    # What JSON, and YAML, say about the first bytes: https://yaml.org/spec/1.2.2/#52-character-encodings
    text = content.decode(json.detect_encoding(content)).removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")
