"""Text as numbers and back: characters, words, and the subwords that Hugging Face's `tokenizers` finds.

Every kind has the same methods; `train_tokenizer` makes one, `load_tokenizer` makes it again from its `state()`.
Token 0 is the end of a document. What a user's text says is never taken for a special token, unless asked.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from maquette.data.decoding import MISSING, sound
from maquette.files import read_json, write_json
from maquette.settings import UserError

Kind = Literal["characters", "words", "spaces", "bpe", "wordpiece", "unigram"]
KINDS: tuple[Kind, ...] = ("characters", "spaces", "words", "bpe", "wordpiece", "unigram")
END = "<|endoftext|>"
UNKNOWN = "<|unknown|>"
CONTINUED = "##"  # stands before a token of WordPiece that does not begin a word
SCORE_DIGITS = 4  # that Unigram's scores keep
UNSEEN = 256e-4  # Unigram's trainer puts unseen letters above the lowest score, each 1e-4 further up
REPEATED = 10_000  # times that a word is handed to a trainer at once
NO_TOKEN = "\0"  # Unigram's trainer puts it between words, and makes no tokens with it
SPECIAL = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False) | {"special": True}
STRETCH = re.compile(r"\s*\S{1,1000}|\s+")  # the trainers' time grows with the square of the length of words
LOOKED_BACK = 8  # tokens by which the next one's text is known


class Tokenizer(Protocol):
    """What all kinds have in common. An unknown token is decoded to U+FFFD, the end of a document to nothing."""

    kind: str
    vocabulary: list[str]  # the tokens as they are written in tables, by their numbers
    end: int | None  # the number of the end of a document
    unknown: int | None  # the number of what the vocabulary lacks; None where it lacks nothing
    is_lossless: bool  # whether decode(encode(x)) == x for every text without unknown tokens

    def encode(self, text: str, *, special: bool = False) -> np.ndarray:
        """Numbers (N,) int32. With `special`, special tokens written in the text are taken for such."""

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]: ...

    def decode(self, tokens: Iterable[int]) -> str: ...

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of `encode(text)` begins and ends in the text, in characters.

        A character of several tokens is within each of them.
        """

    def state(self) -> dict[str, Any]:
        """Plain values from which `load_tokenizer` makes it again."""


def with_ends(tokenizer: Tokenizer, text: str) -> np.ndarray:
    """The tokens of a text in which `END` parts documents."""
    parts = [tokenizer.encode(part) for part in text.split(END)]
    return np.concatenate([each for part in parts for each in (part, np.array([tokenizer.end], np.int32))][:-1])


class Characters:
    """A token for each character that training saw, in the order of their code points."""

    kind, is_lossless = "characters", True
    end: int | None = 0
    unknown: int | None = 1

    def __init__(self, characters: str):
        self.characters = characters
        self.vocabulary = [END, UNKNOWN, *characters]
        self._table = np.full(0x110000, self.unknown, np.int32)
        self._table[[ord(each) for each in characters]] = np.arange(2, 2 + len(characters))

    def encode(self, text: str, *, special: bool = False) -> np.ndarray:
        if special and END in text:
            return with_ends(self, text)
        return self._table[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")]

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [self.encode(text) for text in texts]

    def decode(self, tokens: Iterable[int]) -> str:
        return "".join(self.vocabulary[token] if token > 1 else MISSING * token for token in tokens)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [(place, place + 1) for place in range(len(text))]

    def state(self) -> dict[str, Any]:
        return {"kind": self.kind, "characters": self.characters}


WORDS = re.compile(r"\n|'\w+|\w+|[^\w\s]")  # a clitic such as 's is a word of its own
SPACES = re.compile(r"\n|[^\s]+")
NO_SPACE_BEFORE = re.compile(r" (?=[\n.,;:!?)\]}%\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}]|'\w)")
NO_SPACE_AFTER = re.compile(r"([\n(\[{\N{LEFT DOUBLE QUOTATION MARK}]) ")


class Words:
    """A token for each word that training saw often enough, split at spaces, and at punctuation if `punctuation`.

    Line ends are tokens, other white space is lost; decoding puts one space between words, none before a full stop.
    """

    is_lossless = False
    end: int | None = 0
    unknown: int | None = 1

    def __init__(self, words: Sequence[str], punctuation: bool = True):
        self.words, self.punctuation = list(words), punctuation
        self.kind = "words" if punctuation else "spaces"
        self.vocabulary = [END, UNKNOWN, *words]
        self._pattern = WORDS if punctuation else SPACES
        self._numbers = {word: number for number, word in enumerate(self.words, 2)}

    def encode(self, text: str, *, special: bool = False) -> np.ndarray:
        if special and END in text:
            return with_ends(self, text)
        find = self._numbers.get
        return np.array([find(word, self.unknown) for word in self._pattern.findall(text)], np.int32)

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [self.encode(text) for text in texts]

    def decode(self, tokens: Iterable[int]) -> str:
        text = " ".join(self.vocabulary[token] if token > 1 else MISSING for token in tokens if token)
        if not self.punctuation:
            return re.sub(r" ?\n ?", "\n", text)
        return NO_SPACE_AFTER.sub(r"\1", NO_SPACE_BEFORE.sub("", text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in self._pattern.finditer(text)]

    def state(self) -> dict[str, Any]:
        return {"kind": self.kind, "words": self.words}


PROBE = "A  line,\n\tand \N{LATIN SMALL LETTER E WITH ACUTE}!"  # given back as it was by a tokenizer that loses nothing


class Subwords:
    """A tokenizer of Hugging Face's `tokenizers`, from the JSON that it saves itself as.

    Byte-level BPE and Unigram give every text back as it was; WordPiece loses white space.
    """

    def __init__(self, kind: str, definition: str, end: str | None = END):
        from tokenizers import Tokenizer as Fast

        self.kind, self.definition, self.end_word = kind, definition, end
        try:
            self._fast = Fast.from_str(definition)
        except Exception as error:  # it raises bare Exceptions
            raise UserError(f"The definition of the tokenizer ({kind}) is damaged: {error}.") from None
        self._fast.encode_special_tokens = True  # what the user's text says is text
        self._fast.no_padding()
        self._fast.no_truncation()
        numbers = self._fast.get_vocab(with_added_tokens=True)
        self.vocabulary = [""] * (max(numbers.values(), default=-1) + 1)
        for word, number in numbers.items():
            self.vocabulary[number] = word
        self.end = numbers.get(end) if end else None
        self.unknown = numbers.get(UNKNOWN)
        self.is_byte_level = (json.loads(definition).get("decoder") or {}).get("type") == "ByteLevel"
        self.is_lossless = self.decode(self.encode(PROBE)) == PROBE

    def encode(self, text: str, *, special: bool = False) -> np.ndarray:
        self._fast.encode_special_tokens = not special
        numbers = self._fast.encode(sound(text), add_special_tokens=False).ids
        self._fast.encode_special_tokens = True
        return np.array(numbers, np.int32)

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        encoded = self._fast.encode_batch_fast([sound(text) for text in texts], add_special_tokens=False)
        return [np.array(each.ids, np.int32) for each in encoded]

    def decode(self, tokens: Iterable[int]) -> str:
        text = self._fast.decode([int(token) for token in tokens if token != self.end], skip_special_tokens=False)
        return text if self.unknown is None else text.replace(UNKNOWN, MISSING)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return list(self._fast.encode(sound(text), add_special_tokens=False).offsets)

    def state(self) -> dict[str, Any]:
        return {"kind": self.kind, "definition": self.definition, "end": self.end_word}

    def parts(self, text: str) -> list[str]:
        """What no token reaches across: words, in the letters that tokens are written in."""
        splitter = self._fast.pre_tokenizer
        return [part for part, _ in splitter.pre_tokenize_str(sound(text))] if splitter else [sound(text)]

    @property
    def merges(self) -> list[tuple[str, str]]:
        """The pairs that BPE joined, in the order in which it found them; none for the other kinds."""
        found = json.loads(self.definition)["model"].get("merges", [])
        pairs = (pair.split(" ") if isinstance(pair, str) else pair for pair in found)
        return [(first, second) for first, second in pairs]


def train_tokenizer(kind: Kind, texts: Iterable[str], size: int) -> Tokenizer:
    """A tokenizer of at most `size` tokens from the texts, which are read once; fewer where they hold no more.

    BPE: Sennrich et al. 2016, WordPiece: Schuster and Nakajima 2012, Unigram: Kudo 2018. Characters and words are taken
    by how often they occur. The same texts give the same tokenizer.
    """
    if size < 3:
        raise UserError(f"A vocabulary of {size} is too small: two tokens are taken, and the text needs at least one.")
    subwords = {"bpe": train_bpe, "unigram": train_unigram, "wordpiece": train_wordpiece}
    if kind in subwords:
        return subwords[kind](texts, size)
    counts: Counter[str] = Counter()
    pattern = WORDS if kind == "words" else SPACES
    for text in filled(texts):
        counts.update(text if kind == "characters" else pattern.findall(text))
    common = [word for word, _ in in_order(counts)[: size - 2]]
    if kind == "characters":
        return Characters("".join(sorted(common)))
    return Words(common, punctuation=kind == "words")


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


def train_bpe(texts: Iterable[str], size: int) -> Subwords:
    """Byte pair encoding over bytes, as GPT-2 has it: no text is unknown to it."""
    from tokenizers import models, trainers

    fast, letters = on_bytes(models.BPE(), size)
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[END], initial_alphabet=letters, show_progress=False)
    return Subwords("bpe", json.dumps(trained(fast, repeated(stretches(texts)), trainer), ensure_ascii=False))


def train_unigram(texts: Iterable[str], size: int) -> Subwords:
    """Unigram over bytes: no text is unknown to it.

    The trainer tries only what stands in two different words, so that a frequent word of its own kind would never
    become a token. Hence each word that is there twice stands once with a sign behind it that no token may hold.

    It also goes through its words as its hash table happens to lie. So the last digits of scores differ from one
    training to the next, the order of equal ones, and which letter that it never saw is put how far above the lowest
    score; all this is settled here.
    """
    from tokenizers import Tokenizer as Fast
    from tokenizers import models, pre_tokenizers, trainers

    whole, letters = on_bytes(models.Unigram(), size)
    words: Counter[str] = Counter()
    for stretch, count in stretches(texts).items():
        for word, _ in whole.pre_tokenizer.pre_tokenize_str(stretch):
            words[f" {word}"] += count
    for word in [word for word, count in words.items() if count > 1]:
        words[word] -= 1
        words[word + NO_TOKEN] = 1
    fast = Fast(models.Unigram())
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.UnigramTrainer(vocab_size=size, initial_alphabet=letters, show_progress=False)
    scores = dict(trained(fast, repeated(words), trainer)["model"]["vocab"])
    lowest = min(scores.values())
    single = {letter: scores.get(letter, lowest) for letter in letters}
    single = {letter: lowest if score < lowest + UNSEEN else score for letter, score in single.items()}
    longer = sorted((-round(score, SCORE_DIGITS), word) for word, score in scores.items() if len(word) > 1)
    known = [(-score, word) for word, score in single.items()] + longer[: size - len(single) - 1]
    definition = json.loads(whole.to_str())
    words_and_scores = [(word, -round(score, SCORE_DIGITS)) for score, word in known]
    words_and_scores.sort(key=lambda pair: (-pair[1], pair[0]))
    definition["model"]["vocab"] = [(END, 0.0), *words_and_scores]
    definition["added_tokens"] = [{**SPECIAL, "id": 0, "content": END}]
    return Subwords("unigram", json.dumps(definition, ensure_ascii=False))


def on_bytes(model: Any, size: int) -> tuple[Any, list[str]]:
    """A tokenizer of `tokenizers` that sees bytes as GPT-2 writes them, and the letters for them."""
    from tokenizers import Tokenizer as Fast
    from tokenizers import decoders, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    if size < len(letters) + 1:
        raise UserError(f"A vocabulary of {size} is too small: bytes alone take {len(letters) + 1} tokens.")
    fast = Fast(model)
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    return fast, letters


def train_wordpiece(texts: Iterable[str], size: int) -> Subwords:
    """WordPiece over characters, with words parted as BERT parts them.

    The trainer numbers single letters as its hash table happens to lie, and merges equally common pairs by number: so
    they are given to it in a fixed order, as if they were special tokens. Words with a letter that has no place in the
    vocabulary are left out.
    """
    from tokenizers import Tokenizer as Fast
    from tokenizers import decoders, models, pre_tokenizers, trainers

    splitter = pre_tokenizers.BertPreTokenizer()
    words: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    inside: set[str] = set()
    for stretch, count in stretches(texts).items():
        for word, _ in splitter.pre_tokenize_str(stretch):
            words[f" {word}"] += count
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
    known = Counter({word: count for word, count in words.items() if kept.issuperset(word[1:])})
    definition = trained(fast, repeated(known), trainer)
    definition["added_tokens"] = [token for token in definition["added_tokens"] if token["content"] in (END, UNKNOWN)]
    return Subwords("wordpiece", json.dumps(definition, ensure_ascii=False))


def trained(fast: Any, texts: Iterator[str], trainer: Any) -> dict[str, Any]:
    """The definition of a tokenizer of `tokenizers` after training."""
    try:
        fast.train_from_iterator(texts, trainer)
        return json.loads(fast.to_str())
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise UserError(f"No vocabulary could be learnt from this text: {error}; give more text.") from None


def load_tokenizer(state: dict[str, Any]) -> Tokenizer:
    """The tokenizer whose `state()` this was."""
    kind = state["kind"]
    if kind == "characters":
        return Characters(state["characters"])
    if kind in ("words", "spaces"):
        return Words(state["words"], kind == "words")
    return Subwords(kind, state["definition"], state["end"])


def save_tokenizer(tokenizer: Tokenizer, path: Path) -> None:
    """Write it as JSON."""
    write_json(path, tokenizer.state())


def open_tokenizer(path: Path) -> Tokenizer:
    """What `save_tokenizer` wrote; `UserError` where it is damaged."""
    try:
        return load_tokenizer(read_json(path))
    except (KeyError, TypeError):
        raise UserError(f"{path} is damaged: it does not describe a tokenizer.") from None


class Streamed:
    """Text from tokens as they come, after those in `before`; of a character cut in two, the half is kept back.

    `add` gives what has become certain, `rest` what is left at the end.
    """

    def __init__(self, tokenizer: Tokenizer, before: Sequence[int] = ()):
        self.tokenizer, self.tokens = tokenizer, [token for token in before if token != tokenizer.end][-LOOKED_BACK:]
        self.said = tokenizer.decode(self.tokens)

    def add(self, token: int) -> str:
        if token == self.tokenizer.end:
            return ""
        self.tokens.append(token)
        return self._new(is_last=False)

    def rest(self) -> str:
        return self._new(is_last=True)

    def _new(self, is_last: bool) -> str:
        text = self._certain(is_last)
        new, self.said = text[len(self.said) :], text
        if len(self.tokens) > 8 * LOOKED_BACK:
            self.tokens = self.tokens[-LOOKED_BACK:]
            self.said = self._certain(is_last)
        return new

    def _certain(self, is_last: bool) -> str:
        text = self.tokenizer.decode(self.tokens)
        return text if is_last or self.tokenizer.kind == "characters" else text.removesuffix(MISSING)


def unknown_parts(tokenizer: Tokenizer, text: str) -> list[str]:
    """The parts of a text for which the vocabulary has no token, in order, each once."""
    if tokenizer.unknown is None:
        return []
    pairs: Iterator[tuple[int, tuple[int, int]]] = zip(
        tokenizer.encode(text).tolist(), tokenizer.offsets(text), strict=True
    )
    return list(dict.fromkeys(text[start:end] for number, (start, end) in pairs if number == tokenizer.unknown))


def readable(tokenizer: Tokenizer, number: int) -> str:
    """A token as one reads it: where it is bytes, the text that they are."""
    word = tokenizer.vocabulary[number]
    return spelled(word) if getattr(tokenizer, "is_byte_level", False) else word


PRINTED = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]  # bytes that GPT-2 writes as themselves
OTHERS = [byte for byte in range(256) if byte not in PRINTED]
BYTES = {chr(byte): byte for byte in PRINTED} | {chr(256 + place): byte for place, byte in enumerate(OTHERS)}


def spelled(word: str) -> str:
    """The text of bytes as GPT-2 writes them; those that are no whole character read like `\\xe2`."""
    if not all(letter in BYTES for letter in word):
        return word
    return bytes(BYTES[letter] for letter in word).decode("utf-8", "backslashreplace")
