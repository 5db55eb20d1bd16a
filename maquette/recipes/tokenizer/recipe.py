"""Text cut into tokens in six ways: each kind learns a vocabulary from the same text, and a part it never saw judges.

Characters, what stands between spaces, words, and three kinds of subwords. The kind that is kept is the first to learn.
"""

from dataclasses import dataclass
from typing import Any

from maquette.data.text.documents import Texts
from maquette.data.text.tokenizers import KINDS, Tokenizer, load_tokenizer
from maquette.data.text.vocabularies import train_tokenizer
from maquette.families.corpora import analyze_texts, collect_texts
from maquette.models.unigram import Unigram
from maquette.recipes.tokenizer import report
from maquette.recipes.tokenizer.data import measured, read_parts, size_of
from maquette.recipes.tokenizer.settings import BETWEEN, Settings
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores


@dataclass(frozen=True)
class Prepared:
    """Stretches of text of both parts, and the tokenizer that is kept."""

    train: list[str]
    test: list[str]
    tokenizer: Tokenizer
    processing: dict[str, Any]
    examples: list[str]


@dataclass(frozen=True, kw_only=True)
class Compared(Fitted):
    """What was measured of each kind, in the order of `KINDS`, and the state of its tokenizer."""

    rows: dict[str, dict[str, Any]]


class Rows:
    """The same while it is being measured; kept with the run."""

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
    sentences_of(settings)
    return collect_texts(settings.data, settings.field, run)


def analyze(texts: Texts, settings: Settings, run: Run) -> dict[str, Any]:
    return analyze_texts(texts, run)


def process(texts: Texts, settings: Settings, run: Run) -> Prepared:
    train, test = read_parts(texts, run, most_mb=settings.most_mb, test_share=settings.test_share)
    tokenizer = train_tokenizer(settings.tokenizer, train, settings.vocabulary)
    run.fact("Tokenizer", tokenizer.kind)
    run.fact("Vocabulary", len(tokenizer.vocabulary), "tokens")
    run.fact("Training text", sum(map(size_of, train)), "bytes")
    run.fact("Test text", sum(map(size_of, test)), "bytes")
    run.say("Every vocabulary is learnt from the training part alone; scores are of the test part.")
    if len(tokenizer.vocabulary) < settings.vocabulary:
        run.say(
            f"The text yields only {len(tokenizer.vocabulary):,} tokens of the kind {tokenizer.kind}, though "
            f"--vocabulary allows {settings.vocabulary:,}: there is no more in it to tell apart."
        )
    return Prepared(train, test, tokenizer, {"tokenizer": tokenizer.state()}, sentences_of(settings)[:1])


def sentences_of(settings: Settings) -> list[str]:
    found = [sentence.strip() for sentence in settings.sentences.split(BETWEEN) if sentence.strip()]
    if not found:
        raise UserError("--sentences is empty; give at least one sentence.")
    return found


def build(prepared: Prepared, settings: Settings) -> Unigram:
    return Unigram(vocabulary=len(prepared.tokenizer.vocabulary))


def train(model: Unigram, prepared: Prepared, settings: Settings, run: Run) -> Compared:
    """A step a kind: its vocabulary is learnt, its tokens are counted, and it is measured."""
    kept, compared = settings.tokenizer, Rows()
    order = [kept, *(kind for kind in KINDS if kind != kept)]
    run.keep(model=model, compared=compared)
    for step in run.loop(len(order)):
        if step.number > len(order):  # --seconds allows for more steps than there are kinds
            break
        kind = order[step.number - 1]
        if kind == kept:
            tokenizer, counted = prepared.tokenizer, model
        else:
            tokenizer = train_tokenizer(kind, prepared.train, settings.vocabulary)
            counted = Unigram(vocabulary=len(tokenizer.vocabulary))
        row = measured(tokenizer, counted, prepared.train, prepared.test)
        compared.rows[kind] = {**row, "state": tokenizer.state()}
        names = ("bytes_per_token", "bits_per_byte", "vocabulary", "unknown_share")
        run.log(step, **{name: row[name] for name in names})
    return Compared(rows={kind: compared.rows[kind] for kind in KINDS if kind in compared.rows})


def score(model: Unigram, prepared: Prepared, fitted: Compared, settings: Settings, run: Run) -> Scores:
    kept, rows, sentences = settings.tokenizer, fitted.rows, sentences_of(settings)
    tokenizers = {kind: load_tokenizer(row["state"]) for kind, row in rows.items()}
    report.show_comparison(rows, kept, settings.vocabulary, run)
    report.show_sizes(tokenizers, prepared.test, settings.vocabulary, run)
    with run.section("predict"):
        report.show_strips(tokenizers, sentences, run)
        report.show_merges(tokenizers, sentences, run)
        report.show_vocabulary(tokenizers[kept], model, run)
    scores = {kind: {name: row[name] for name in ("bytes_per_token", "bits_per_byte")} for kind, row in rows.items()}
    return Scores(scores.pop(kept), scores, {"bytes_per_token": "bytes", "bits_per_byte": "bits"})
