"""Text as numbers and back: characters, words, and the subwords that Hugging Face's `tokenizers` finds.

Every kind has the same methods; vocabularies.py trains one, `load_tokenizer` makes it again from its `state()`.
Token 0 is the end of a document. What a user's text says is never taken for a special token, unless asked.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from tokenizers import Tokenizer as Fast

from maquette.data.text.decoding import MISSING, sound
from maquette.files import read_json, write_json
from maquette.settings import UserError

Kind = Literal["characters", "words", "spaces", "bpe", "wordpiece", "unigram"]
KINDS: tuple[Kind, ...] = ("characters", "spaces", "words", "bpe", "wordpiece", "unigram")
END = "<|endoftext|>"
UNKNOWN = "<|unknown|>"
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
