"""Porter's stemmer, with the changes that NLTK makes to it, by which other programs compute ROUGE with stemming.

Porter 1980, "An algorithm for suffix stripping"; c stands for a run of consonants, v for one of vowels, and the
measure of a stem counts its "vc".
"""

import re
from functools import lru_cache

WHOLE = {  # words that the rules would spoil
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "innings": "inning",
    "outings": "outing",
    "cannings": "canning",
} | {word: word for word in ("sky", "news", "inning", "outing", "canning", "howe", "proceed", "exceed", "succeed")}
SECOND = {
    "ational": "ate",
    "tional": "tion",
    "enci": "ence",
    "anci": "ance",
    "izer": "ize",
    "bli": "ble",
    "alli": "al",
    "entli": "ent",
    "eli": "e",
    "ousli": "ous",
    "ization": "ize",
    "ation": "ate",
    "ator": "ate",
    "alism": "al",
    "iveness": "ive",
    "fulness": "ful",
    "ousness": "ous",
    "aliti": "al",
    "iviti": "ive",
    "biliti": "ble",
    "fulli": "ful",
    "logi": "log",
}
THIRD = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
FOURTH = [
    "al",
    "ance",
    "ence",
    "er",
    "ic",
    "able",
    "ible",
    "ant",
    "ement",
    "ment",
    "ent",
    "ion",
    "ou",
    "ism",
    "ate",
    "iti",
    "ous",
    "ive",
    "ize",
]
MOST_KEPT = 1 << 16


@lru_cache(MOST_KEPT)
def stemmed(word: str) -> str:
    """The stem of a word in lower case."""
    if word in WHOLE:
        return WHOLE[word]
    if len(word) <= 2:
        return word
    word = without_ending(without_plural(word))
    if word.endswith("y") and len(word) > 2 and kinds(word[:-1])[-1] == "c":
        word = word[:-1] + "i"
    return without_last_e(without_fourth(exchanged(second(word), THIRD)))


def kinds(word: str) -> str:
    """c or v for each letter; y is a vowel after a consonant."""
    found = ""
    for letter in word:
        found += "v" if letter in "aeiou" or (letter == "y" and found.endswith("c")) else "c"
    return found


def measure(stem: str) -> int:
    return len(re.findall("v+c+", kinds(stem)))


def ends_short(stem: str) -> bool:
    """Whether it ends like "hop", in consonant, vowel, and a consonant but w, x or y; or is a vowel and a consonant."""
    shape = kinds(stem)
    return (shape.endswith("cvc") and stem[-1] not in "wxy") or shape == "vc"


def without_plural(word: str) -> str:
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def without_ending(word: str) -> str:
    """Without -ed and -ing, and what then has to be put back."""
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if measure(word[:-3]) > 0 else word
    stem = next((word[: -len(end)] for end in ("ed", "ing") if word.endswith(end)), None)
    if stem is None or "v" not in kinds(stem):
        return word
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if len(stem) > 1 and stem[-1] == stem[-2] and kinds(stem)[-1] == "c":
        return stem if stem[-1] in "lsz" else stem[:-1]
    return stem + "e" if measure(stem) == 1 and ends_short(stem) else stem


def second(word: str) -> str:
    if word.endswith("alli") and measure(word[:-4]) > 0:
        return second(word[:-2])
    if word.endswith("logi"):  # the l counts for the stem
        return word[:-1] if measure(word[:-3]) > 0 else word
    return exchanged(word, SECOND)


def exchanged(word: str, rules: dict[str, str]) -> str:
    """The longest ending that is known, exchanged where the stem has a measure."""
    for end in sorted(rules, key=len, reverse=True):
        if word.endswith(end):
            stem = word[: -len(end)]
            return stem + rules[end] if measure(stem) > 0 else word
    return word


def without_fourth(word: str) -> str:
    for end in sorted(FOURTH, key=len, reverse=True):
        if word.endswith(end):
            stem = word[: -len(end)]
            is_off = measure(stem) > 1 and (end != "ion" or stem.endswith(("s", "t")))
            return stem if is_off else word
    return word


def without_last_e(word: str) -> str:
    if word.endswith("e"):
        stem = word[:-1]
        if measure(stem) > 1 or (measure(stem) == 1 and not ends_short(stem)):
            word = stem
    return word[:-1] if word.endswith("ll") and measure(word[:-1]) > 1 else word
