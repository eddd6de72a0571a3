"""What a prompt says about music: genre, tempo, key, instruments."""

import re
from dataclasses import dataclass, replace

import numpy as np

NOTES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_FLATS = {"db": 1, "d#": 3, "gb": 6, "g#": 8, "a#": 10}


@dataclass(frozen=True)
class Mood:
    """How a piece is to sound. Instruments are names in `instruments.INSTRUMENTS`."""

    name: str
    words: tuple[str, ...]
    bpm: tuple[int, int]
    minor: bool
    lead: str
    chords: str
    figure: str  # how the chords are played: "held", "arpeggio", "strummed" or "pulsing"
    bass: str
    drums: str  # a pattern in `score.GROOVES`, or "" for none
    swing: float = 0.5  # where the second eighth of a beat falls
    sevenths: bool = False


MOODS = (
    Mood("8-bit", ("8-bit", "8 bit", "chiptune", "retro game", "arcade", "video game"),
         (132, 150), False, "square", "square", "arpeggio", "triangle", "chip"),
    Mood("jazz", ("jazz", "jazzy", "swing", "blues", "bossa", "lounge", "saxophone"),
         (104, 128), False, "electric piano", "electric piano", "pulsing", "upright bass", "jazz",
         swing=0.64, sevenths=True),
    Mood("lo-fi", ("lo-fi", "lofi", "chillhop", "study", "hip hop", "hip-hop", "chill"),
         (74, 84), True, "electric piano", "electric piano", "held", "bass", "lofi",
         swing=0.58, sevenths=True),
    Mood("epic", ("epic", "heroic", "cinematic", "trailer", "battle", "adventure", "orchestral",
                  "triumphant", "war"),
         (92, 104), True, "brass", "strings", "pulsing", "bass", "epic"),
    Mood("electronic", ("electronic", "techno", "dance", "edm", "house", "club", "synthwave",
                        "party", "disco", "trance"),
         (120, 128), True, "saw", "saw", "pulsing", "saw bass", "club"),
    Mood("dark", ("dark", "scary", "horror", "spooky", "tense", "mysterious", "suspense", "evil"),
         (66, 80), True, "bell", "strings", "held", "bass", "sparse"),
    Mood("rock", ("rock", "punk", "metal", "grunge", "energetic", "aggressive"),
         (122, 144), True, "saw", "guitar", "strummed", "saw bass", "rock"),
    Mood("sad", ("sad", "melancholy", "melancholic", "lonely", "grief", "sorrow", "rain",
                 "emotional", "nostalgic"),
         (64, 76), True, "piano", "strings", "held", "bass", ""),
    Mood("calm", ("calm", "relaxing", "peaceful", "ambient", "sleep", "meditation", "soft",
                  "gentle", "quiet", "dreamy", "romantic", "lullaby"),
         (66, 78), False, "piano", "strings", "arpeggio", "bass", ""),
    Mood("happy", ("happy", "joyful", "cheerful", "upbeat", "fun", "bright", "summer", "folk",
                   "country", "pop", "funny", "playful"),
         (108, 122), False, "bell", "guitar", "strummed", "bass", "pop"),
)  # fmt: skip
DEFAULT = replace(MOODS[-1], name="light", words=(), bpm=(96, 108), lead="piano")

LEADS = {
    "piano": "piano", "violin": "strings", "strings": "strings", "guitar": "guitar",
    "flute": "flute", "bell": "bell", "bells": "bell", "harp": "harp", "trumpet": "brass",
    "brass": "brass", "horn": "brass", "synth": "saw", "music box": "bell", "organ": "organ",
    "ukulele": "guitar", "saxophone": "brass", "marimba": "bell",
}  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """A mood with everything decided: what the composer starts from."""

    mood: Mood
    bpm: int
    tonic: int  # semitones above C
    minor: bool

    @property
    def key(self) -> str:
        return f"{NOTES[self.tonic]} {'minor' if self.minor else 'major'}"


def understood(prompt: str, rng: np.random.Generator) -> Wish:
    """Words that are not about music change nothing; what is left open is drawn from `rng`."""
    text = " ".join(prompt.lower().split())
    mood = next((mood for mood in MOODS if _has(text, mood.words)), DEFAULT)
    lead = next((name for word, name in LEADS.items() if _has(text, (word,))), mood.lead)
    tonic, minor = _key(text, mood, rng)
    if _has(text, ("no drums", "without drums")):
        mood = replace(mood, drums="")
    elif not mood.drums and _has(text, ("drums", "drum", "beat", "percussion")):
        mood = replace(mood, drums="pop")
    return Wish(replace(mood, lead=lead), _bpm(text, mood, rng), tonic, minor)


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words)


def _bpm(text: str, mood: Mood, rng: np.random.Generator) -> int:
    drawn = int(rng.integers(mood.bpm[0], mood.bpm[1] + 1))
    if asked := re.search(r"\b(\d{2,3}) ?bpm\b", text):
        return min(200, max(50, int(asked[1])))
    if _has(text, ("fast", "quick", "rapid", "driving", "uptempo")):
        return min(180, round(drawn * 1.22))
    if _has(text, ("slow", "slowly", "downtempo")):
        return max(52, round(drawn * 0.8))
    return drawn


def _key(text: str, mood: Mood, rng: np.random.Generator) -> tuple[int, bool]:
    tonic = int(rng.choice([0, 2, 3, 4, 5, 7, 9, 10]))
    minor = mood.minor
    if named := re.search(r"\b([a-g][#b]?) (major|minor)\b", text):
        names = {name.lower(): number for number, name in enumerate(NOTES)} | _FLATS
        tonic = names.get(named[1], tonic)
    if _has(text, ("major",)):
        minor = False
    elif _has(text, ("minor",)) or (_has(text, ("sad", "dark")) and not mood.minor):
        minor = True
    elif _has(text, ("happy", "joyful")) and mood.minor:
        minor = False
    return tonic, minor
