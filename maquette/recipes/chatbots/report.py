"""Conversations with all chatbots at once, and what the report shows of them."""

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from maquette.data.text.tokenizers import WORDS
from maquette.families.blocks import Block, fact, heading, picture, table
from maquette.families.chatting import CUT, Said, Voice, gained, voice_of
from maquette.figures.distances import over_distance
from maquette.methods.eliza import Eliza
from maquette.methods.eliza_reading import read_script
from maquette.methods.eliza_scripts import Script
from maquette.recipes.chatbots import figures
from maquette.recipes.chatbots.data import ANSWERS, Fact, Filler, Manner, sentences_of, words_of
from maquette.recipes.chatbots.settings import TalkOptions
from maquette.runs import Run
from maquette.trained import Trained, read_metrics

NETWORKS = ("rnn", "lstm", "gpt")
NAMES = ("eliza", *NETWORKS)
DISTANCES = (1, 3, 10, 25, 50, 100, 200, 400)  # words between; beyond, each twice as far
MOST_DRAWN = 12  # questions whose answers a page draws
FLAT = 0.1  # bits on either side of 0 that the figure shows at least
A_LINE = 8  # words of other text that ELIZA hears at a time
TIMED = 0.05  # seconds for which ELIZA is asked for its speed
ORIGINS = {
    "said": "said before",
    "known": "of the text or script",
    "made up": "in neither",
}


class Conversation:
    """One conversation with all chatbots; each goes on from what was said to it and from its own answers."""

    def __init__(self, script: Script, voices: dict[str, Voice], manner: Manner, options: TalkOptions):
        self.eliza, self.voices, self.manner, self.options = Eliza(script), voices, manner, options
        self.heard = dict.fromkeys(voices, "")
        self.lines = 0

    @classmethod
    def of(cls, trained: Trained, options: TalkOptions) -> "Conversation":
        """One that has not begun, with the runs that a run needed."""
        voices = {name: voice_of(trained.needed(name)) for name in NETWORKS}
        return cls(script_of(trained.needed("eliza")), voices, Manner(*trained.processing["manner"]), options)

    def replies(self, line: str) -> dict[str, Said]:
        """What each says to a line."""
        self.lines += 1
        said = {"eliza": Said(self.eliza.reply(line).text, math.nan)}
        for name, voice in self.voices.items():
            prompt = self.heard[name] + self.manner.before + line + self.manner.between
            chosen = self.options
            said[name] = voice.answer(
                prompt, self.manner.stop, chosen.letters, chosen.temperature, chosen.seed + self.lines
            )
            self.heard[name] = prompt + said[name].text + self.manner.stop
        return said


def script_of(trained: Trained) -> Script:
    return read_script(trained.processing["script"], f"the script of {trained.folder}")


def origins(answer: str, said: set[str], known: set[str]) -> list[tuple[str, str]]:
    """The words of an answer, each with where it is from."""
    found = []
    for word in WORDS.findall(answer.removesuffix(CUT)):
        small = word.lower()
        is_known = small in known or not word[0].isalpha()
        found.append((word, "said" if small in said else "known" if is_known else "made up"))
    return found


def compared(talk: list[tuple[str, dict[str, Said]]], words: dict[str, list[str]]) -> Iterator[Block]:
    """Answers side by side, then each with where its words are from."""
    yield table("Side by side", ["", *NAMES], [[line, *(said[name].text for name in NAMES)] for line, said in talk])
    for name in NETWORKS:
        letters = sum(len(said[name].text) for _, said in talk)
        seconds = sum(said[name].seconds for _, said in talk)
        yield fact(f"Letters a second, {name}", f"{letters / seconds:,.0f}")
    for line, drawing in drawings(talk, words):
        yield heading(line[:80])
        yield drawing
    if len(talk) > MOST_DRAWN:
        yield fact("Not drawn", f"{len(talk) - MOST_DRAWN:,} questions more")


def drawings(talk: list[tuple[str, dict[str, Said]]], words: dict[str, list[str]]) -> Iterator[tuple[str, Block]]:
    """The first lines, each with a drawing of the words of its answers."""
    known = {name: set(words["eliza" if name == "eliza" else "text"]) for name in NAMES}
    said: set[str] = set()
    for number, (line, answers) in enumerate(talk[:MOST_DRAWN], 1):
        said |= set(words_of(line))
        rows = {name: origins(answers[name].text, said, known[name]) for name in NAMES}
        caption = "Blue stands in what was said before; grey in the training text or the script; orange in neither."
        yield (
            line,
            picture(figures.answers(rows), "What each says, and where its words are from", caption, f"said_{number}"),
        )


def show_talk(talk: list[tuple[str, dict[str, Said]]], words: dict[str, list[str]], run: Run) -> None:
    """The same questions to all."""
    shown = [("(the paragraph)", talk[0][1]), *talk[1:]]
    run.table(
        "The same to all",
        pd.DataFrame([[line, *(said[name].text for name in NAMES)] for line, said in shown], columns=["", *NAMES]),
        "One conversation with each, which begins with the paragraph. Networks draw their letters at temperature 0.8.",
    )
    for number, (line, block) in enumerate(drawings(talk, words)):
        if number:
            run.block({**block, "title": line, "caption": block["caption"] if number == 1 else ""}, block["name"])
    run.table("Where their words are from", pd.DataFrame(counted(talk, words)), "Parts of all words.")


def counted(talk: list[tuple[str, dict[str, Said]]], words: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The part of each one's words that is from each place."""
    known = {name: set(words["eliza" if name == "eliza" else "text"]) for name in NAMES}
    rows = []
    for name in NAMES:
        said: set[str] = set()
        found: list[str] = []
        for line, answers in talk:
            said |= set(words_of(line))
            found += [origin for word, origin in origins(answers[name].text, said, known[name]) if word[0].isalpha()]
        shares = {meaning: found.count(origin) / max(1, len(found)) for origin, meaning in ORIGINS.items()}
        rows.append({"": name, "words": len(found), **shares})
    return rows


def show_made_up(
    voices: dict[str, Voice], question: str, paragraph: str, manner: Manner, known: set[str], run: Run
) -> None:
    """How likely networks hold the course's answer, and words that they were told."""
    rows = []
    told = set(words_of(paragraph))
    before = manner.before + paragraph + manner.between.rstrip() + manner.stop + manner.before + question
    for answer in ANSWERS:
        word = answer.lower()
        row: dict[str, Any] = {"answer": answer, "in the paragraph": "yes" if word in told else "no"}
        row["in the training text"] = "yes" if word in known else "no"
        for name, voice in voices.items():
            row[f"{name}, bits"] = voice.bits(before + manner.between, answer)
        rows.append(row)
    run.table(
        f"Answers to {question!r}",
        pd.DataFrame(rows),
        "Bits of surprise at each answer, after the paragraph and the question: 10 bits are one in a thousand. "
        "The course's answer, watermelons, is nothing that the paragraph says: who gives it has made it up. ELIZA says "
        "what its script holds, and words of what it was told.",
    )


def show_comeback(script: Script, rules: set[str], paragraph: str, fillers: list[Filler], run: Run) -> int:
    """When ELIZA comes back to what it was told, after how many words; the farthest of them, or 0.

    rules: words of its script, which tell nothing.
    """
    rows: list[tuple[int, str, str]] = []
    telling = set(words_of(paragraph)) - rules
    for filler in fillers:
        eliza = Eliza(script)
        for sentence in sentences_of(paragraph):
            eliza.reply(sentence)
        others: set[str] = set()
        for start in range(0, len(filler.words), A_LINE):
            line = " ".join("".join(filler.words[start : start + A_LINE]).split())
            others |= set(words_of(line))
            reply = eliza.reply(line)
            if reply.source == "memory" and (telling - others) & set(words_of(reply.text)):
                rows.append((min(start + A_LINE, len(filler.words)), line, reply.text))
    if not rows:
        run.say("ELIZA never came back to the paragraph: its MEMORY kept nothing of it, or was not asked for it.")
        return 0
    rows.sort(key=lambda row: row[0])
    run.table(
        "When ELIZA comes back to the paragraph",
        pd.DataFrame(rows[:12], columns=["words since", "what it hears", "what it says"]),
        "Its MEMORY keeps sentences with one keyword, and says the oldest when no other keyword is heard and its "
        "counter stands at 4. Nothing fades; but each is said once, then it is gone.",
    )
    return rows[-1][0]


def measure_memory(
    voices: dict[str, Voice], facts: list[Fact], fillers: list[Filler], run: Run
) -> tuple[list[int], dict[str, np.ndarray]]:
    """Distances, and for each network the bits (D, F) by which words are likelier for having been told."""
    farthest = len(fillers[0].words)
    distances = distances_up_to(farthest)
    told, cues, words = ([fact[place] for fact in facts] for place in range(3))
    gains = {}
    for name, voice in voices.items():
        made = [gained(voice, told, cues, words, each.lead, each.words, distances) for each in fillers]
        mean = np.mean(made, axis=0)
        gains[name] = mean[:, ~np.isnan(mean).any(0)]
        if gains[name].shape[1] < len(facts):
            run.say(f"{len(facts) - gains[name].shape[1]} of the words cannot be written by the vocabulary of {name}.")
    lines, bands = {}, {}
    for name, gain in gains.items():
        if gain.shape[1] > 1:
            mean, error = gain.mean(1), 2 * gain.std(1) / math.sqrt(gain.shape[1])
            lines[name], bands[name] = (distances, mean), (mean - error, mean + error)
    ends = [
        f"{name} looks back on {voice.window:,} tokens, some {window_in_words(voice, fillers[0]):,.0f} words, and what "
        "stands further back changes nothing at all"
        for name, voice in voices.items()
        if voice.window is not None
    ]
    drawn = over_distance(lines, "bits gained", x_label="words between", dotted=0.0, dots=True, bands=bands)
    low, high = drawn.axes[0].get_ylim()
    drawn.axes[0].set_ylim(min(low, -FLAT), max(high, FLAT))
    run.picture(
        "memory",
        drawn,
        "What each remembers of the paragraph",
        f"{len(facts)} words of the paragraph are asked for by the beginning of their sentence, after so many words of "
        "other text. Shown is by how many bits each is likelier than for the same network that read other text "
        f"instead; 1 bit is twice as likely. Shaded: twice the error of the mean. {'. '.join(ends)}.",
    )
    return distances, gains


def distances_up_to(farthest: int) -> list[int]:
    """The distances that are measured, the last one being the farthest."""
    found = list(DISTANCES)
    while 2 * found[-1] < farthest:
        found.append(2 * found[-1])
    return [*(distance for distance in found if distance < farthest), farthest]


def window_in_words(voice: Voice, filler: Filler) -> float:
    assert voice.window is not None
    return voice.window * len(filler.words) / max(1, len(voice.encode("".join(filler.words))))


def show_learning(needed: dict[str, Trained], factors: dict[str, float], run: Run) -> None:
    """Bits a byte over the seconds of training of each network; factors: bits a byte of a nat a token."""
    lines = {}
    for name, factor in factors.items():
        metrics = [line for line in read_metrics(needed[name].folder) if "valid_loss" in line]
        seconds, losses = ([line[key] for line in metrics] for key in ("seconds", "valid_loss"))
        lines[name] = (np.array(seconds, dtype=float), factor * np.array(losses, dtype=float))
    run.picture(
        "learning",
        figures.learning(lines, "lstm", "gpt"),
        "How they learnt",
        "On a sample of the test part, over the time that each has trained; a ring where the GPT passes the LSTM.",
    )


def show_four(needed: dict[str, Trained], rows: dict[str, dict[str, float]], run: Run) -> None:
    """What each is, and what was measured of it."""
    told = []
    for name in NAMES:
        trained = needed[name]
        network = trained.model
        count = sum(weight.numel() for weight in network.parameters()) if network is not None else 0
        told.append(
            {
                "": name,
                "recipe": trained.recipe,
                "tokens": "words" if network is None else trained.settings["tokenizer"],
                "weights": count,
                "bits a byte": rows[name].get("bits_per_byte"),
                "remembers, words": rows[name]["remembered_words"],
            }
        )
    run.table("The four", pd.DataFrame(told), "Among the scores, this model is the GPT.")


def speed_of_rules(script: Script, questions: list[str]) -> float:
    """Letters that ELIZA says in a second."""
    eliza, letters, began = Eliza(script), 0, time.perf_counter()
    while (seconds := time.perf_counter() - began) < TIMED:
        letters += sum(len(eliza.reply(question).text) for question in questions)
    return letters / seconds
