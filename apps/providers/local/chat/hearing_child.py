"""Decodes one untrusted sound file; run by `hearing` as a program of its own, never imported there.

Standard input: the file. Standard output: `OK` and a line end, then 16-bit samples, 16 kHz, one channel; or `NO ` and a
sentence. It limits itself before it reads a byte, can write no file, and FFmpeg may open nothing that a file names.
"""

import io
import resource
import sys
from itertools import chain

import av

MEMORY_BYTES = 1024**3
CPU_SECONDS = 60
RATE = 16_000
# Containers of sound. Playlists, which name other files and addresses, are not among them.
FORMATS = "mp3,wav,flac,ogg,aac,amr,aiff,mov,mp4,m4a,3gp,matroska,webm,mpeg,mpegts"


def limit_self() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))


class Refused(Exception):
    """The sentence the customer gets."""


def samples(data: bytes, longest_seconds: int) -> bytes:
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "pipe"}
    try:
        container = av.open(io.BytesIO(data), "r", options=options)
    except Exception as error:
        raise Refused(
            "The file is no sound that can be read (mp3, wav, flac, ogg, m4a, webm …)."
        ) from error
    if not container.streams.audio:
        raise Refused("The file has no sound in it.")
    made = bytearray()
    resampler = av.AudioResampler("s16", "mono", RATE)
    for frame in chain(container.decode(audio=0), [None]):
        for part in resampler.resample(frame):
            made += bytes(part.planes[0])[: part.samples * 2]
        if len(made) > longest_seconds * RATE * 2:
            raise Refused(f"The sound is longer than {longest_seconds // 60} minutes.")
    return bytes(made)


def main() -> None:
    longest_seconds = int(sys.argv[1])
    limit_self()
    out = sys.stdout.buffer
    try:
        found = samples(sys.stdin.buffer.read(), longest_seconds)
    except Refused as refusal:
        out.write(f"NO {refusal}\n".encode())
    except Exception:
        out.write(b"NO The sound is damaged and cannot be decoded.\n")
    else:
        out.write(b"OK\n")
        out.write(found)


if __name__ == "__main__":
    main()
