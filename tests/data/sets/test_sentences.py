"""The invented language: what its grammar says, and that nothing of a test is learnt from."""

import numpy as np

from maquette.data.sets.sentences import ADJECTIVES, NOUNS, PARTS, VERBS, sentence, write_sentences
from maquette.data.text.pairs import open_pairs


def test_each_sentence_says_one_thing(tmp_path):
    write_sentences(tmp_path)
    pairs = open_pairs(tmp_path, None, None)
    assert pairs.names == ("en", "inv") and len(pairs) == sum(PARTS.values())
    assert [pairs.parts.count(part) for part in ("train", "valid", "test")] == list(PARTS.values())
    assert len(set(pairs.sources)) == len(pairs), "no sentence is in two parts"
    assert len({target: source for source, target in zip(pairs.sources, pairs.targets, strict=True)}) == len(pairs)


def test_the_grammar():
    g = np.random.default_rng(0)
    for _ in range(300):
        english, invented = sentence(g)
        words = invented[:-1].lower().split()
        assert words[-1].startswith(tuple(v[3] for v in VERBS.values())), "the verb is last"
        assert ("not" in english.split()) == ("ne" in words)
        objects = [w for w in words if w.endswith("n") and w[:-1].removesuffix("ki") in NOUNS.values()]
        assert len(objects) == 1, "one thing has the object's ending"
        for adjective, said in ADJECTIVES.items():
            assert (english.lower().split().count(adjective) > 0) == any(w.startswith(said) for w in words)
    assert sentence(np.random.default_rng(1)) == sentence(np.random.default_rng(1))


def test_agreement():
    g = np.random.default_rng(4)
    found = [sentence(g) for _ in range(400)]
    many = next(pair for pair in found if pair[0].startswith("Two ") and "yesterday" in pair[0])
    assert many[1].split()[-1].rstrip(".").endswith("tamo")
    assert any(" an old" in english or english.startswith("An old") for english, _ in found)
    assert not any(" a old" in english or " a orange" in english for english, _ in found)
