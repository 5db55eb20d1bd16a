"""BLEU and chrF are sacrebleu's, with their signatures."""

import pytest
import sacrebleu

from maquette.measures.translation import each_chrf, judged

REFERENCES = ["Ein kleiner Hund läuft über die Wiese.", "Zwei Männer stehen auf der Straße."]
OUTPUTS = ["Ein Hund läuft über die Wiese.", "Zwei Frauen stehen auf einer Straße."]


def test_as_sacrebleu_has_them():
    found = judged(OUTPUTS, REFERENCES)
    assert found.bleu == pytest.approx(sacrebleu.corpus_bleu(OUTPUTS, [REFERENCES]).score)
    assert found.chrf == pytest.approx(sacrebleu.corpus_chrf(OUTPUTS, [REFERENCES]).score)
    assert found.signatures[0].startswith("BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert found.signatures[1].startswith("chrF2|nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")


def test_the_same_is_perfect_and_case_counts():
    assert judged(REFERENCES, REFERENCES).bleu == pytest.approx(100)
    assert judged([each.lower() for each in REFERENCES], REFERENCES).bleu < 60
    assert each_chrf(REFERENCES, REFERENCES) == pytest.approx([100, 100])
