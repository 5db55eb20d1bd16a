"""What counting makes of sentence pairs: a dictionary, and sentences looked up in it word by word."""

from maquette.data.text.tokenizers import NO_SPACE_AFTER, NO_SPACE_BEFORE, WORDS
from maquette.families.pairs import Part
from maquette.methods.alignment import Lexicon


def words_of(text: str) -> list[str]:
    return WORDS.findall(text)


def dictionary_of(part: Part) -> Lexicon:
    """The words of a part's pairs, by IBM model 1."""
    return Lexicon([words_of(text) for text in part.sources], [words_of(text) for text in part.targets])


def looked_up(lexicon: Lexicon, text: str) -> str:
    """Each word's likeliest translation in its place; words never seen stay as they are."""
    said = " ".join(lexicon.best(word) or word for word in words_of(text))
    return NO_SPACE_AFTER.sub(r"\1", NO_SPACE_BEFORE.sub("", said))
