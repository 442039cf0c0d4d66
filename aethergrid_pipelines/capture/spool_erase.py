"""Forgetting what is captured and not in the conversation store yet.

A spooled line is overwritten in place, for readers know it by its offset: what was said is gone from the disk at once.
What remains (whose message it was and when) tells whoever stores the segment to have the conversation forgotten there,
so that it does not come back, whenever the store answers again.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from filelock import Timeout

from aethergrid_pipelines.capture.spool_folder import HEADER_BYTES, REFUSED, SpoolFolder
from aethergrid_pipelines.capture.spool_lines import DamagedLine, decode, forgets, to_forget
from aethergrid_pipelines.capture.spool_writer import SpoolUnavailable

PATIENCE_SECONDS = 60.0
"""So long a batch may be on its way to a store that hangs."""


def erase_spooled(folder: SpoolFolder, conversation_id: str) -> int:
    """Overwrite every spooled message of a conversation, whoever spooled it. Returns how many there were, also those
    that are stored already and those that the store refused. Raises :class:`SpoolUnavailable`."""
    if not folder.path.exists():
        return 0
    try:
        with folder.storing().acquire(timeout=PATIENCE_SECONDS):
            erased = sum(_overwrite(path, conversation_id) for path in folder.segments())
            return erased + _drop_refused(folder.path / REFUSED, conversation_id)
    except Timeout as error:
        raise SpoolUnavailable("the spool is busy with a store that hangs; forget it again later") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise SpoolUnavailable(f"the spool at {folder.path} cannot be written: {reason}") from error


def spooled_of(folder: SpoolFolder, conversation_id: str) -> int:
    """How many messages of a conversation the spool holds that were not overwritten."""
    refused = sum(1 for line in _refused(folder.path / REFUSED) if conversation_id.encode() in line)
    return refused + sum(1 for path in folder.segments() for _ in _lines_of(path, conversation_id))


def _overwrite(path: Path, conversation_id: str) -> int:
    found = list(_lines_of(path, conversation_id))
    if not found:
        return 0
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        # Everything in it is stored by now.
        return len(found)
    try:
        for offset, line in found:
            os.pwrite(descriptor, to_forget(line), offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return len(found)


def _lines_of(path: Path, conversation_id: str) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a conversation that say something, with their offsets."""
    wanted, offset = conversation_id.encode(), HEADER_BYTES
    try:
        with path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if wanted in line and not forgets(line) and _is_of(line, conversation_id):
                    yield offset, line
                offset += len(line)
    except FileNotFoundError:
        return


def _is_of(line: bytes, conversation_id: str) -> bool:
    try:
        return decode(line)[0].id == conversation_id
    except DamagedLine:
        # It may be on its way to the disk right now; then it is stored after those that say to forget.
        return False


def _drop_refused(path: Path, conversation_id: str) -> int:
    lines = list(_refused(path))
    kept = [line for line in lines if conversation_id.encode() not in line]
    if len(kept) < len(lines):
        draft = path.with_name(path.name + ".part")
        with draft.open("wb") as file:
            file.writelines(kept)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    return len(lines) - len(kept)


def _refused(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except FileNotFoundError:
        return
