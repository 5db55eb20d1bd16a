"""How near translations are to those of people: BLEU and chrF of sacrebleu (Post 2018), with their signatures.

BLEU: Papineni et al. 2002, with sacrebleu's default tokenisation, cased. chrF: Popovic 2015. Both 0 to 100.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sacrebleu.metrics import BLEU, CHRF


@dataclass(frozen=True)
class Judged:
    """Scores of a corpus, and how they were computed."""

    bleu: float
    chrf: float
    signatures: tuple[str, str]


def judged(outputs: Sequence[str], references: Sequence[str]) -> Judged:
    """BLEU and chrF of outputs, one reference each."""
    bleu, chrf = BLEU(), CHRF()
    found = bleu.corpus_score(list(outputs), [list(references)]), chrf.corpus_score(list(outputs), [list(references)])
    signatures = f"BLEU|{bleu.get_signature()}", f"chrF2|{chrf.get_signature()}"
    return Judged(found[0].score, found[1].score, signatures)


def each_chrf(outputs: Sequence[str], references: Sequence[str]) -> list[float]:
    """chrF of each sentence by itself, for which BLEU is too coarse."""
    chrf = CHRF()
    return [
        chrf.sentence_score(output, [reference]).score for output, reference in zip(outputs, references, strict=True)
    ]
