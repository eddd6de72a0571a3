"""How long a sound is, from its head: what a transcription costs must be known before it is made."""

import io
import logging

from tinytag import TinyTag, TinyTagException

log = logging.getLogger(__name__)

# Speech that is still understood takes 1,000 bytes a second; what is said to be longer is not believed.
_LEAST_BYTES_PER_SECOND = 500
_USUAL_BYTES_PER_SECOND = 2000


def length_ms(data: bytes) -> int | None:
    """Milliseconds of a WAV, MP3, MP4, OGG or FLAC; None where its head does not tell, or tells a tale."""
    try:
        seconds = TinyTag.get(file_obj=io.BytesIO(data), tags=False).duration
    except (TinyTagException, OSError, ValueError, KeyError, IndexError, OverflowError) as error:
        log.debug("length of a sound not found", extra={"error": type(error).__name__})
        return None
    if not seconds or not 0 < seconds <= len(data) / _LEAST_BYTES_PER_SECOND:
        return None
    return round(seconds * 1000)


def longest_ms(data: bytes) -> int:
    """Of a sound whose head says nothing: as long as speech of that size can well be."""
    return len(data) * 1000 // _USUAL_BYTES_PER_SECOND
