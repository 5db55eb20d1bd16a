"""What the report shows of pictures from words: are the words right, which part adds what, guidance, ways between."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from maquette.data.pictures.films import write_film
from maquette.data.rows import evenly
from maquette.families.captions import CaptionParts
from maquette.families.diffusing import strip_of
from maquette.families.generating import Noise, beside, noise, pixels_of, sheet, to_unit
from maquette.families.judging_words import Prompts, attribute_table, interval, prompts_of, right_in, shuffled
from maquette.families.painting import WAYS, Painter, Way, turned
from maquette.families.pairing import AMONG, JUDGE_STEPS, taught_judge
from maquette.figures.captions import pictures_and_words
from maquette.figures.images import rows
from maquette.figures.style import GREEN, INK, ORANGE
from maquette.measures.copying import nearest
from maquette.recipes.text_to_image.settings import Settings
from maquette.runs import Run
from maquette.steps import Scores

SHOWN = 8
GUIDED = (1.0, 2.0, 4.0, 8.0)
FILMED = 9
TURNED = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75)  # parts of the way to the change of words
BRIEF = 60  # fewer judged pictures than this: the rest is brief, too
TOLD = {
    "prior": "prior, and the words",
    "text as picture": "text embedding in the picture's place, and the words",
    "text alone": "the words alone",
    "prior alone": "prior alone",
}
REAL, SHUFFLED, TRUE = "real pictures", "shuffled captions", "embedding of the real picture, and the words"


def show_idea(settings: Settings, run: Run) -> None:
    with run.section("build"):
        if settings.prior == "diffusion":
            run.formula("L_prior = E || f(z_i + sigma noise, sigma, words, z_t) - z_i ||^2")
        run.formula("L_decoder = E || D(x + sigma noise, sigma, z_i, words) - x ||^2, weighed alike at every sigma")
        run.formula("D_guided = D(nothing) + g (D(z_i, words) - D(nothing))")
        both, embedding, text, nothing = settings.told.split(",")
        run.say(
            "z_t and z_i are what CLIP makes of words and of a picture. The prior draws z_i for words, the decoder "
            f"draws the picture x. While it learns it is told both in {both} parts, z_i in {embedding}, the words in "
            f"{text} and nothing in {nothing}, so that it can draw from each of them, and be guided by the difference. "
            "The words go in twice: as one vector, and token by token, which the decoder looks at by cross "
            "attention."
        )
        run.say(
            "The autoregressive prior of the paper is left out, and so are upsamplers: all pixels are made at once."
        )


# -- does it show what was said? ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """Whether pictures show what prompts say: of(pictures, prompts) gives a number for each, (N,)."""

    of: Callable[[Tensor, Prompts], np.ndarray]
    is_exact: bool

    @property
    def name(self) -> str:
        return "right" if self.is_exact else "mean rank"

    @property
    def sign(self) -> int:
        return 1 if self.is_exact else -1


def verdict_of(painter: Painter, parts: CaptionParts, is_exact: bool, count: int, seed: int) -> Verdict:
    """The checker of captioned shapes, or a CLIP of another seed that is trained here."""
    if is_exact:
        return Verdict(lambda pictures, prompts: right_in(pictures, prompts)["all"].astype(float), True)
    steps = JUDGE_STEPS // 10 if count < BRIEF else JUDGE_STEPS
    judge = taught_judge(parts.train, painter.wording, parts.processing["size"], seed, steps)
    captions = parts.test.captions
    return Verdict(lambda pictures, prompts: judge.ranks(pictures, prompts.texts, captions, seed), False)


def judged(painter: Painter, parts: CaptionParts, verdict: Verdict, count: int, seed: int, run: Run) -> Scores:
    """Scores of what is made of held-out captions, each way of drawing apart, beside real pictures and wrong words."""
    prompts = prompts_of(parts.test, 2 * count if verdict.is_exact else count)
    half, wrong = prompts.some(np.arange(0, len(prompts), 2)), shuffled(prompts, run.random("shuffled"))
    asked: dict[str, Prompts] = {}
    made: dict[str, Tensor] = {}
    for way in WAYS:
        if painter.prior is not None or "prior" not in way:
            asked[TOLD[way]] = prompts if way in (painter.usual, "text alone") else half
            made[TOLD[way]] = drawn(painter, asked[TOLD[way]].texts, seed, way)
    true = painter.told(painter.said(half.texts), painter.seen(half.pictures))
    made |= {TRUE: painter.painted(true, seed + 1), REAL: prompts.pictures, SHUFFLED: prompts.pictures}
    asked |= {TRUE: half, REAL: prompts, SHUFFLED: wrong}
    found = {name: verdict.of(pictures, asked[name]) for name, pictures in made.items()}
    ours = TOLD[painter.usual]
    if verdict.is_exact:
        run.table(
            "Attributes that are right",
            attribute_table({name: (right_in(each, asked[name]), asked[name]) for name, each in made.items()}),
            f"Told by the checker of captioned shapes on {len(half):,} or {len(prompts):,} held-out captions. all: "
            "every attribute of a picture is right. unseen: pairs of shape and colour, or of shape, style and action, "
            "that no training picture has. The checker's word on real pictures is what can be reached, that on "
            "shuffled captions is chance.",
        )
        scores = {name: seen_and_unseen(found[name], prompts) for name in (ours, REAL, SHUFFLED)}
        scores[ours]["right_text_alone"] = float(found[TOLD["text alone"]].mean())
    else:
        among = min(AMONG, len(dict.fromkeys(parts.test.captions)))
        lines = [
            (name, round(float(each.mean()), 1), round(interval(each), 1), float(np.median(each)))
            for name, each in found.items()
        ]
        run.table(
            f"Rank of the own caption among {among}",
            pd.DataFrame(lines, columns=["pictures", "mean rank", "+-", "median"]),
            "Told by a small CLIP of another seed, which has learnt from another split of the training pictures and "
            f"had no part in making any; {len(prompts):,} held-out captions. Chance is {(among + 1) / 2:g}; what real "
            "pictures reach is what this judge can tell.",
        )
        scores = {name: {"rank": float(found[name].mean())} for name in (ours, REAL, SHUFFLED)}
    tell_parts(found, verdict, run)
    show_prompts(made[ours], prompts, found[ours] if verdict.is_exact else None, run)
    return Scores(scores.pop(ours), scores)


def seen_and_unseen(right: np.ndarray, prompts: Prompts) -> dict[str, float]:
    """The share right among combinations seen and never seen; of a kind that is not there, none."""
    kinds = {"right_seen": ~prompts.is_unseen, "right_unseen": prompts.is_unseen}
    return {name: float(right[chosen].mean()) if chosen.any() else 0.0 for name, chosen in kinds.items()}


def drawn(
    painter: Painter, texts: Sequence[str], seed: int, way: Way | None = None, guidance: float | None = None
) -> Tensor:
    """Pictures of texts, uint8 (N, 3, S, S)."""
    return painter.painted(painter.condition(texts, seed + 1, way=way), seed + 1, guidance=guidance)


def tell_parts(found: Mapping[str, np.ndarray], verdict: Verdict, run: Run) -> None:
    """What the prior adds, in words: differences on the same prompts, beside their uncertainty."""
    if TOLD["prior"] not in found:
        return
    for name in (TOLD["text as picture"], TOLD["text alone"]):
        ours = found[TOLD["prior"]]
        apart = verdict.sign * ((ours if len(ours) == len(found[name]) else ours[::2]) - found[name])
        gain, sure = float(apart.mean()), interval(apart)
        much = f"{100 * gain:+.1f} ± {100 * sure:.1f} % of the pictures right"
        much = much if verdict.is_exact else f"{gain:+.1f} ± {sure:.1f} ranks"
        what = (
            "adds something" if gain > sure else "costs something" if gain < -sure else "adds nothing that can be told"
        )
        run.say(f"The prior against {name}: {much}. It {what}.")


def show_prompts(made: Tensor, prompts: Prompts, right: np.ndarray | None, run: Run) -> None:
    """Some prompts with what was made of them, right ones framed; of captioned shapes also those never seen."""
    pixels = pixels_of(made)
    for name, title, chosen in (
        ("prompts", "Held-out prompts, drawn", ~prompts.is_unseen),
        ("unseen", "Combinations never seen in training, drawn", prompts.is_unseen),
    ):
        some = np.flatnonzero(chosen)
        if len(some):
            some = some[evenly(len(some), 18)]
            words = [prompts.texts[row] for row in some]
            marks = [[""]] * len(some) if right is None else [[GREEN if right[row] else ORANGE] for row in some]
            figure = pictures_and_words(
                [(pixels[row], [text]) for row, text in zip(some, words, strict=True)],
                3,
                colours=[[each[0] or INK] for each in marks],
            )
            told = (
                "" if right is None else "Green: all that was said is there, by the checker; orange: something is not."
            )
            run.picture(name, figure, title, told)


# -- a look at it ------------------------------------------------------------------------------------------------------


def show_pictures(painter: Painter, parts: CaptionParts, verdict: Verdict, count: int, seed: int, run: Run) -> None:
    is_brief = count < BRIEF
    show_guidance(painter, parts, verdict, 4 if is_brief else 48, seed, run)
    show_way(painter, parts, 4 if is_brief else FILMED, seed, run)
    show_variations(painter, parts, seed, run)
    show_ways_between(painter, parts, seed, run)
    show_diffs(painter, parts, 8 if is_brief else None, run)
    show_nearest(painter, parts, seed, run)


def show_guidance(painter: Painter, parts: CaptionParts, verdict: Verdict, count: int, seed: int, run: Run) -> None:
    """Faithfulness and variety by guidance: each prompt is drawn twice from other noise."""
    prompts, lines, strips = prompts_of(parts.test, count), [], {}
    for guidance in GUIDED:
        one, two = (drawn(painter, prompts.texts, seed + place, guidance=guidance) for place in (1, 2))
        apart = pixels_of(one) - pixels_of(two)
        variety = float(np.sqrt((apart**2).mean((1, 2, 3))).mean())
        told = float(np.concatenate([verdict.of(each, prompts) for each in (one, two)]).mean())
        lines.append((guidance, round(told, 3), round(variety, 4)))
        strips[f"guidance {guidance:g}"] = beside(pixels_of(torch.cat([one[:4], two[:4]])), 8)
    run.table(
        "Guidance: faithfulness against variety",
        pd.DataFrame(lines, columns=["guidance", verdict.name, "variety"]),
        f"{len(prompts)} held-out prompts, each drawn twice. variety: root mean square difference of the two, of 0..1.",
    )
    words = "; ".join(prompts.texts[:4])
    run.picture(
        "guidance",
        rows(strips, most_height=1.0),
        "The same noise with more and more guidance",
        f"Four prompts, twice: {words}.",
    )


def show_way(painter: Painter, parts: CaptionParts, count: int, seed: int, run: Run) -> None:
    """The way back from noise, as a strip and as a film."""
    prompts = prompts_of(parts.test, count)
    with torch.no_grad():
        told = painter.condition(prompts.texts, seed)
        stages = list(painter.stages(told, Noise(len(prompts), seed)))
    run.picture(
        "way",
        rows(strip_of(stages, 8), ["what the sampler holds", "what the decoder expects behind it"], most_height=0.8),
        "The way back",
        f"From left to right: {'; '.join(prompts.texts[:4])}.",
    )
    frames = [sheet(stage.shown) for stage in stages]
    write_film(run.folder / "pictures" / "way.webp", [*frames, *[frames[-1]] * 8], 6)
    run.film("way.webp", "The way back as a film", f"{len(prompts)} prompts at once, from pure noise.")


def show_variations(painter: Painter, parts: CaptionParts, seed: int, run: Run) -> None:
    """Test pictures, and what is drawn from their embeddings alone."""
    prompts = prompts_of(parts.test, 4)
    strips = {}
    for row in range(len(prompts)):
        seen = painter.seen(prompts.pictures[row : row + 1]).expand(7, -1)
        made = painter.painted(painter.told(None, seen), seed + 20)
        strips[f"picture {row + 1}"] = beside(pixels_of(torch.cat([prompts.pictures[row : row + 1], made])), 8)
    run.picture(
        "variations",
        rows(strips, most_height=1.0),
        "Variations of a picture",
        "At the left a test picture; then what the decoder draws from its embedding, told no words, from other noise "
        f"each time: what changes is what CLIP does not see. Their captions: {'; '.join(prompts.texts)}.",
    )


def show_ways_between(painter: Painter, parts: CaptionParts, seed: int, run: Run) -> None:
    """From a picture to another, and from a text to another, along the arc between their embeddings."""
    prompts = prompts_of(parts.test, 4)
    seen = painter.seen(prompts.pictures)
    meant = painter.embeddings(painter.said(prompts.texts), seed)
    strips, pairs = {}, [(first, first + 1) for first in (0, 2) if first + 1 < len(prompts)]
    for name, ends in (("pictures", seen), ("texts", meant)):
        for first, last in pairs:
            between = torch.cat([turned(ends[first, None], ends[last, None], at) for at in np.linspace(0, 1, SHOWN)])
            made = painter.painted_from(painter.told(None, between), noise(1, prompts.pictures.shape[1:], seed + 3))
            strips[f"{name}, {first + 1} to {last + 1}"] = beside(pixels_of(made), SHOWN)
    if not strips:
        return
    told = "; ".join(f"{number}: {text}" for number, text in enumerate(prompts.texts, 1))
    run.picture(
        "between",
        rows(strips, most_height=1.0),
        "Between pictures, and between texts",
        f"One noise for each row, and embeddings on the arc from one to the other. Their captions: {told}.",
    )


def show_diffs(painter: Painter, parts: CaptionParts, steps: int | None, run: Run) -> None:
    """Pictures that change as a word of their caption does, more and more."""
    changes: dict[str, tuple[int, str]] = {}
    prompts = prompts_of(parts.test, 40)
    for row, text in enumerate(prompts.texts):
        new = other_word(text, painter.known["mixed"])
        if new is not None and len(changes) < 4:
            changes.setdefault(new[0], (row, new[1]))
    if not changes:
        return
    chosen = [row for row, _ in changes.values()]
    texts, given = [prompts.texts[row] for row in chosen], to_unit(prompts.pictures[chosen])
    changed = painter.said([text for _, text in changes.values()])
    made = painter.edited(given, painter.said(texts), changed, TURNED, steps)
    strips = {
        change: beside(pixels_of(torch.cat([given[row, None], made[:, row]])), len(TURNED) + 1)
        for row, change in enumerate(changes)
    }
    run.picture(
        "diffs",
        rows(strips, most_height=1.0),
        "A picture changes as words change",
        "At the left a test picture. Its noise is found, and drawn again with its embedding turned more and more "
        f"towards the difference of two texts (the paper's text diffs). Their captions: {'; '.join(texts)}.",
    )


def other_word(text: str, mixed: dict[str, list[str]]) -> tuple[str, str] | None:
    """A change such as `red to blue`, and the text with it: of the first word that has others in its place."""
    for group in mixed.values():
        for place, word in enumerate(group):
            if word in text.split():
                new = group[(place + 1) % len(group)]
                return f"{word} to {new}", " ".join(new if each == word else each for each in text.split())
    return None


def show_nearest(painter: Painter, parts: CaptionParts, seed: int, run: Run) -> None:
    """What was made, beside the training pictures that are nearest to it."""
    prompts = prompts_of(parts.test, 12)
    made = drawn(painter, prompts.texts, seed)
    flat = [each.flatten(1).numpy().astype(np.float32) / 255 for each in (made, parts.train.pictures)]
    _, which = nearest(*flat)
    strips = {
        "made": beside(pixels_of(made), 12),
        "nearest training picture": beside(pixels_of(parts.train.pictures[which]), 12),
        "real one of the caption": beside(pixels_of(prompts.pictures), 12),
    }
    run.picture(
        "nearest",
        rows(strips, most_height=0.9),
        "The nearest training pictures",
        "By the distance of pixels. A picture that equals its nearest training picture is a copy.",
    )
