"""Bytes of files as text: which encoding they are in, and how many of them are no text in it."""

import codecs
import re
import unicodedata
from collections import Counter
from typing import IO

from charset_normalizer import from_bytes

SAMPLE = 1 << 16  # bytes by which a file's start is judged
MISSING = "\N{REPLACEMENT CHARACTER}"
BAD = "\udcff"  # stands for an undecodable byte until it is counted; no decoder makes it of its own
EACH_BYTE = "maquette_each_byte"
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1a\x1b"))
SEVERAL = bytes(range(0xC2, 0x100))  # bytes with which characters of several bytes begin in UTF-8
WESTERN = "cp1252"
LATIN_9 = "iso8859-15"  # has letters such as œ and š where the other has fractions and accents by themselves
LETTERS_OF_9 = re.compile(rb"(?<!\d)[\xa6\xa8\xb4\xb8\xbc\xbd\xbe][A-Za-z\xc0-\xff]")
SELDOM = ("iso8859-10", "iso8859-14")  # as which it is mistaken
QUOTES = re.compile(rb"[\x80-\x9f]")  # and dashes, which the other alone has
ASCII = bytes(range(32, 127))
SPACE = "\t\n\r\f"
NO_TEXT = ("Cc", "Cn", "Co", "Cs")  # controls, what is not assigned, private use, halves of pairs


def _each_byte(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return BAD * (error.end - error.start), error.end


codecs.register_error(EACH_BYTE, _each_byte)


class Decoder:
    """Text from bytes as they come; each byte that is no text becomes U+FFFD and is counted in `bad`.

    As long as all bytes are ASCII the encoding stays open; the first others decide.
    """

    def __init__(self, encoding: str = "ascii", *, at_start: bool = True):
        self.encoding, self.at_start, self.bad = encoding, at_start, 0
        self._decoder = codecs.getincrementaldecoder(encoding)(EACH_BYTE)

    def decode(self, data: bytes, final: bool = False) -> str:
        if self.encoding == "ascii" and not data.isascii():
            self.encoding = encoding_of(data)
            self._decoder = codecs.getincrementaldecoder(self.encoding)(EACH_BYTE)
        text, bad = counted(self._decoder.decode(data, final))
        self.bad += bad
        if text and self.at_start:
            text, self.at_start = text.removeprefix("\ufeff"), False
        return text

    @property
    def is_between_characters(self) -> bool:
        """Whether no half of a character waits for its rest."""
        return not self._decoder.getstate()[0]


def counted(text: str) -> tuple[str, int]:
    """Text that was decoded with `EACH_BYTE`, U+FFFD in the places of the undecodable bytes, and their number."""
    if text.isascii():
        return text, 0
    return text.replace(BAD, MISSING), text.count(BAD)


def sound(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair, which no encoding can write."""
    if text.isascii():
        return text
    return "".join(MISSING if "\ud800" <= sign <= "\udfff" else sign for sign in text) if _has_halves(text) else text


def _has_halves(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def peek(file: IO[bytes]) -> bytes:
    """The first bytes of a buffered file, which are left to be read again."""
    return bytes(file.peek(SAMPLE)[:SAMPLE])  # type: ignore[attr-defined]


def decoded(data: bytes) -> tuple[str, str, int]:
    """All of a file as text, its encoding, and how many of its bytes are no text in it."""
    decoder = Decoder(encoding_of(data))
    return decoder.decode(data, final=True), decoder.encoding, decoder.bad


def is_wide(encoding: str) -> bool:
    return encoding.startswith(("utf-16", "utf-32"))


def is_binary(start: bytes) -> bool:
    """Whether the bytes hold more control characters than text does."""
    if is_wide(encoding_by_zeros(start)):
        return False
    return has_controls(start)


def has_controls(start: bytes) -> bool:
    return len(start) - len(start.translate(None, CONTROLS)) > max(2, 0.01 * len(start))


def is_utf8(start: bytes) -> bool:
    """Whether nearly all of it is."""
    bad = codecs.getincrementaldecoder("utf-8")(EACH_BYTE).decode(start).count(BAD)
    return bad <= 0.2 * (len(start) - len(start.translate(None, SEVERAL)))


def encoding_by_zeros(start: bytes) -> str:
    """The encoding that a mark names, or that zeros in every second place speak for; else "ascii"."""
    for mark, name in MARKS:
        if start.startswith(mark):
            return name
    half = len(start) // 2
    first, second = start[0::2].count(0), start[1::2].count(0)
    if half > 1 and max(first, second) > 0.5 * half and min(first, second) < 0.05 * half:
        return "utf-16-be" if first > second else "utf-16-le"
    is_strange = has_controls(start) or ((first or second) and not is_utf8(start))
    return wide_by_signs(start) if is_strange else "ascii"


def wide_by_signs(start: bytes) -> str:
    """UTF-16 where all is text in it; of both orders the one whose signs are more of one alphabet. Else "ascii"."""
    found = []
    for name, place in (("utf-16-le", 1), ("utf-16-be", 0)):
        text, bad = counted(codecs.getincrementaldecoder(name)(EACH_BYTE).decode(start))
        if text and not bad and all(sign in SPACE or unicodedata.category(sign) not in NO_TEXT for sign in text):
            found.append((Counter(start[place::2]).most_common(1)[0][1], name))
    return max(found)[1] if found else "ascii"


def encoding_of(start: bytes) -> str:
    """By a mark or by zeros; "ascii" while nothing else is there; UTF-8 if nearly all is; else by its letters."""
    known = encoding_by_zeros(start)
    if known != "ascii" or start.isascii():
        return known
    return "utf-8" if is_utf8(start) else encoding_by_letters(start)


def encoding_by_letters(start: bytes) -> str:
    """What charset-normalizer finds for the lines with more than ASCII; Western Europe's where that is as likely."""
    telling = b"\n".join(line for line in start.splitlines() if not line.isascii())[:SAMPLE]
    matches = [match for match in from_bytes(telling) if is_ascii_within(match.encoding)]
    if not matches:
        return "utf-8"
    has_letters_of_9 = bool(LETTERS_OF_9.search(telling) and not QUOTES.search(telling))
    western = next((match for match in matches if WESTERN in match.could_be_from_charset), None)
    if western is not None and western.chaos <= matches[0].chaos + 0.1:
        return LATIN_9 if has_letters_of_9 else WESTERN
    found = codecs.lookup(matches[0].encoding).name
    return LATIN_9 if has_letters_of_9 and found in SELDOM else found


def is_ascii_within(encoding: str) -> bool:
    """Whether ASCII's letters mean the same in the encoding."""
    return ASCII.decode(encoding, "replace") == ASCII.decode()
