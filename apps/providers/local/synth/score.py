"""Composes: chords, a bass line, a melody grown from one motif, a groove; in bars of four beats."""

from dataclasses import dataclass, field

import numpy as np

from apps.providers.local.synth.mood import Wish

BEATS = 4
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
PROGRESSIONS = {
    False: ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 4, 3), (0, 2, 3, 4), (3, 4, 2, 5)),
    True: ((0, 5, 2, 6), (0, 3, 5, 4), (0, 6, 5, 6), (0, 2, 6, 5), (5, 6, 0, 0)),
}
RHYTHMS = (
    (1, 1, 2), (1.5, 0.5, 1, 1), (1, 0.5, 0.5, 2), (0.5, 0.5, 1, 1, 1), (2, 1, 1), (1.5, 1.5, 1),
    (0.5, 0.5, 0.5, 0.5, 2),
)  # fmt: skip
# Steps of a beat (sixteenths of a bar) on which each drum is struck, with its loudness.
GROOVES: dict[str, dict[str, dict[int, float]]] = {
    "pop": {
        "kick": {0: 1, 6: 0.6, 8: 0.9}, "snare": {4: 0.8, 12: 0.85},
        "hat": {step: 0.5 if step % 4 else 0.8 for step in range(0, 16, 2)},
    },
    "rock": {
        "kick": {0: 1, 2: 0.6, 8: 1, 10: 0.8}, "snare": {4: 1, 12: 1},
        "hat": {step: 0.7 if step % 4 else 1 for step in range(0, 16, 2)},
    },
    "club": {
        "kick": {0: 1, 4: 1, 8: 1, 12: 1}, "clap": {4: 0.8, 12: 0.8},
        "open hat": {2: 0.5, 6: 0.5, 10: 0.5, 14: 0.6}, "hat": dict.fromkeys(range(16), 0.3),
    },
    "lofi": {
        "kick": {0: 0.9, 7: 0.5, 10: 0.7}, "snare": {4: 0.6, 12: 0.65},
        "hat": {step: 0.35 if step % 4 else 0.5 for step in range(0, 16, 2)},
    },
    "jazz": {
        "ride": {0: 0.7, 4: 0.8, 6: 0.5, 8: 0.7, 12: 0.8, 14: 0.5}, "hat": {4: 0.5, 12: 0.5},
        "kick": {0: 0.35, 10: 0.2}, "snare": {14: 0.15},
    },
    "epic": {
        "tom": {0: 1, 3: 0.5, 6: 0.7, 8: 0.9, 11: 0.5, 14: 0.8, 15: 0.6}, "kick": {0: 1, 8: 0.8},
    },
    "sparse": {"tom": {0: 0.7, 10: 0.35}},
    "chip": {
        "kick": {0: 1, 8: 1, 10: 0.6}, "snare": {4: 0.8, 12: 0.8},
        "hat": dict.fromkeys(range(0, 16, 2), 0.4),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Note:
    """`start` and `length` in beats; `pitch` as MIDI counts it (60 is middle C)."""

    start: float
    length: float
    pitch: int
    loudness: float


@dataclass
class Part:
    """One player. `pan` from -1 (left) to 1 (right)."""

    instrument: str
    level: float
    pan: float
    notes: list[Note] = field(default_factory=list)


@dataclass(frozen=True)
class Hit:
    start: float
    drum: str
    loudness: float


@dataclass(frozen=True)
class Song:
    bpm: int
    parts: tuple[Part, ...]
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class _Bar:
    """One bar: where it is, its chord (a step of the scale), and how much is going on."""

    number: int
    chord: int
    section: str  # "intro", "verse", "chorus" or "end"


class Composer:
    """Writes one piece. Everything it decides comes from the wish and the generator."""

    def __init__(self, wish: Wish, rng: np.random.Generator) -> None:
        self.wish, self.rng = wish, rng
        self.scale = MINOR if wish.minor else MAJOR
        choices = PROGRESSIONS[wish.minor]
        verse, chorus = rng.choice(len(choices), 2, replace=False)
        self.verse, self.chorus = choices[int(verse)], choices[int(chorus)]
        self.motifs = {"verse": self._motif(), "chorus": self._motif()}

    def song(self, bars: int) -> Song:
        """A piece of so many bars, the last of which is one long final chord."""
        mood = self.wish.mood
        lead = Part(mood.lead, 0.95, 0.12)
        chords = Part(mood.chords, 0.5, -0.2)
        bass = Part(mood.bass, 0.85, 0.0)
        hits: list[Hit] = []
        for bar in self._form(bars):
            self._play_chords(bar, chords)
            if bar.section != "intro" or bar.number >= 2:
                self._play_bass(bar, bass)
            if bar.section in ("verse", "chorus"):
                self._play_melody(bar, lead)
                self._play_drums(bar, hits)
        self._end(lead, bars)
        return Song(self.wish.bpm, (lead, chords, bass), tuple(hits))

    def pitch(self, step: int, octave: int) -> int:
        """A step of the scale (7 is the first one an octave up) as a MIDI pitch."""
        return 12 * (octave + 1 + step // 7) + self.wish.tonic + self.scale[step % 7]

    def _form(self, bars: int) -> list[_Bar]:
        """Intro, then eight bars of verse and eight of chorus in turn, then the final chord."""
        intro = 0 if bars < 6 else 2 if bars < 14 else 4
        form = []
        for number in range(bars):
            inside = number - intro
            section = "intro" if inside < 0 else "chorus" if inside // 8 % 2 else "verse"
            chords = self.chorus if section == "chorus" else self.verse
            last = number == bars - 1
            chord = 0 if last else chords[number % 4]
            form.append(_Bar(number, chord, "end" if last else section))
        return form

    def _motif(self) -> list[tuple[float, int, float]]:
        """A bar of melody: (beat, steps from the chord's root, length)."""
        notes, beat, step = [], 0.0, int(self.rng.choice([0, 2, 4]))
        for length in RHYTHMS[int(self.rng.integers(len(RHYTHMS)))]:
            notes.append((beat, step, float(length)))
            beat += length
            step += int(self.rng.choice([-2, -1, -1, 1, 1, 2, 3]))
            step = min(7, max(-2, step))
        return notes

    def _play_melody(self, bar: _Bar, part: Part) -> None:
        """The motif, question and answer; every fourth bar rests on a note of the chord."""
        place = bar.number % 4
        octave = 5 if bar.section == "chorus" else 4
        if place == 3:
            self._note(part, bar, 0, self._near(bar.chord, 2), 2.6, octave, 0.8)
            return
        for beat, step, length in self.motifs[bar.section]:
            strong = beat in (0, 2)
            varied = step + (int(self.rng.choice([-1, 0, 1])) if place == 2 and not strong else 0)
            tone = self._near(bar.chord, varied) if strong else bar.chord % 7 + varied
            if not strong and self.rng.random() < 0.12:
                continue  # a breath
            self._note(part, bar, beat, tone, length * 0.95, octave, 0.86 if strong else 0.7)

    @staticmethod
    def _near(chord: int, step: int) -> int:
        """The note of the chord nearest to so many steps above its root."""
        tone = min((-3, 0, 2, 4, 7), key=lambda candidate: abs(candidate - step))
        return chord % 7 + tone

    def _note(
        self, part: Part, bar: _Bar, beat: float, step: int, length: float, octave: int, loud: float
    ) -> None:
        start = self._swung(bar.number * BEATS + beat) + abs(float(self.rng.normal(0, 0.008)))
        loudness = min(1.0, max(0.2, loud + float(self.rng.normal(0, 0.05))))
        part.notes.append(Note(start, length, self.pitch(step, octave), loudness))

    def _swung(self, beat: float) -> float:
        whole, inside = divmod(beat, 1)
        swing = self.wish.mood.swing
        moved = inside * swing * 2 if inside < 0.5 else swing + (inside - 0.5) * (1 - swing) * 2
        return whole + moved

    def _voices(self, chord: int) -> list[int]:
        """The chord close together in the middle of the keyboard, as steps of the scale."""
        tones = [0, 2, 4, 6] if self.wish.mood.sevenths else [0, 2, 4]
        return sorted((chord + tone) % 7 for tone in tones)

    def _play_chords(self, bar: _Bar, part: Part) -> None:
        voices = self._voices(bar.chord)
        figure = "held" if bar.section == "end" else self.wish.mood.figure
        if figure == "arpeggio":
            ladder = [*voices, voices[0] + 7, *voices[:0:-1]]
            for eighth in range(8):
                self._note(part, bar, eighth / 2, ladder[eighth % len(ladder)], 0.9, 4, 0.55)
            return
        for beat, length, loud in self._strokes(figure):
            for index, voice in enumerate(voices):
                late = index * 0.018 if figure == "strummed" else 0.0  # string after string
                self._note(part, bar, beat + late, voice, length, 4, loud)

    def _strokes(self, figure: str) -> tuple[tuple[float, float, float], ...]:
        """When in a bar the whole chord is struck, for how long, and how loud."""
        if figure == "held":
            return ((0, BEATS * 0.98, 0.6),)
        if figure == "strummed":
            accents = ((0, 0.75), (1, 0.5), (1.5, 0.45), (2.5, 0.5), (3, 0.6), (3.5, 0.45))
            return tuple((beat, 0.8, loud) for beat, loud in accents)
        if self.wish.mood.swing > 0.5:
            return ((0, 0.42, 0.72), (1.5, 0.42, 0.6), (2.5, 0.42, 0.6))
        return tuple((half / 2, 0.42, 0.6 if half % 2 else 0.72) for half in range(8))

    def _play_bass(self, bar: _Bar, part: Part) -> None:
        root = bar.chord % 7
        if bar.section == "end":
            self._note(part, bar, 0, root, BEATS * 0.98, 2, 0.8)
        elif self.wish.mood.name == "jazz":
            for quarter, tone in enumerate((0, 2, 4, int(self.rng.choice([5, 3, 6])))):
                self._note(part, bar, quarter, root + tone, 0.9, 2, 0.8)
        elif self.wish.mood.drums in ("club", "rock", "chip"):
            for eighth in range(8):
                self._note(part, bar, eighth / 2, root, 0.45, 2, 0.85 if eighth % 2 == 0 else 0.65)
        elif self.wish.mood.drums:
            for beat, tone, length in ((0.0, 0, 1.4), (1.5, 0, 0.45), (2.0, 4, 0.9), (3.0, 0, 0.9)):
                self._note(part, bar, beat, root + tone, length, 2, 0.8)
        else:
            self._note(part, bar, 0, root, 2.9, 2, 0.7)
            self._note(part, bar, 3, root + 4, 0.95, 2, 0.5)

    def _play_drums(self, bar: _Bar, hits: list[Hit]) -> None:
        groove = GROOVES.get(self.wish.mood.drums, {})
        first = bar.number * BEATS
        for drum, steps in groove.items():
            for step, loud in steps.items():
                varied = loud * float(self.rng.uniform(0.88, 1.0))
                hits.append(Hit(self._swung(first + step / 4), drum, varied))
        if groove and "snare" in groove and bar.number % 8 == 7:
            hits += [Hit(first + 3 + step / 4, "snare", 0.35 + 0.12 * step) for step in range(4)]
        if groove and bar.section == "chorus" and bar.number % 8 in (0, 4):
            hits.append(Hit(first, "crash", 0.5))

    def _end(self, lead: Part, bars: int) -> None:
        self._note(lead, _Bar(bars - 1, 0, "end"), 0, 7, BEATS * 0.98, 4, 0.75)
