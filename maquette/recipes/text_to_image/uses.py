"""What a run draws: prompts, mixtures of words, variations of pictures, ways between, pictures changed by words."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from maquette.data.pictures.files import Picture, to_channels
from maquette.families.blocks import Block, picture, say, warn
from maquette.families.captions import Wording
from maquette.families.diffusing import Condition
from maquette.families.generating import AT_ONCE, Noise, check_frames, film_of, noise, pixels_of, read_unit, sheet
from maquette.families.painting import Painter, painter_of, turned
from maquette.figures.images import rows
from maquette.media import in_batches
from maquette.media.captions import Mixed
from maquette.media.film import Film
from maquette.recipes.text_to_image.data import KINDS, listed, pattern_of, prompts_of
from maquette.recipes.text_to_image.settings import (
    DrawOptions,
    EditOptions,
    FilmOptions,
    InterpolateOptions,
    MixOptions,
    PaintOptions,
)
from maquette.settings import UserError
from maquette.trained import Trained

SLUG = 48  # letters of a prompt in a file's name
MOST_MIXED = 600  # pictures of a page
MOST_FILMED = 64
SEEDS = 6  # pictures beside each other where there are no actions to mix


def painter_in(trained: Trained) -> Painter:
    """The networks of a run with its CLIP."""
    return painter_of(trained.model, trained.needed("clip").model, trained.processing)


def strange(wording: Wording, texts: Iterable[str]) -> tuple[str, ...]:
    """What is doubtful about prompts."""
    return tuple(wording.doubts(list(texts), "what is drawn of it"))


def draw(trained: Trained, inputs: Iterable[str], options: DrawOptions) -> Iterator[Picture]:
    """For each prompt, a line of a file being one, so many pictures; picture k of a seed is the same in any company."""
    painter, done = painter_in(trained), 0
    against = against_of(painter, options)
    prompts = prompts_of(inputs)
    notes = strange(painter.wording, [*prompts, options.negative])
    jobs = ((number, text, copy) for number, text in enumerate(prompts) for copy in range(options.count))
    for some in in_batches(jobs, AT_ONCE):
        told = told_of(painter, [text for _, text, _ in some], options, done)
        other = None if against is None else against_for(against, len(some))
        made = painter.painted(told, options.seed, done, guidance=options.guidance, steps=options.steps, against=other)
        done += len(some)
        for (number, text, copy), pixels in zip(some, pixels_of(made), strict=True):
            name = file_name(number, text, copy, options.count)
            yield Picture(pixels, name=name, notes=notes)


def file_name(number: int, text: str, copy: int, count: int) -> str:
    """`0001-a-red-circle`, and the number of the copy where there are several."""
    slug = re.sub(r"[^0-9a-z]+", "-", text.lower())[:SLUG].strip("-")
    return "-".join([f"{number + 1:04d}", *([slug] if slug else []), *([f"{copy + 1}"] if count > 1 else [])])


def told_of(painter: Painter, texts: Sequence[str], options: PaintOptions, first: int) -> Condition:
    return painter.condition(texts, options.seed, first)


def against_of(painter: Painter, options: DrawOptions) -> Condition | None:
    """What pictures are to show nothing of, which stands for what is expected without words."""
    if not options.negative.strip():
        return None
    return painter.condition(prompts_of([options.negative])[:1], options.seed)


def against_for(one: Condition, count: int) -> Condition:
    return Condition(*(None if each is None else each.expand(count, *each.shape[1:]) for each in one))


def film(trained: Trained, inputs: Iterable[str], options: FilmOptions) -> Iterator[Film]:
    """The way from noise to pictures of prompts, all of them as one grid."""
    painter = painter_in(trained)
    prompts = prompts_of(inputs)
    texts = [text for text in prompts for _ in range(options.count)]
    if len(texts) > MOST_FILMED:
        raise UserError(f"A film shows at most {MOST_FILMED} pictures, and {len(texts):,} were asked for.")
    notes = strange(painter.wording, [*prompts, options.negative])
    against = against_of(painter, options)
    told = told_of(painter, texts, options, 0)
    steps = options.steps or options.frames - 1
    begin = noise(len(texts), shape_of(painter), options.seed)
    stages = painter.stages(
        told, Noise(len(texts), options.seed), guidance=options.guidance, steps=steps,
        against=None if against is None else against_for(against, len(texts)),
    )  # fmt: skip
    shown = [begin, *(stage.shown for stage in stages)]
    places = np.linspace(0, len(shown) - 1, options.frames).round().astype(int)
    yield Film((to_channels(sheet(shown[place]), 3) for place in places), options.frames, options.rate, notes)


def mix(trained: Trained, inputs: Iterable[str], options: MixOptions) -> Iterator[Block]:
    """Every subject with every action, a grid for each style; without actions each subject several times."""
    painter = painter_in(trained)
    given = [options.subjects, options.actions, options.styles]
    if all(each is None for each in given):
        lists = [painter.known["mixed"][kind] for kind in KINDS]
    else:
        lists = [listed(each or "") for each in given]
    subjects, actions, styles = lists
    if not subjects and (actions or styles):
        raise UserError("Actions and styles are mixed with subjects; name some with --subjects, by commas.")
    if not subjects:
        raise UserError("The captions have no words that could be mixed; name some with --subjects, by commas.")
    known = painter.known.get("samples", ())  # not in runs of before
    pattern = options.prompt or pattern_of(known, dict(zip(KINDS, lists, strict=True)))
    places = re.findall(r"{(\w*)}", pattern)
    if "subject" not in places or set(places) - {"subject", "action", "style"}:
        raise UserError(f"--prompt {pattern!r} must have {{subject}}, and may have {{action}} and {{style}}.")
    columns = actions or [""] * SEEDS
    if (total := len(subjects) * len(columns) * max(len(styles), 1)) > MOST_MIXED:
        raise UserError(f"{total:,} pictures are more than a page shows well; mix at most {MOST_MIXED}.")
    prompts = [
        [prompt_of(pattern, subject, action, style) for subject in subjects for action in columns]
        for style in styles or [""]
    ]
    yield say(
        f"{total} pictures, each of the words at its row, above its column and below the grid, put together as "
        f"'{pattern}', such as: {prompts[0][0]}"
    )
    yield from map(warn, strange(painter.wording, (text for each in prompts for text in each)))
    for number, (style, texts) in enumerate(zip(styles or [""], prompts, strict=True)):
        first = number * len(texts)
        told = told_of(painter, texts, options, first)
        made = pixels_of(painter.painted(told, options.seed, first, guidance=options.guidance, steps=options.steps))
        lines = made.reshape(len(subjects), len(columns), *made.shape[1:])
        grid = {subject: list(line) for subject, line in zip(subjects, lines, strict=True)}
        yield picture(rows(grid, actions, most_height=1.1), style or "Mixed")


def prompt_of(pattern: str, subject: str, action: str, style: str) -> str:
    """The three in their places; what is empty leaves no gap and no comma."""
    text = pattern.replace("{subject}", subject).replace("{action}", action).replace("{style}", style)
    return re.sub(r"\s+,|,\s*(?=,|$)", "", " ".join(text.split())).strip(" ,")


def vary(trained: Trained, inputs: Iterable[Picture], options: PaintOptions) -> Iterator[Picture]:
    """What the decoder draws from each picture's embedding, told no words, by other noise."""
    painter, done = painter_in(trained), 0
    for some in in_batches(inputs, AT_ONCE):
        seen = seen_in(painter, some)
        made = painter.painted(
            painter.told(None, seen), options.seed, done, guidance=options.guidance, steps=options.steps
        )
        done += len(some)
        for each, pixels in zip(some, pixels_of(made), strict=True):
            yield each.answered(pixels)


def interpolate(trained: Trained, inputs: Mixed, options: InterpolateOptions) -> Iterator[Film]:
    """The way from each to the next, words first and then pictures: along the arcs between their embeddings."""
    painter = painter_in(trained)
    given = [one for _, one in inputs.pictures.some(range(len(inputs.pictures)))]
    prompts = prompts_of(inputs.words) if inputs.words else []
    if len(given) + len(prompts) < 2:
        raise UserError("interpolate goes from one picture or text to another; give two or more.")
    check_frames(options.frames, len(given) + len(prompts))
    ends = torch.cat([
        *([painter.embeddings(painter.said(prompts), options.seed)] if prompts else []),
        *([seen_in(painter, given)] if given else []),
    ])  # fmt: skip
    between = []
    for place in np.linspace(0, len(ends) - 1, options.frames):
        first = min(int(place), len(ends) - 2)
        between.append(turned(ends[first, None], ends[first + 1, None], float(place) - first))
    begin = noise(1, shape_of(painter), options.seed)
    told = painter.told(None, torch.cat(between))
    made = film_of(painter.painted_from(told, begin, guidance=options.guidance, steps=options.steps), options.rate)
    yield replace(made, notes=strange(painter.wording, prompts))


def edit(trained: Trained, inputs: Mixed, options: EditOptions) -> Iterator[Picture]:
    """Each picture changed as the words change from the first text to the second."""
    painter = painter_in(trained)
    words = prompts_of(inputs.words)
    if len(words) != 2:
        raise UserError(f"edit takes two texts, what a picture shows and what it is to show; {len(words)} were given.")
    notes = strange(painter.wording, words)
    old, new = (painter.said([text]) for text in words)
    some = (inputs.pictures.some(numbers) for numbers in in_batches(range(len(inputs.pictures)), AT_ONCE))
    for number, one in chain.from_iterable(some):  # alone: the noise found for it must not hang on others
        (made,) = painter.edited(read_unit([one], painter.known), old, new, [options.strength], options.steps)
        yield Picture(pixels_of(made)[0], name=inputs.pictures.name(number), notes=notes)


def seen_in(painter: Painter, pictures: Sequence[Picture]) -> Tensor:
    """The embeddings of pictures of any size."""
    return painter.seen(read_unit(pictures, painter.known).add(1).div(2))


def shape_of(painter: Painter) -> tuple[int, int, int]:
    return 3, painter.known["size"], painter.known["size"]
