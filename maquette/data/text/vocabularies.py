"""Vocabularies learnt from text: by counting, or by the trainers of Hugging Face's `tokenizers`, always the same way.

Those trainers go through words as their hash tables happen to lie. What differs by that from one training to the next
is settled here.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any

from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Fast

from maquette.data.text.decoding import sound
from maquette.data.text.tokenizers import END, SPACES, UNKNOWN, WORDS, Characters, Kind, Subwords, Tokenizer, Words
from maquette.settings import UserError

STRETCH = re.compile(r"\s*\S{1,1000}|\s+")  # the trainers' time grows with the square of the length of words
PLACEHOLDER = r"(?:#\w+#|<\w+>|\[\w+\])"
PARTS = (  # GPT-2's, but for signs, which end where a placeholder begins
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+"
    rf"| ?(?:(?!{PLACEHOLDER})[^\s\p{{L}}\p{{N}}])+|\s+(?!\S)|\s+"
)
REPEATED = 10_000  # times that a word is handed to a trainer at once
CONTINUED = "##"  # stands before a token of WordPiece that does not begin a word
NO_TOKEN = "\N{LATIN SMALL LETTER Y WITH DIAERESIS}"  # the letter of the byte 255, which no text in UTF-8 has
SCORE_DIGITS = 4  # that Unigram's scores keep
UNSEEN = 256e-4  # Unigram's trainer puts letters it never saw above the lowest score, each 1e-4 further up
SPECIAL = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False) | {"special": True}


def characters(texts: Iterable[str], size: int) -> Characters:
    """The commonest characters."""
    counts: Counter[str] = Counter()
    for text in filled(texts):
        counts.update(text)
    return Characters("".join(sorted(letter for letter, _ in in_order(counts)[: size - 2])))


def spaces(texts: Iterable[str], size: int) -> Words:
    """The commonest words between spaces."""
    return common_words(texts, size, punctuation=False)


def words(texts: Iterable[str], size: int) -> Words:
    """The commonest words and signs of punctuation."""
    return common_words(texts, size, punctuation=True)


def common_words(texts: Iterable[str], size: int, *, punctuation: bool) -> Words:
    counts: Counter[str] = Counter()
    for text in filled(texts):
        counts.update((WORDS if punctuation else SPACES).findall(text))
    return Words([word for word, _ in in_order(counts)[: size - 2]], punctuation=punctuation)


def bpe(texts: Iterable[str], size: int, *, placeholders: bool = False) -> Subwords:
    """Byte pair encoding (Sennrich et al. 2016) over bytes, as GPT-2 has it: no text is unknown to it.

    With `placeholders`, words such as #Person1#, <name> and [city] are not parted before pairs are joined, so that
    common ones become one token each.
    """
    fast, letters = on_bytes(models.BPE(), size)
    if placeholders:
        parts = pre_tokenizers.Split(Regex(f" ?{PLACEHOLDER}|{PARTS}"), "isolated")
        bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        fast.pre_tokenizer = pre_tokenizers.Sequence([parts, bytewise])
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[END], initial_alphabet=letters, show_progress=False)
    return Subwords("bpe", as_text(trained(fast, repeated(stretches(texts)), trainer)))


def unigram(texts: Iterable[str], size: int) -> Subwords:
    """Unigram (Kudo 2018) over bytes: no text is unknown to it.

    The trainer tries only what two different words go on from differently, so that a frequent word of its own kind
    would never become a token. Hence each word that is there twice stands once with a letter behind it that no text
    has, and with which no token can end.
    """
    whole, letters = on_bytes(models.Unigram(), size)
    counts: Counter[str] = Counter()
    for stretch, count in stretches(texts).items():
        for word, _ in whole.pre_tokenizer.pre_tokenize_str(stretch):
            counts[f" {word}"] += count
    for word in [word for word, count in counts.items() if count > 1]:
        counts[word] -= 1
        counts[word + NO_TOKEN] = 1
    fast = Fast(models.Unigram())
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.UnigramTrainer(vocab_size=size, initial_alphabet=letters, show_progress=False)
    scores = dict(trained(fast, repeated(counts), trainer)["model"]["vocab"])
    lowest = min(scores.values())
    for letter in letters:
        if letter == NO_TOKEN or scores.get(letter, lowest) < lowest + UNSEEN:
            scores[letter] = lowest
    rounded = [(word, round(score, SCORE_DIGITS)) for word, score in scores.items()]
    rounded.sort(key=lambda pair: (-pair[1], pair[0]))
    longer = [pair for pair in rounded if len(pair[0]) > 1][: size - len(letters) - 1]
    kept = {*letters, *(word for word, _ in longer)}
    definition = json.loads(whole.to_str())
    definition["model"]["vocab"] = [(END, 0.0), *(pair for pair in rounded if pair[0] in kept)]
    definition["added_tokens"] = [{"id": 0, "content": END, **SPECIAL}]
    return Subwords("unigram", as_text(definition))


def wordpiece(texts: Iterable[str], size: int) -> Subwords:
    """WordPiece (Schuster and Nakajima 2012) over characters, with words parted as BERT parts them.

    The trainer merges equally common pairs by the numbers of their letters, which it gives as its hash table lies: so
    letters are given to it in a fixed order, as if they were special tokens. Words with a letter that has no place in
    the vocabulary are left out.
    """
    splitter = pre_tokenizers.BertPreTokenizer()
    counts: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    inside: set[str] = set()
    for stretch, count in stretches(texts).items():
        for word, _ in splitter.pre_tokenize_str(stretch):
            counts[f" {word}"] += count
            inside.update(word[1:])
            for letter in word:
                letters[letter] += count
    kept: set[str] = set()
    room = size - 2
    for letter, _ in in_order(letters):
        room -= 1 + (letter in inside)
        if room < 0:
            break
        kept.add(letter)
    single = [*sorted(kept), *(CONTINUED + letter for letter in sorted(kept & inside))]
    fast = Fast(models.WordPiece(unk_token=UNKNOWN, max_input_chars_per_word=100))
    fast.pre_tokenizer, fast.decoder = splitter, decoders.WordPiece(CONTINUED)
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=[END, UNKNOWN, *single],
        continuing_subword_prefix=CONTINUED,
        show_progress=False,
    )
    known = Counter({word: count for word, count in counts.items() if kept.issuperset(word[1:])})
    definition = trained(fast, repeated(known), trainer)
    definition["added_tokens"] = [token for token in definition["added_tokens"] if token["content"] in (END, UNKNOWN)]
    return Subwords("wordpiece", as_text(definition))


LEARN: dict[str, Callable[[Iterable[str], int], Tokenizer]] = {
    "characters": characters,
    "spaces": spaces,
    "words": words,
    "bpe": bpe,
    "wordpiece": wordpiece,
    "unigram": unigram,
}


def train_tokenizer(kind: Kind, texts: Iterable[str], size: int) -> Tokenizer:
    """A tokenizer of at most `size` tokens from the texts, which are read once; fewer where they hold no more.

    The same texts give the same tokenizer.
    """
    if size < 3:
        raise UserError(f"A vocabulary of {size} is too small: two tokens are taken, and the text needs at least one.")
    return LEARN[kind](texts, size)


def filled(texts: Iterable[str]) -> Iterator[str]:
    """The texts; `UserError` at their end if nothing stood in them."""
    is_empty = True
    for text in texts:
        is_empty = is_empty and not text.strip()
        yield sound(text)
    if is_empty:
        raise UserError("There is no text to learn a vocabulary from.")


def in_order(counts: Counter[str]) -> list[tuple[str, int]]:
    """The commonest first, equally common ones by their letters."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def stretches(texts: Iterable[str]) -> Counter[str]:
    """How often each word stands in the texts, with the white space before it; words without an end are cut."""
    counts: Counter[str] = Counter()
    for text in filled(texts):
        counts.update(STRETCH.findall(text))
    return counts


def repeated(counts: Counter[str]) -> Iterator[str]:
    """A text in which each stretch stands as often as it counts."""
    for stretch, count in in_order(counts):
        if stretch[0].isspace() and not stretch[-1].isspace():  # it stays apart from itself
            for start in range(0, count, REPEATED):
                yield stretch * min(REPEATED, count - start)
        else:
            yield from repeat(stretch, count)


def on_bytes(model: Any, size: int) -> tuple[Any, list[str]]:
    """A tokenizer of `tokenizers` that sees bytes as GPT-2 writes them, and the letters for them."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    if size < len(letters) + 1:
        raise UserError(f"A vocabulary of {size} is too small: bytes alone take {len(letters) + 1} tokens.")
    fast = Fast(model)
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    return fast, letters


def trained(fast: Any, texts: Iterator[str], trainer: Any) -> dict[str, Any]:
    """The definition of a tokenizer of `tokenizers` after training."""
    try:
        fast.train_from_iterator(texts, trainer)
        return json.loads(fast.to_str())
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise UserError(f"No vocabulary could be learnt from this text: {error}; give more text.") from None


def as_text(definition: dict[str, Any]) -> str:
    return json.dumps(definition, ensure_ascii=False)
