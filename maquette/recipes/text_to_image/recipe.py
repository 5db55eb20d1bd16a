"""Pictures from words: DALL-E 2, Ramesh et al. 2022, after GLIDE, Nichol et al. 2022.

A CLIP, which is trained first or given, puts texts and pictures into one space. The prior draws, for a text, the
numbers that CLIP would give a picture of it; the decoder makes the picture from noise, told these numbers and the
words. Whether a picture shows what was said is told by the checker of captioned shapes, and of other pictures by a CLIP
that had no part in making any.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from maquette.data.pictures.captions import Captioned
from maquette.data.rows import evenly
from maquette.families import captions as family
from maquette.families.captions import CaptionPart, CaptionParts, embed_pictures, load_wording
from maquette.families.classifiers import Chance
from maquette.families.diffusing import MOVES, Condition, Diffuser, chain_of, train_denoiser
from maquette.families.generating import Growth, Pictures, to_unit
from maquette.families.painting import left_of, painter_of
from maquette.families.priors import POOLED, PriorTraining, Said, even, said_by
from maquette.figures.training import losses
from maquette.models.clip import CLIP
from maquette.models.denoising_unet import DenoisingUNet, shuffle_for
from maquette.models.prior import EmbeddingPrior
from maquette.recipes.text_to_image import report
from maquette.recipes.text_to_image.data import mixed_words
from maquette.recipes.text_to_image.settings import Settings, parts_of
from maquette.runs import Run, Step
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores
from maquette.trained import Trained, read_settings
from maquette.training import Batches

SEEN = 110_000  # pictures that the decoder looks at, unless `epochs` is set
FEW = 5000  # training pictures below which some are moved
VALIDATED = 64  # validation pictures whose noise is told while training goes on
GROWN, MOMENTS = 16, 12  # samples of the film of training, and how often they are made
GROWN_STEPS = 12
EXAMPLES = 8  # captions of the test part that the saved run draws in the end
DRAFT = 24  # channels of the draft that the decoder makes of what it is told
MIXED = 128  # numbers by way of which its places at the bottom meet
FINE = 12  # channels of the decoder at the full resolution
SAMPLED = 400  # captions that the run keeps, which show how words are put together
PRIOR_RATE = 0.002
LEVELS = 0.0, 1.6  # of log sigma; more noise than for pictures alone: what belongs where is decided while all is noise
GUIDANCE = 2.0
STEPS, FEW_STEPS = 18, 8  # of the way back; few where little is judged

Networks = dict[str, DenoisingUNet | EmbeddingPrior]


@dataclass(frozen=True)
class Collected:
    captions: Captioned
    clip: Trained


@dataclass(frozen=True)
class Prepared:
    """The parts of the data, and the CLIP that tells what they are."""

    parts: CaptionParts
    clip: CLIP
    processing: dict[str, Any]
    examples: list[Any] | None


@dataclass(frozen=True)
class Grown(Fitted):
    """Training's samples from fixed seeds, and what they were to show."""

    growth: Growth = field(default_factory=Growth)
    asked: list[str] = field(default_factory=list)


def frame(settings: Settings) -> Framing:
    shapes = is_shapes(settings)
    return Framing(
        question="What does a picture look like that shows what the words say?",
        inputs="words",
        outputs="a picture",
        score="right_unseen" if shapes else "rank",
        higher_is_better=shapes,
        headline="The part of what is drawn that shows all that was said: {right_seen}, {right_unseen} of combinations "
        "never seen; of real pictures {real pictures|right_unseen}."
        if shapes
        else "Among other captions, the words of a drawn picture rank {rank} on average, those of a real one "
        "{real pictures|rank}.",
    )


def is_shapes(settings: Settings) -> bool:
    """Whether it learns from captioned shapes, by name or as the CLIP did: their checker tells what is right."""
    data = settings.data
    if data is None and settings.clip is not None:
        data = read_settings(Path(settings.clip).expanduser())["settings"]["data"]
    return data in (None, family.SOURCE)


def collect(settings: Settings, run: Run) -> Collected:
    """The pictures that the CLIP has learnt from, unless others are named."""
    clip = run.needed["clip"]
    theirs, size = clip.settings, clip.processing["size"]
    if settings.size not in (None, size):
        raise UserError(
            f"--size {settings.size}: the clip run {clip.folder} sees pictures of {size} x {size}; leave --size away, "
            "or train a clip of that size."
        )
    shuffle = shuffle_for(size)
    if size % shuffle:
        raise UserError(f"--size {size} is no multiple of {shuffle}; take {size - size % shuffle}.")
    captions = family.collect_captioned(
        settings.data or theirs["data"],
        run,
        column=settings.caption or theirs["caption"],
        size=size,
        most=settings.most_pictures or theirs["most_pictures"],
        seed=theirs["seed"],
    )
    run.fact("CLIP", "trained first" if settings.clip is None else settings.clip)
    if (clip.source.get("sha256") or "") != (run.source.get("sha256") or ""):
        run.warn(f"The clip run {clip.folder} has learnt from other data: it may know little of these pictures.")
    elif settings.most_pictures not in (None, theirs["most_pictures"]) and "test" not in captions.parts:
        run.warn("The clip run took others of the pictures: it may have seen some that are kept for the scores here.")
    return Collected(captions, clip)


def analyze(data: Collected, settings: Settings, run: Run) -> dict[str, Any]:
    return family.analyze_captioned(data.captions, run)


def process(data: Collected, settings: Settings, run: Run) -> Prepared:
    """The split of the CLIP, so that neither has seen a test picture, and its words."""
    theirs = data.clip.settings
    parts = family.prepare_captioned(
        data.captions,
        run,
        vocabulary=theirs["vocabulary"],
        valid_share=theirs["valid_share"],
        test_share=theirs["test_share"],
        seed=theirs["seed"],
        wording=load_wording(data.clip.processing),
    )
    follows_chain = settings.levels != "normal"
    known = {
        "channels": 3,
        "classes": [],
        "shares": [],
        "prediction": settings.prediction,
        "schedule": "cosine" if settings.levels == "cosine" else "linear",
        "spread": round(float(to_unit(parts.train.pictures[:5000]).std()), 4),
        "solver": "ddim" if follows_chain else "ancestral",
        "steps": 50 if follows_chain else FEW_STEPS if settings.judged < report.BRIEF else STEPS,
        "guidance": GUIDANCE,
        "is_moved": part_moved(len(parts.train), settings) > 0,
        "mixed": mixed_words(captions := [text for texts in parts.train.texts for text in texts[:1]]),
        "samples": [captions[row] for row in evenly(len(captions), SAMPLED)],
    }
    run.fact("Standard deviation of the pixels", known["spread"])
    clip: CLIP = data.clip.model.requires_grad_(False)
    examples = [texts[0] for texts in some_of(parts.test, EXAMPLES).texts]
    return Prepared(parts, clip, {**parts.processing, **known}, examples)


def build(prepared: Prepared, settings: Settings) -> Networks:
    clip, size = prepared.clip, prepared.processing["size"]
    moves = MOVES if prepared.processing["is_moved"] else 0
    decoder = DenoisingUNet(
        channels=3,
        size=size,
        width=settings.width,
        blocks=settings.blocks,
        shuffle=shuffle_for(size),
        vector=moves + clip.numbers + POOLED * clip.text_width,
        tokens=clip.text_width,
        draft=DRAFT,
        mixed=MIXED,
        fine=FINE,
    )
    if settings.prior == "none":
        return {"decoder": decoder}
    prior = EmbeddingPrior(numbers=clip.numbers, tokens=clip.text_width, context=clip.context)
    return {"prior": prior, "decoder": decoder}


def part_moved(count: int, settings: Settings) -> float:
    """The part of the training pictures that is moved: the fewer there are, the more they must be stretched."""
    if settings.moved is not None:
        return settings.moved
    return 0.0 if count >= FEW else 0.2 if count >= 1000 else 0.4


class Telling:
    """What is told of training pictures: the embedding of each, and a caption of it, another one at each step.

    It learns beside the decoder: the prior, where there is one, from the same pictures and captions.
    """

    def __init__(self, model: Networks, prepared: Prepared, settings: Settings, run: Run):
        self.part, self.clip, self.device = prepared.parts.train, prepared.clip.to(run.device), run.device
        self.painter = painter_of(dict(model), self.clip, prepared.processing)
        self.embeddings = even(embed_pictures(self.clip, self.part.pictures)).to(run.device)
        self.tokens = self.part.tokens.to(run.device)
        self.chance = Chance(settings.seed + 3, run)
        self.kept: dict[str, Any] = {"captions": self.chance}
        self.prior: PriorTraining | None = None
        if isinstance(prior := model.get("prior"), EmbeddingPrior):
            chain = None if settings.levels == "normal" else chain_of("cosine")
            self.prior = PriorTraining(prior, run, chain=chain, learning_rate=PRIOR_RATE, seed=settings.seed)
            self.kept |= self.prior.kept
        self.said: Said | None = None

    def told(self, rows: Tensor, size: int) -> Condition:
        """What the decoder may be told of this process's pictures of a batch of `size`."""
        self.said = said_by(self.clip, self.tokens[self.part.draw(rows, self.chance.rand(size))])
        return self.painter.told(self.said, self.embeddings[rows])

    def learn(self, rows: Tensor, batches: Batches, step: Step) -> None:
        if self.prior is not None and self.said is not None:
            self.prior.learn(self.embeddings[rows], self.said, batches, step)

    def numbers(self) -> dict[str, float]:
        return self.prior.numbers() if self.prior else {}

    def end(self) -> None:
        if self.prior:
            self.prior.end()


def train(model: Networks, prepared: Prepared, settings: Settings, run: Run) -> Grown:
    """The decoder, and the prior beside it: neither needs the other while it learns."""
    report.show_idea(settings, run)
    parts, known, decoder = prepared.parts, prepared.processing, model["decoder"]
    assert isinstance(decoder, DenoisingUNet)
    epochs = settings.epochs or max(1, min(2000, round(SEEN / len(parts.train))))
    rate = settings.learning_rate or (0.03 if settings.optimizer == "muon" else 1e-3)
    moved, shares = part_moved(len(parts.train), settings), parts_of(settings.told)
    telling = Telling(model, prepared, settings, run)
    painter, clip = telling.painter, telling.clip
    valid = some_of(parts.valid, VALIDATED)
    told_valid = painter.told(said_by(clip, valid.tokens[valid.first].to(run.device)), painter.seen(valid.pictures))
    asked = [texts[0] for texts in some_of(parts.test, GROWN).texts]

    def make(diffuser: Diffuser) -> Tensor:
        now = replace(painter, decoder=diffuser.network)
        return now.painted(now.condition(asked, settings.seed, way="text alone"), settings.seed, steps=GROWN_STEPS)

    growth = train_denoiser(
        Diffuser(decoder, known),
        Pictures(parts.train.pictures, None),
        Pictures(valid.pictures, None),
        run,
        told=telling.told,
        told_valid=told_valid,
        leave=lambda told, chance: left_of(told, chance, shares, clip.numbers, clip.text_width),
        follows_chain=settings.levels != "normal",
        optimizer=settings.optimizer,
        learning_rate=rate,
        epochs=epochs,
        batch_size=settings.batch_size,
        moved=moved,
        seed=settings.seed,
        moments=MOMENTS,
        make=make,
        levels=LEVELS,
        beside=telling,
    )
    return Grown(growth=growth, asked=asked)


def some_of(part: CaptionPart, count: int) -> CaptionPart:
    """Some pictures of a part, evenly drawn, with all their captions."""
    return part.some(evenly(len(part), count))


def score(model: Networks, prepared: Prepared, fitted: Grown, settings: Settings, run: Run) -> Scores:
    """Whether pictures show what was said, by which part, and how they look."""
    curves = {"loss": "training"}
    run.picture("losses", losses(run.metrics(), curves, over="epoch"), "Loss of the decoder")
    if "prior" in model:
        run.picture("prior_loss", losses(run.metrics(), {"prior_loss": "training"}, over="epoch"), "Loss of the prior")
    fitted.growth.show(run)
    painter = painter_of(dict(model), prepared.clip.to(run.device), prepared.processing)
    parts, seed = prepared.parts, settings.seed
    verdict = report.verdict_of(painter, parts, is_shapes(settings), settings.judged, seed)
    with run.section("predict"):
        scores = report.judged(painter, parts, verdict, settings.judged, seed, run)
        report.show_pictures(painter, parts, verdict, settings.judged, seed, run)
    return scores
