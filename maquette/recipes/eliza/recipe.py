"""ELIZA, the first program that people talked to (Weizenbaum 1966): keywords, patterns, and answers put together.

Nothing is learnt: a script holds all that it can say. Replies are compared to a known conversation, to the letter,
beside those of the same script without one of its means; sentences made of the rules tell which of them can be reached.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from maquette.data.sets.fetching import resolve
from maquette.methods.eliza_reading import read_script
from maquette.methods.eliza_scripts import Script
from maquette.recipes.eliza import report
from maquette.recipes.eliza.data import (
    Exchange,
    answers_of,
    conversation_of,
    exact_share,
    fired,
    poorer,
    probes,
    replayed,
    text_in,
)
from maquette.recipes.eliza.settings import Settings
from maquette.runs import Run
from maquette.steps import Fitted, Framing, Scores

SOURCE = "eliza"
EXACT, REACHED = "exact_replies", "rules_reached"


class Collected(NamedTuple):
    """A script as it was written and as it was read, and the known conversation with it, if there is one."""

    text: str
    script: Script
    talk: list[Exchange]


@dataclass(frozen=True)
class Prepared:
    """The script and the known conversation."""

    script: Script
    talk: list[Exchange]
    processing: dict[str, Any]
    examples: None = None


def frame(settings: Settings) -> Framing:
    talk = conversation_of(resolve(settings.data, SOURCE), settings.conversation)
    return Framing(
        question="How far do the rules of a script carry a conversation?",
        inputs="a sentence",
        outputs="a reply, and the rule that gave it",
        score=EXACT if talk else REACHED,
        higher_is_better=True,
        headline=(
            f"Share of the known conversation's replies met to the letter: {{{EXACT}}}; without ranks "
            f"{{without ranks|{EXACT}}}."
            if talk
            else f"Share of the script's answers that sentences made of its rules reach: {{{REACHED}}}."
        ),
    )


def collect(settings: Settings, run: Run) -> Collected:
    found = resolve(settings.data, SOURCE)
    text = text_in(found.path, "a script")
    script = read_script(text, settings.data or found.path.name)
    talk = conversation_of(found, settings.conversation)
    run.record_source(found, rules=len(script.rules), notes=script.notes)
    return Collected(text, script, talk)


def analyze(data: Collected, settings: Settings, run: Run) -> dict[str, Any]:
    return report.show_script(data.script, run)


def process(data: Collected, settings: Settings, run: Run) -> Prepared:
    report.show_preparing(data.script, run)
    return Prepared(data.script, data.talk, {"script": data.text})


def build(prepared: Prepared, settings: Settings) -> None:
    return None


def train(model: None, prepared: Prepared, settings: Settings, run: Run) -> Fitted:
    run.say("There is nothing to train. What could be learnt was written by hand: the script.")
    return Fitted()


def score(model: None, prepared: Prepared, fitted: Fitted, settings: Settings, run: Run) -> Scores:
    script, talk = prepared.script, prepared.talk
    replies = replayed(script, talk)
    made = replayed(script, [Exchange(sentence, "") for sentence in probes(script)])
    answers, reached, used = answers_of(script), fired(made), fired(replies)
    report.show_reached(script, answers, reached, used, run)
    values = {REACHED: len(reached.keys() & answers.keys()) / len(answers)}
    baselines = {"NONE alone": {REACHED: len(script.none.transformations[0].answers) / len(answers)}}
    with run.section("predict"):
        report.show_walk(script, settings.sentence, run)
        if talk:
            report.show_replay(script, talk, replies, run)
    if talk:
        values = {EXACT: exact_share(script, talk), **values}
        for name, other in poorer(script).items():
            baselines.setdefault(name, {})[EXACT] = exact_share(other, talk)
        baselines["the known conversation alone"] = {REACHED: len(used) / len(answers)}
    return Scores(values, baselines)
