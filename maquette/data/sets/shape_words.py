"""Scenes of shapes in words: said in several ways, and read from words again.

A scene is a row of eight numbers, places in the lists below: shape, colour, style, number, action, shape and colour of
a second thing, and the side to which it leans, rolls or is beside that; -1 where there is none, or where it is left
open.
"""

import re
from collections.abc import Sequence

import numpy as np

SHAPES = ("circle", "square", "triangle", "star", "heart", "cross", "moon", "arrow")
PLURALS = ("circles", "squares", "triangles", "stars", "hearts", "crosses", "moons", "arrows")
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
STYLES = ("filled", "outlined", "striped", "dotted")
NUMBERS = ("one", "two", "three", "four")
ACTIONS = ("standing", "leaning", "jumping", "rolling", "beside", "on top of")
PLACES = ("left", "right")
STANDING, LEANING, JUMPING, ROLLING, BESIDE, ON = range(6)
SHAPE, COLOUR, STYLE, NUMBER, ACTION, SECOND_SHAPE, SECOND_COLOUR, PLACE = range(8)
SIDED = (LEANING, ROLLING, BESIDE)  # actions that have a place

DOING = {
    STANDING: ("standing", "standing on the ground"),
    LEANING: ("leaning", "leaning on a wall"),
    JUMPING: ("jumping", "jumping over a line"),
    ROLLING: ("rolling", "rolling down a slope"),
    BESIDE: ("beside", "next to"),
    ON: ("on top of", "on"),
}
WHERE = {LEANING: "leaning on a wall on the {}", ROLLING: "rolling down to the {}", BESIDE: "{} of"}
TEMPLATES = (
    "{a}{style} {colour} {shape} {doing}",
    "{b}{colour} {shape} {doing}, {style}",
    "{doing}: {b}{colour} {shape}, {style}",
    "{style} {colour} {shape}, {doing}",
)
WAYS = 2 * len(TEMPLATES)


def caption(scene: Sequence[int], way: int) -> str:
    """A scene in words, in one of `WAYS` ways, of which the second half say where."""
    shape, colour, style, number, action, other, its, place = (int(each) for each in scene)
    template, long = TEMPLATES[way % len(TEMPLATES)], way // len(TEMPLATES) % 2
    noun = SHAPES[shape] if number == 0 else PLURALS[shape]
    doing = WHERE[action].format(PLACES[place]) if long and place >= 0 else DOING[action][long]
    if action in (BESIDE, ON):
        doing = f"{doing} {article(COLOURS[its])}{COLOURS[its]} {SHAPES[other]}"
        if way % len(TEMPLATES) == 1:
            template = "{b}{colour} {shape}, {style}, {doing}"
    counted = f"{NUMBERS[number]} " if number else ""
    words = {"style": STYLES[style], "colour": COLOURS[colour], "shape": noun, "doing": doing}
    if number and "{a}" not in template and "{b}" not in template:
        template = "{a}" + template
    return template.format(a=counted or article(STYLES[style]), b=counted or article(COLOURS[colour]), **words)


def article(word: str) -> str:
    return "an " if word[0] in "aeiou" else "a "


def any_of(*lists: Sequence[str]) -> str:
    return "|".join(re.escape(word) for words in lists for word in sorted(words, key=len, reverse=True))


SECOND = re.compile(
    r"(beside|next to|left of|right of|on top of|on) (?:an? |the )?(?:filled )?"
    rf"(?P<colour>{any_of(COLOURS)}) (?P<shape>{any_of(SHAPES)})\b"
)
VERBS = {STANDING: "stand", LEANING: "lean", JUMPING: "jump", ROLLING: "roll"}


def scene_of(words: str) -> np.ndarray | None:
    """The scene (8,) that words speak of, -1 for what they leave open; None where they name no shape or no colour."""
    text = " ".join(words.lower().split())
    scene = np.full(8, -1)
    side = re.search(rf"\b({any_of(PLACES)})\b", text)
    if match := SECOND.search(text):
        scene[ACTION] = ON if match[1].startswith("on") else BESIDE
        scene[SECOND_SHAPE], scene[SECOND_COLOUR] = SHAPES.index(match["shape"]), COLOURS.index(match["colour"])
        text = text[: match.start()] + text[match.end() :]
    for action, verb in VERBS.items():
        if scene[ACTION] < 0 and re.search(rf"\b{verb}(s|ing)?\b", text):
            scene[ACTION] = action
    if side and scene[ACTION] in SIDED:
        scene[PLACE] = PLACES.index(side[1])
    noun = re.search(rf"\b({any_of(SHAPES, PLURALS)})\b", text)
    colour = re.search(rf"\b({any_of(COLOURS)})\b", text)
    if not noun or not colour:
        return None
    is_one = noun[1] in SHAPES
    scene[SHAPE] = SHAPES.index(noun[1]) if is_one else PLURALS.index(noun[1])
    scene[COLOUR] = COLOURS.index(colour[1])
    for place, name in ((STYLE, STYLES), (NUMBER, NUMBERS)):
        if found := re.search(rf"\b({any_of(name)})\b", text):
            scene[place] = name.index(found[1])
    if scene[NUMBER] < 0 and is_one:
        scene[NUMBER] = 0
    return scene
