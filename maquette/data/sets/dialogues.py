"""Dialogues with summaries, of our own making: a grammar that says of each talk, exactly, what came of it.

Two people talk about something to do together. What is proposed, whether it suits, what is done instead, where they
meet and who brings what is said in turns, among greetings and small talk that no summary mentions.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

NAMES = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Iris", "Jonas", "Kate", "Leo")
DOINGS = {  # what is done together -> where one may meet for it
    "play tennis": ("the park", "the sports hall"),
    "see a film": ("the cinema", "the station"),
    "have dinner": ("the market square", "the old bridge"),
    "visit the museum": ("the museum", "the station"),
    "go for a walk": ("the river", "the park"),
    "study for the test": ("the library", "the school"),
    "bake a cake": ("the kitchen", "the market square"),
    "play chess": ("the library", "the cafe"),
    "go swimming": ("the lake", "the sports hall"),
    "listen to a concert": ("the theatre", "the cinema"),
}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS = ("three", "four", "five", "six", "seven", "eight")
REASONS = {  # as it is said, and as it is told of someone
    "I have to work": "has to work",
    "I am visiting my parents": "is visiting the parents",
    "I have a doctor's appointment": "has a doctor's appointment",
    "I am too tired": "is too tired",
    "I have no money left": "has no money left",
}
THINGS = ("the tickets", "some sandwiches", "an umbrella", "a camera", "a map", "something to drink")
GREETINGS = ("Hi, {}. How are you?", "Hello, {}. Nice to see you.", "{}, what a surprise!", "Good morning, {}.")
REPLIES = ("I'm fine, thanks.", "Not bad. And you?", "Oh, hello!", "Busy as ever.")
CHATS = (
    ("The weather is lovely today.", "Yes, it is warm for the season."),
    ("Did you sleep well?", "Like a stone."),
    ("My bus was late again.", "Mine never comes on time either."),
    ("I like your new coat.", "Thank you, it was a present."),
    ("Have you had lunch?", "Only an apple."),
)
PARTS = {"train": 3_000, "test": 300}


def pick(g: np.random.Generator, among: Sequence[str]) -> str:
    return among[int(g.integers(len(among)))]


def dialogue(g: np.random.Generator) -> tuple[str, str]:
    """Turns, one a line, and their summary."""
    one, other = (NAMES[at] for at in g.choice(len(NAMES), 2, replace=False))
    doing, instead = (list(DOINGS)[at] for at in g.choice(len(DOINGS), 2, replace=False))
    day, another = (DAYS[at] for at in g.choice(len(DAYS), 2, replace=False))
    turns = [(one, pick(g, GREETINGS).format(other)), (other, pick(g, REPLIES))]
    if g.random() < 0.6:
        asked, answered = CHATS[g.integers(len(CHATS))]
        turns += [(one, asked), (other, answered)]
    turns.append((one, f"Shall we {doing} on {day}?"))
    told = [f"{one} asks {other} to {doing} on {day}"]
    kind = g.choice(["yes", "another day", "something else", "no"], p=[0.35, 0.25, 0.2, 0.2])
    final = doing
    if kind != "yes":
        reason = pick(g, list(REASONS))
        turns.append((other, f"Sorry, {reason} then." if kind == "another day" else f"I can't, {reason}."))
        told[0] += f", but {other} {REASONS[reason]}"
    if kind == "yes":
        turns.append((other, pick(g, ("With pleasure!", "Good idea.", "Yes, I'd love to."))))
        told[0] += f" and {other} agrees"
    elif kind == "another day":
        turns += [(other, f"What about {another}?"), (one, f"{another} is fine.")]
        told[0] += f", so they choose {another}"
    elif kind == "something else":
        final = instead
        turns += [(other, f"Couldn't we {instead}?"), (one, "That is even better.")]
        told[0] += f", so they will {instead}"
    else:
        turns.append((one, pick(g, ("What a pity.", "Another time, then."))))
        told[0] += " and refuses"
    if kind != "no":
        place, hour = pick(g, DOINGS[final]), pick(g, HOURS)
        turns += [(one, f"Let's meet at {place} at {hour}."), (other, "I'll be there.")]
        told.append(f"They will meet at {place} at {hour}")
        if g.random() < 0.4:
            thing, who = pick(g, THINGS), one if g.random() < 0.5 else other
            asks = other if who == one else one
            turns += [(asks, f"Could you bring {thing}?"), (who, "Of course.")]
            told.append(f"{who} will bring {thing}")
    turns.append((one, pick(g, ("See you!", "Bye!", "Take care."))))
    return "\n".join(f"{who}: {said}" for who, said in turns), "".join(f"{each}. " for each in told).strip()


def write_dialogues(folder: Path) -> None:
    """Files of JSON lines for training and for testing; no dialogue is in both."""
    g, seen = np.random.default_rng(5), set[str]()
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in PARTS.items():
        rows: list[str] = []
        while len(rows) < count:
            talk, summary = dialogue(g)
            if talk not in seen:
                seen.add(talk)
                rows.append(json.dumps({"dialogue": talk, "summary": summary}) + "\n")
        (folder / f"dialogues.{part}.jsonl").write_bytes("".join(rows).encode())
