"""Chatbots of four ages side by side: ELIZA's rules, a plain recurrent network, an LSTM and a GPT.

Four runs are taken, or made first on one text. All are told a paragraph and asked the same questions. How well the
networks know the text stands in bits a byte; how far back each remembers is measured by how much likelier a word of
the paragraph becomes for having been told, after 10 to 400 words of other text.
"""

import math
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from maquette.families.chatting import Voice, remembered, voice_of
from maquette.families.corpora import LEARNT_FROM, Split, analyze_texts, collect_texts, gzip_bits
from maquette.recipes.chatbots import report
from maquette.recipes.chatbots.data import (
    PARAGRAPH,
    QUESTIONS,
    Fact,
    Filler,
    Manner,
    facts_of,
    fillers_of,
    lines_of,
    manner_of,
    text_at,
    words_of,
)
from maquette.recipes.chatbots.report import NAMES, NETWORKS, Conversation
from maquette.recipes.chatbots.settings import Settings, TalkOptions
from maquette.runs import Run
from maquette.steps import Fitted, Framing, Scores
from maquette.trained import Trained

MEASURED = 1 << 20  # characters of the test part for bits a byte
TIMED = 300  # letters for the speed
SPEED = "letters_per_second"


class Collected(NamedTuple):
    """The text, and how its parts are cut: as the GPT's were."""

    split: Split
    needed: dict[str, Trained]


@dataclass(frozen=True)
class Prepared:
    """What is told and asked, the words that come between, and the text of the test part."""

    split: Split
    test: str
    facts: list[Fact]
    fillers: list[Filler]
    paragraph: str
    questions: list[str]
    processing: dict[str, Any]
    examples: None = None


def frame(settings: Settings) -> Framing:
    facts_of(text_at(settings.paragraph, PARAGRAPH, "paragraph"), settings.asked)
    lines_of([text_at(settings.questions, "\n".join(QUESTIONS), "questions")])
    return Framing(
        question="What does each age of chatbots answer to the same question, and how far back does it remember?",
        inputs="a line of a conversation",
        outputs="the answers of ELIZA, an RNN, an LSTM and a GPT",
        score="bits_per_byte",
        headline="Bits a byte: RNN {rnn|bits_per_byte}, LSTM {lstm|bits_per_byte}, GPT {bits_per_byte}. Words over "
        "which they remember what they were told: RNN {rnn|remembered_words}, LSTM {lstm|remembered_words}, GPT "
        "{remembered_words}, ELIZA {eliza|remembered_words}.",
    )


def collect(settings: Settings, run: Run) -> Collected:
    texts = collect_texts(settings.data, settings.field, run)
    theirs = run.needed["gpt"].settings
    for name in NETWORKS:
        check_text(name, run.needed[name], run.source, theirs, run)
    for name in NAMES:
        given = getattr(settings, name)
        run.fact(f"The {name}", given or "made here first")
    return Collected(Split(texts, theirs["test_share"], theirs["seed"]), run.needed)


def check_text(name: str, trained: Trained, source: dict[str, Any], theirs: dict[str, Any], run: Run) -> None:
    """Say so where a network has learnt from another text, or may have learnt from what it is measured on."""
    if (trained.source.get("sha256"), trained.source.get("bytes")) != (source.get("sha256"), source.get("bytes")):
        run.warn(
            f"{name} has learnt from {trained.source.get('path')}, and not from this text: its bits a byte are of a "
            "text unlike its own. Give --data, or train it on this one."
        )
    elif any(trained.settings[key] != theirs[key] for key in ("test_share", "seed")):
        run.warn(f"{name} kept another part of the text for its test than gpt: it has seen some of what it is asked.")


def analyze(data: Collected, settings: Settings, run: Run) -> dict[str, Any]:
    return analyze_texts(data.split.texts, run)


def process(data: Collected, settings: Settings, run: Run) -> Prepared:
    paragraph = text_at(settings.paragraph, PARAGRAPH, "paragraph")
    questions = lines_of([text_at(settings.questions, "\n".join(QUESTIONS), "questions")])
    facts = facts_of(paragraph, settings.asked)
    test = part_of(data.split, "test", MEASURED)
    told = len(paragraph.split())
    fillers = fillers_of(test, settings.fillers, settings.farthest, told, run.random("fillers"))
    train = part_of(data.split, "train", LEARNT_FROM)
    manner = manner_of(train[:MEASURED])
    script = report.script_of(data.needed["eliza"])
    rules = " ".join([script.greeting, *script.rules, *(str(answer) for answer in script.all_answers())])
    words = {"text": sorted(set(words_of(train))), "eliza": sorted(set(words_of(rules)))}
    run.fact("Words told", told)
    run.fact("A question is put as", repr(manner.before + "..." + manner.between))
    run.fact("An answer ends with", repr(manner.stop))
    run.table("What is asked for", pd.DataFrame([[f.cue, f.word] for f in facts], columns=["after", "the word"]))
    processing = {"manner": list(manner), "known": words, "fillers": [list(filler) for filler in fillers]}
    return Prepared(data.split, test, facts, fillers, paragraph, questions, processing)


def part_of(split: Split, name: str, most: int) -> str:
    """The first characters of a part."""
    found, length = [], 0
    for text in split.part(name):
        found.append(text[: most - length])
        length += len(found[-1])
        if length >= most:
            break
    return "".join(found)


def build(prepared: Prepared, settings: Settings) -> None:
    return None


def train(model: None, prepared: Prepared, settings: Settings, run: Run) -> Fitted:
    run.say(
        "Nothing is trained in this step: each of the four is a run of its own, which stands in `needs` or was given."
    )
    return Fitted()


def score(model: None, prepared: Prepared, fitted: Fitted, settings: Settings, run: Run) -> Scores:
    voices = {name: voice_of(run.needed[name]) for name in NETWORKS}
    script, manner = report.script_of(run.needed["eliza"]), Manner(*prepared.processing["manner"])
    rows: dict[str, dict[str, float]] = {name: {} for name in NAMES}
    factors = {}
    for name, voice in voices.items():
        tokens, size = len(voice.tokenizer.encode(prepared.test)), len(prepared.test.encode("utf-8", "replace"))
        factors[name] = tokens / (math.log(2) * size)
        rows[name]["bits_per_byte"] = voice.bits_per_byte(prepared.test)
    report.show_learning(run.needed, factors, run)
    words = prepared.processing["known"]
    with run.section("predict"):
        distances, gains = report.measure_memory(voices, prepared.facts, prepared.fillers, run)
        for name, gain in gains.items():
            rows[name]["remembered_words"] = remembered(gain, distances) if gain.shape[1] > 1 else 0
        rows["eliza"]["remembered_words"] = report.show_comeback(
            script, set(words["eliza"]), prepared.paragraph, prepared.fillers, run
        )
        conversation = Conversation(script, voices, manner, TalkOptions(seed=settings.seed))
        talk = [(line, conversation.replies(line)) for line in (prepared.paragraph, *prepared.questions)]
        report.show_talk(talk, words, run)
        if prepared.paragraph == PARAGRAPH:
            report.show_made_up(voices, QUESTIONS[0], PARAGRAPH, manner, set(words["text"]), run)
        report.show_four(run.needed, rows, run)
    for name, voice in voices.items():
        rows[name][SPEED] = speed(voice, manner.before + prepared.questions[0] + manner.between)
    rows["eliza"][SPEED] = report.speed_of_rules(script, prepared.questions)
    units = {SPEED: "letters/s"}
    youngest = rows.pop("gpt")
    return Scores(youngest, {**rows, "gzip": {"bits_per_byte": gzip_bits(prepared.split)}}, units)


def speed(voice: Voice, prompt: str) -> float:
    """Letters that it writes in a second, without what the first ones take to load."""
    voice.answer(prompt, "", 8, 0.8, 0)
    began = time.perf_counter()
    said = voice.answer(prompt, "", TIMED, 0.8, 0)
    return len(said.text) / (time.perf_counter() - began)
