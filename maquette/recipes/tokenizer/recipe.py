"""Text cut into tokens in six ways, learnt from your own text: what each costs, what it loses, how it cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from maquette.settings import Settings as BaseSettings
from maquette.settings import UserError, option
from maquette.steps import Framing, Prepared, Scores

if TYPE_CHECKING:
    import pandas as pd

    from maquette.data.text.documents import Texts
    from maquette.data.text.tokenizers import Tokenizer
    from maquette.runs import Run

MEERKATS = "Meerkats are small, social, and always ready for adventures"
SENTENCES = f"Let's do tokenization! | Meerkats love watermelons. | {MEERKATS}"
BETWEEN = "|"


class Settings(BaseSettings):
    tokenizer: Literal["characters", "spaces", "words", "bpe", "wordpiece", "unigram"] = option(
        "bpe", "the kind that is kept; the others are compared with it"
    )
    vocabulary: int = option(4096, "most tokens that a kind may have", "tokens", ge=258, le=1_000_000)
    field: str | None = option(None, "the field of .jsonl or the column of .csv that holds the text; found if not set")
    sentences: str = option(SENTENCES, f"what is drawn as strips of tokens; several with {BETWEEN} between them")
    most_mb: int = option(50, "learn from about so many MB of text, drawn at random where there is more", "MB", ge=1)
    test_share: float = option(0.1, "part of the text kept for the scores", gt=0, lt=0.9)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"vocabulary": 400},
    "course": {
        "tokenizer": "wordpiece",
        "vocabulary": 28_996,
        "sentences": f"Let's do tokenization! | {MEERKATS}",
    },
    "full": {"vocabulary": 50_257, "most_mb": 10_000},
}


class Parts(NamedTuple):
    """Stretches of text of the training and of the test part."""

    train: list[str]
    test: list[str]


class Compared:
    """What was measured of each kind so far, and the tokenizer itself; kept with the run."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = state["rows"]


def frame(settings: Settings) -> Framing:
    return Framing(
        question="Into which pieces is this text best cut?",
        inputs="text",
        outputs="tokens: numbers of the pieces in a vocabulary",
        score="bytes_per_token",
        higher_is_better=True,
    )


def collect(settings: Settings, run: Run) -> Texts:
    from maquette.families.corpora import collect_texts

    sentences_of(settings)
    return collect_texts(settings, run)


def analyze(texts: Texts, settings: Settings, run: Run) -> dict[str, Any]:
    from maquette.families.corpora import analyze_texts

    return analyze_texts(texts, run)


def process(texts: Texts, settings: Settings, run: Run) -> Prepared:
    from maquette.data.text.tokenizers import train_tokenizer
    from maquette.recipes.tokenizer.data import size_of

    parts = read_parts(texts, settings, run)
    tokenizer = train_tokenizer(settings.tokenizer, parts.train, settings.vocabulary)
    run.fact("Tokenizer", tokenizer.kind)
    run.fact("Vocabulary", len(tokenizer.vocabulary), "tokens")
    run.fact("Training text", sum(map(size_of, parts.train)), "bytes")
    run.fact("Test text", sum(map(size_of, parts.test)), "bytes")
    run.say("Every vocabulary is learnt from the training part alone; scores are of the test part.")
    if len(tokenizer.vocabulary) < settings.vocabulary:
        run.say(
            f"The text yields only {len(tokenizer.vocabulary):,} tokens of the kind {tokenizer.kind}, though "
            f"--vocabulary allows {settings.vocabulary:,}: there is no more in it to tell apart."
        )
    return Prepared(parts.train, None, parts.test, {"tokenizer": tokenizer.state()}, sentences_of(settings)[:1])


def read_parts(texts: Texts, settings: Settings, run: Run) -> Parts:
    """The text in memory, stretch by stretch; of more than `most_mb`, stretches drawn at random."""
    parts = Parts([], [])
    megabytes, chance = texts.size / 2**20, run.random("stretches")
    share = settings.most_mb / megabytes
    for piece in texts.pieces(settings.test_share, settings.seed):
        held = parts.train if piece.part == "train" else parts.test
        if share >= 1 or not held or chance.random() < share:
            held.append(piece.text)
    for note in texts.notes():
        if note not in run.source["notes"]:  # what only reading could tell
            run.say(note)
    if share < 1:
        run.say(f"The text has {megabytes:,.0f} MB; about {settings.most_mb:,} MB of it were drawn at random.")
    for name, held in (("training", parts.train), ("test", parts.test)):
        if not any(text.strip() for text in held):
            raise UserError(f"{texts.path} gives no text for the {name} part; give more text, or another --test-share.")
    return parts


def sentences_of(settings: Settings) -> list[str]:
    found = [sentence.strip() for sentence in settings.sentences.split(BETWEEN) if sentence.strip()]
    if not found:
        raise UserError("--sentences is empty; give at least one sentence.")
    return found


def build(prepared: Prepared, settings: Settings) -> Any:
    from maquette.models import Unigram

    return Unigram(vocabulary=len(tokenizer_of(prepared.processing).vocabulary))


def tokenizer_of(processing: dict[str, Any]) -> Tokenizer:
    from maquette.data.text.tokenizers import load_tokenizer

    return load_tokenizer(processing["tokenizer"])


def train(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Scores:
    from maquette.data.text.tokenizers import KINDS, load_tokenizer, train_tokenizer
    from maquette.models import Unigram
    from maquette.recipes.tokenizer import report as token_pictures
    from maquette.recipes.tokenizer.data import measured

    kept, compared = settings.tokenizer, Compared()
    order = [kept, *(kind for kind in KINDS if kind != kept)]
    run.keep(model=model, compared=compared)
    for step in run.loop(len(order)):
        if step.number > len(order):  # --seconds allows for more steps than there are kinds
            break
        kind = order[step.number - 1]
        if kind == kept:
            tokenizer, counted = tokenizer_of(prepared.processing), model
        else:
            tokenizer = train_tokenizer(kind, prepared.train, settings.vocabulary)
            counted = Unigram(vocabulary=len(tokenizer.vocabulary))
        row = measured(tokenizer, counted, prepared.train, prepared.test)
        compared.rows[kind] = {**row, "state": tokenizer.state()}
        names = ("bytes_per_token", "bits_per_byte", "vocabulary", "unknown_share")
        run.log(step, **{name: row[name] for name in names})
    if not run.is_main:
        return Scores({})
    rows: dict[str, dict[str, Any]] = {kind: compared.rows[kind] for kind in KINDS if kind in compared.rows}
    tokenizers = {kind: load_tokenizer(row["state"]) for kind, row in rows.items()}
    token_pictures.show_comparison(rows, kept, settings, run)
    token_pictures.show_sizes(tokenizers, prepared.test, settings.vocabulary, run)
    with run.section("predict"):
        token_pictures.show_strips(tokenizers, sentences_of(settings), run)
        token_pictures.show_merges(tokenizers, sentences_of(settings), run)
        token_pictures.show_vocabulary(tokenizers[kept], model, run)
    scores = {kind: {name: row[name] for name in ("bytes_per_token", "bits_per_byte")} for kind, row in rows.items()}
    return Scores(scores.pop(kept), scores, {"bytes_per_token": "bytes", "bits_per_byte": "bits"})


def predict(model: Any, processing: dict[str, Any], inputs: Any) -> pd.DataFrame:
    """A row a token: the text's place among the inputs from 1, the token's number, itself, where it begins and ends.

    Places are in characters; a character of several tokens is within each of them.
    """
    import pandas as pd

    from maquette.data.text.tokenizers import readable

    tokenizer = tokenizer_of(processing)
    rows = []
    for place, text in enumerate([inputs] if isinstance(inputs, str) else inputs, 1):
        spans = zip(tokenizer.encode(str(text)).tolist(), tokenizer.offsets(str(text)), strict=True)
        rows += [(place, number, readable(tokenizer, number), start, end) for number, (start, end) in spans]
    return pd.DataFrame(rows, columns=["text", "number", "token", "start", "end"])


def explain(model: Any, processing: dict[str, Any], inputs: Any) -> list[dict[str, Any]]:
    """Blocks of a page on how a text, or each of several, is cut."""
    from maquette.recipes.tokenizer.report import explained

    texts = [inputs] if isinstance(inputs, str) else list(inputs)
    return [block for text in texts for block in explained(model, tokenizer_of(processing), str(text))]
