"""The 48 characters of the IBM 7094 in six bits each, and the hash by which SLIP's programs spread words.

Codes as in the University of Michigan Executive System for the IBM 7090 (1964), where code 14 (octal) is the prime.
HASH(D, N), recovered with SLIP in 2022: the middle N bits of the square of a word of 36 bits without its sign.
"""

import unicodedata

_ROWS = {0o00: "0123456789", 0o13: "='", 0o20: "+ABCDEFGHI", 0o33: ".)", 0o40: "-JKLMNOPQR", 0o53: "$*"}
_ROWS |= {0o60: " /STUVWXYZ", 0o73: ",("}
CODES = {sign: first + place for first, row in _ROWS.items() for place, sign in enumerate(row)}
CELL = 6  # characters of a machine word
MOST_BITS = 15  # of an address, which is all that the hash keeps
UNKNOWN = "-"  # stands for a character that the machine has not
BLANKS = '"`\u00ab\u00bb\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a'  # quotation marks, which set words apart
PRIMES = "\u2018\u2019"  # what other programs make of an apostrophe
ENDS = "?!"  # end a sentence as a full stop does


def folded(text: str) -> tuple[str, list[str]]:
    """A text in the machine's characters, and those that it had to replace by a dash, each once.

    Letters become capitals without accents; quotation marks and white space become blanks, ? and ! full stops.
    """
    made, lost = [], []
    for sign in text:
        if sign.isspace() or sign in BLANKS:
            made.append(" ")
        elif sign in PRIMES:
            made.append("'")
        elif sign in ENDS:
            made.append(".")
        else:
            plain = [part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part)]
            capitals = "".join(plain).upper()
            if capitals and all(part in CODES for part in capitals):
                made.append(capitals)
            elif plain:
                made.append(UNKNOWN)
                lost.append(sign)
    return "".join(made), list(dict.fromkeys(lost))


def last_cell(word: str) -> int:
    """The last machine word of 36 bits that a word fills: six characters each, the last one padded with blanks."""
    start = (max(len(word), 1) - 1) // CELL * CELL
    datum = 0
    for sign in word[start:].ljust(CELL):
        datum = datum << 6 | CODES[sign]
    return datum


def middle_bits(datum: int, bits: int) -> int:
    """SLIP's HASH(D, N): the middle `bits` bits, 0 to 15 of them, of the square of D without its sign bit."""
    assert 0 <= bits <= MOST_BITS
    return ((datum & (1 << 35) - 1) ** 2 >> 35 - bits // 2) & (1 << bits) - 1


def hashed(word: str, bits: int) -> int:
    """The hash of a word's last cell: HERE with 2 bits gives 3, ALWAYS with 7 gives 14."""
    return middle_bits(last_cell(word), bits)
