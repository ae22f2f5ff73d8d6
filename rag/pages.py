"""A page, or another text, written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from rag.errors import InvalidInput


def write_page(out: Path, text: str) -> None:
    """Put ``text`` into the file ``out``, in place of what was there. Raises InvalidInput when it cannot."""
    part = _part(out)
    try:
        part.write_text(text, "utf-8")
        os.replace(part, out)
    except OSError as error:
        raise _unwritable(out, error) from None
    finally:
        with suppress(OSError):  # what went wrong is said already
            part.unlink(missing_ok=True)


def check_writable(out: Path) -> None:
    """Raises InvalidInput where ``write_page`` could not write, by trying. Leaves nothing behind."""
    if out.is_dir():
        raise InvalidInput(f"--report {out} is a folder: name a file in it, such as {out / 'report.html'}")
    part = _part(out)
    try:
        part.touch()
        part.unlink()
    except OSError as error:
        raise _unwritable(out, error) from None


def _part(out: Path) -> Path:
    return out.with_name(out.name + ".part")


def _unwritable(out: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"--report {out} cannot be written: {error.strerror or error}; name a file in a folder that is there "
        "and may be written to"
    )
