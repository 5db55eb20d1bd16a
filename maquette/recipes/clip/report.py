"""What the report shows of CLIP: finding both ways, zero-shot classification, the space of both, what it confuses."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from maquette.data.rows import evenly
from maquette.data.sets.shape_checker import ATTRIBUTES
from maquette.data.sets.shape_set import is_held
from maquette.data.sets.shape_words import ACTIONS, COLOURS, SHAPES, STYLES, scene_of
from maquette.families.captions import (
    CaptionPart,
    CaptionParts,
    embed_pictures,
    embed_texts,
    load_wording,
    scenes_in,
    words_of,
)
from maquette.figures.captions import found_pictures, pictures_and_words
from maquette.figures.classes import confusion as confusion_matrix
from maquette.figures.style import GREEN, INK, ORANGE
from maquette.measures.classes import confusion
from maquette.measures.retrieval import one_way, retrieval_scores
from maquette.methods.canonical import canonical_correlations
from maquette.methods.projections import neighbours_kept, principal_components
from maquette.models.clip import CLIP
from maquette.recipes.clip.figures import one_map, similarity_matrix
from maquette.runs import Run

COMPONENTS = 64
SHADES = 5  # of red, of green and of blue, of the histograms
COUNTED = 2000  # words that the baseline counts
LEARNT_FROM = 6000  # training pictures that it learns from
PROMPTS = 40  # captions that stand for a class
MOST_CLASSES = 8
ENOUGH = 10  # test pictures of a question
MAPPED = 500
SHOWN = 10
COMMON = frozenset(
    (
        "the",
        "and",
        "with",
        "are",
        "his",
        "her",
        "their",
        "its",
        "from",
        "for",
        "that",
        "this",
        "two",
        "one",
        "who",
        "has",
    )
)


def show_idea(batch_size: int, equal: bool, run: Run) -> None:
    run.formula("logits = pictures · texts' / temperature")
    run.formula("loss = (cross entropy over texts + cross entropy over pictures) / 2")
    text = (
        f"In each batch of {batch_size} pairs every picture is compared with every caption by the cosine of their "
        "numbers. The softmax of a row says which caption is the picture's, that of a column which picture is the "
        "caption's; both are to be right."
    )
    if equal:
        text += (
            " Where two captions of a batch are equal, both are right. Each picture is also told from its caption with "
            "two words of a kind exchanged, so that it matters what is said of what."
        )
    run.say(text)


# -- finding -----------------------------------------------------------------------------------------------------------


def counted(train: CaptionPart, test: CaptionPart, described: Callable[[Tensor], Tensor]) -> np.ndarray:
    """Cosines (N, M) by canonical correlations between components of pictures, described by numbers, and of words."""
    rows = evenly(len(train), LEARNT_FROM)
    words = Counter(word for row in rows for word in {w for text in train.texts[row] for w in words_of(text)})
    places = {word: place for place, (word, _) in enumerate(words.most_common(COUNTED))}

    def bags(texts: list[list[str]]) -> np.ndarray:
        made = np.zeros((len(texts), len(places)), np.float32)
        for row, said in zip(made, texts, strict=True):
            for word in (w for text in said for w in words_of(text)):
                if word in places:
                    row[places[word]] += 1 / len(said)
        return made

    def numbers(part: CaptionPart, rows: np.ndarray) -> np.ndarray:
        return described(part.pictures[rows]).numpy()

    seen, said = numbers(train, rows), bags([train.texts[row] for row in rows])
    by_pixels, by_words = principal_components(seen, COMPONENTS), principal_components(said, COMPONENTS)
    both = canonical_correlations(by_pixels.encode(seen), by_words.encode(said), COMPONENTS)
    found = both.first(by_pixels.encode(numbers(test, np.arange(len(test)))))
    return found @ both.second(by_words.encode(bags([[text] for text in test.captions]))).T


def small_pixels(pictures: Tensor) -> Tensor:
    """Pictures (N, C, H, W), 0..255, as the pixels (N, C 256) of small ones."""
    return torch.nn.functional.adaptive_avg_pool2d(pictures.float() / 255, 16).flatten(1)


def colour_histograms(pictures: Tensor) -> Tensor:
    """Which part of the pixels of pictures (N, C, H, W), 0..255, has which colour: (N, SHADES^C)."""
    count, channels = pictures.shape[:2]
    shades = (pictures.long() * SHADES // 256).flatten(2)
    numbers = (shades * SHADES ** torch.arange(channels)[:, None]).sum(1)
    ones = torch.full(numbers.shape, 1 / numbers.shape[1])
    return torch.zeros(count, SHADES**channels).scatter_add_(1, numbers, ones)


def show_retrieval(cosines: np.ndarray, part: CaptionPart, run: Run) -> dict[str, float]:
    """Both ways in a table; of captioned shapes, combinations seen and never seen each by themselves."""
    is_right = part.is_right()
    ways = {"caption of a picture": (cosines, is_right), "picture of a caption": (cosines.T, is_right.T)}
    table = [
        {"sought": name, "among": each[0].shape[1], **{key: round(value, 3) for key, value in one_way(*each).items()}}
        for name, each in ways.items()
    ]
    run.table(
        "Finding", pd.DataFrame(table), "How often the right one is among the first 1, 5 and 10, on the test part."
    )
    scenes = scenes_in(part)
    if scenes is None or len(part.captions) != len(part):
        return {}
    found = {}
    for name, chosen in (("seen", ~is_held(scenes)), ("unseen", is_held(scenes))):
        if chosen.sum() > 1:
            some = np.ix_(chosen, chosen)
            found[f"recall_at_1_{name}"] = retrieval_scores(cosines[some], is_right[some])["recall_at_1"]
            run.fact(
                f"Recall at 1 among {int(chosen.sum())}, combinations {name} in training", found[f"recall_at_1_{name}"]
            )
    return found


# -- zero-shot classification ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """Classes that no one trained for: names, what is asked for each, and the true ones (N,), -1 for none."""

    about: str
    classes: list[str]
    prompts: list[list[str]]
    true: np.ndarray


def questions_of(train: CaptionPart, test: CaptionPart) -> list[Question]:
    """Attributes of captioned shapes; else the captions themselves where they are few, or common words of them."""
    scenes = scenes_in(test)
    if scenes is not None:
        return about_shapes(train, scenes)
    different = Counter(text for texts in train.texts for text in set(texts))
    if 2 <= len(different) <= 50:
        names = sorted(different)
        true = np.array([names.index(texts[0]) if texts[0] in different else -1 for texts in test.texts])
        return [Question("which caption", names, [[name, f"a {name}", f"a picture of {name}"] for name in names], true)]
    return about_words(train, test)


def about_shapes(train: CaptionPart, scenes: np.ndarray) -> list[Question]:
    said = [text for texts in train.texts[:4000] for text in texts[:1]]
    known = [scene_of(text) for text in said]
    asked = []
    for name, classes in (("shape", SHAPES), ("colour", COLOURS), ("style", STYLES), ("action", ACTIONS)):
        (place,) = ATTRIBUTES[name]
        prompts = [
            [text for text, scene in zip(said, known, strict=True) if scene is not None and scene[place] == number][
                :PROMPTS
            ]
            for number in range(len(classes))
        ]
        if all(prompts):
            asked.append(Question(name, list(classes), prompts, scenes[:, place]))
    return asked


def about_words(train: CaptionPart, test: CaptionPart) -> list[Question]:
    """Words of the captions that hardly stand together; a test picture counts if it has just one of them."""
    bags = [{word for text in texts for word in words_of(text)} for texts in train.texts]
    counts = Counter(word for bag in bags for word in bag if len(word) > 2 and word.isalpha() and word not in COMMON)
    rows: dict[str, set[int]] = {}
    for word, count in counts.most_common(60):
        if count < max(5, 0.01 * len(bags)) or count > 0.5 * len(bags):
            continue
        its = {row for row, bag in enumerate(bags) if word in bag}
        if len(rows) < MOST_CLASSES and all(
            len(its & others) < 0.1 * min(len(its), len(others)) for others in rows.values()
        ):
            rows[word] = its
    names = list(rows)
    if len(names) < 2:
        return []
    true = []
    for texts in test.texts:
        told = [number for number, name in enumerate(names) if any(name in words_of(text) for text in texts)]
        true.append(told[0] if len(told) == 1 else -1)
    prompts = []
    for name in names:
        others = set(names) - {name}
        said = [text for row in sorted(rows[name]) for text in train.texts[row]]
        fitting = [text for text in said if name in words_of(text) and not others & set(words_of(text))]
        prompts.append([name, f"a {name}", *fitting[:PROMPTS]])
    return [Question("which word", names, prompts, np.array(true))]


def show_zero_shot(model: CLIP, prepared: CaptionParts, part: CaptionPart, run: Run) -> dict[str, float]:
    """Each picture gets the class whose prompts are nearest on average; the score is the mean over the questions."""
    wording, seen = load_wording(prepared.processing), embed_pictures(model, part.pictures)
    table, accuracies = [], []
    for question in questions_of(prepared.train, part):
        kept = np.flatnonzero(question.true >= 0)
        if len(kept) < ENOUGH or len(np.unique(question.true[kept])) < 2:
            continue
        means = [embed_texts(model, wording.encode(prompts)).mean(0) for prompts in question.prompts]
        told = (seen[kept] @ torch.nn.functional.normalize(torch.stack(means)).T).argmax(1).numpy()
        true = question.true[kept]
        accuracies.append(float((told == true).mean()))
        commonest = float(np.bincount(true).max() / len(true))
        table.append((question.about, len(question.classes), len(kept), accuracies[-1], commonest))
        if len(accuracies) == 1:
            counts = confusion(true, told, len(question.classes))
            figure = confusion_matrix(counts, question.classes)
            first = "; ".join(
                f"{name}: {prompts[0]}"
                for name, prompts in list(zip(question.classes, question.prompts, strict=True))[:2]
            )
            run.picture(
                "zero_shot",
                figure,
                "Classes that no one trained for",
                "Rows are what was told, columns what it was. For each class the numbers of its prompts are averaged "
                f"(Radford et al. 2021, section 3.1.4), and the nearest class is told. Prompts such as: {first}.",
            )
    if not accuracies:
        run.say("The captions have no words by which pictures fall into classes, so none are told.")
        return {}
    columns = ["question", "classes", "pictures", "right", "always the commonest"]
    run.table("Zero-shot classification", pd.DataFrame(table, columns=columns).round(3))
    return {"zero_shot_accuracy": float(np.mean(accuracies))}


# -- a look at it ------------------------------------------------------------------------------------------------------


def show_search(cosines: np.ndarray, is_right: np.ndarray, part: CaptionPart, run: Run) -> None:
    pictures = part.pictures.permute(0, 2, 3, 1).numpy() / np.float32(255)
    captions, first = part.captions, part.first.numpy()
    some = evenly(len(part), 12)
    run.picture(
        "similarities",
        similarity_matrix(
            cosines[np.ix_(some, first[some])], list(pictures[some]), [captions[at] for at in first[some]]
        ),
        "A batch of pictures and captions never seen",
        "Cosines, the darker the nearer; those of pairs lie on the diagonal.",
    )
    asked = first[evenly(len(part), 6)]
    order = np.argsort(-cosines[:, asked].T, axis=1, kind="stable")[:, :SHOWN]
    run.picture(
        "words_to_pictures",
        found_pictures(
            [(captions[at], list(pictures[rows])) for at, rows in zip(asked, order, strict=True)],
            right=[list(is_right[rows, at]) for at, rows in zip(asked, order, strict=True)],
        ),
        "The nearest pictures for words",
        f"Among {len(part):,} test pictures, the nearest first; the caption's own is framed.",
    )
    rows = evenly(len(part), 9)
    nearest = np.argsort(-cosines[rows], axis=1, kind="stable")[:, :4]
    run.picture(
        "pictures_to_words",
        pictures_and_words(
            [(pictures[row], [captions[at] for at in its]) for row, its in zip(rows, nearest, strict=True)],
            colours=[
                [GREEN if is_right[row, at] else INK for at in its] for row, its in zip(rows, nearest, strict=True)
            ],
        ),
        "The nearest captions for pictures",
        f"Among {len(captions):,} captions of the test part, the nearest first; its own in green.",
    )
    show_confusions(cosines, is_right, pictures, part, run)


def show_confusions(
    cosines: np.ndarray, is_right: np.ndarray, pictures: np.ndarray, part: CaptionPart, run: Run
) -> None:
    """Where a wrong caption is nearer than the own one, by the most."""
    own = np.where(is_right, cosines, -np.inf).max(1)
    other = np.where(is_right, -np.inf, cosines)
    ahead = other.max(1) - own
    worst = np.argsort(-ahead, kind="stable")[:9]
    worst = worst[ahead[worst] > 0]
    if not len(worst):
        run.say("No picture of the test part has a caption nearer than its own.")
        return
    captions = part.captions
    pairs = [(pictures[row], [captions[int(other[row].argmax())], part.texts[row][0]]) for row in worst]
    run.picture(
        "confusions",
        pictures_and_words(pairs, colours=[[ORANGE, GREEN]] * len(pairs)),
        "The hardest confusions",
        f"Of {int((ahead > 0).sum()):,} pictures that find another caption first, those where it is nearest: "
        "what was found in orange, what was said in green.",
    )


def show_space(model: CLIP, part: CaptionPart, seed: int, run: Run) -> None:
    """Pictures and captions in one map, and how far apart the two kinds lie."""
    rows = np.sort(run.random("map").permutation(len(part))[:MAPPED])
    seen = embed_pictures(model, part.pictures[rows]).numpy()
    meant = embed_texts(model, part.tokens[part.first[rows]]).numpy()
    cosines = seen @ meant.T
    same = float(np.diag(cosines).mean())
    others = float((cosines.sum() - np.trace(cosines)) / max(1, cosines.size - len(cosines)))
    gap = float(np.linalg.norm(seen.mean(0) - meant.mean(0)))
    table = pd.DataFrame([(round(same, 3), round(others, 3), round(gap, 3))], columns=["pairs", "others", "gap"])
    run.table(
        "Mean cosines",
        table,
        "Of pictures with their own captions and with others; the gap is the distance of the mean picture from the "
        "mean caption (Liang et al. 2022): 0 where both kinds fill the same space.",
    )
    if len(rows) < 5:
        return
    shown = part.pictures[rows].permute(0, 2, 3, 1).numpy() / np.float32(255)
    points = neighbours_kept(np.concatenate([seen, meant]), seed)
    run.picture(
        "map",
        one_map(points[: len(rows)], points[len(rows) :], list(shown), [part.texts[row][0] for row in rows]),
        "Pictures and words in one map",
        "t-SNE of both together: blue dots are pictures, orange ones captions, a thin line joins each pair. Only what "
        "lies near each other counts.",
    )
