"""Which language a text is in, by its commonest words, and whether it reads like one side of a pair or the other."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

WORD = re.compile(r"[^\W\d_]+")
LOOKED_AT = 3_000  # texts of a side that are looked at
COMMON = 300  # words of a side by which texts are told apart
FEWEST = 3  # such words that a text must have before anything is said of it
CLEAR = 0.12  # part of the words of a text that belong to the commonest of its language
COMMONEST = {
    "en": "the of and to in is that it was for with on are this at not have from they his her by an be",
    "de": "der die das und ist in zu den mit von ein eine einen einem nicht auf für im dem sich auch des wird sind",
    "fr": "le la les de des et est un une dans pour que qui sur pas avec il elle du au ce sont par plus",
    "es": "el la los las de y en que un una es por con para del se no su al lo está como más sus",
    "it": "il la le di e che un una è in per con non del della gli si da sono al nel dei alla ha",
    "pt": "o a os as de e que um uma em para com não do da no na se por mais é são ao dos",
    "nl": "de het een en van is in op dat niet zijn met te voor die er aan ook maar bij naar hij ze als",
    "sv": "och att det som en är på av för med den till inte har om ett han var jag men sig från de så",
    "da": "og det at en er på af for med den til ikke har om et han var jeg men sig fra de der som",
    "pl": "i w nie na się z że jest do to jak po co ale za od dla czy przez tym już są przy oraz",
    "cs": "a v se na je že to s z do o i jak pro by ale jeho které jsou ve po při nebo jen",
    "fi": "ja on ei se että hän oli mutta ovat kun niin joka myös tai jos kuin sen ole hänen mitä vain ne siitä",
    "hu": "a az és hogy nem is egy van ez de volt azt csak meg el mint már ki még vagy ha lesz ezt kell",
    "tr": "ve bir bu da de için ile çok ne daha gibi kadar olarak değil var ama sonra o en ki mi olan her ise",
    "ru": "и в не на что он с как это по к но из у за от так же для мы вы она было все",
    "uk": "і в не на що він з як це до та але за від так для ми ви вона було про його їх є",
}
NAMES = {
    "en": "eng english",
    "de": "deu ger german deutsch",
    "fr": "fra fre french français francais",
    "es": "spa spanish español espanol",
    "it": "ita italian italiano",
    "pt": "por portuguese português",
    "nl": "nld dut dutch nederlands",
    "sv": "swe swedish svenska",
    "da": "dan danish dansk",
    "pl": "pol polish polski",
    "cs": "ces cze czech čeština",
    "fi": "fin finnish suomi",
    "hu": "hun hungarian magyar",
    "tr": "tur turkish türkçe",
    "ru": "rus russian русский",
    "uk": "ukr ukrainian українська",
}
CODES = {word: code for code, words in NAMES.items() for word in (code, *words.split())}
OF_LANGUAGE = {code: frozenset(words.split()) for code, words in COMMONEST.items()}


def words_of(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]


def named_language(name: str) -> str | None:
    """The language that the name of a file, a column or a field names, as a code of two letters."""
    found = [CODES[word] for word in words_of(name) if word in CODES]
    return found[-1] if found else None


def language_of(texts: Iterable[str]) -> str | None:
    """The language of most of the texts, as a code of two letters; None where it is not one of the known."""
    counts = Counter(word for text, _ in zip(texts, range(LOOKED_AT), strict=False) for word in words_of(text))
    hits = {code: sum(counts[word] for word in words) for code, words in OF_LANGUAGE.items()}
    ranked = sorted(hits, key=lambda code: -hits[code])
    if hits[ranked[0]] < CLEAR * max(1, counts.total()) or hits[ranked[0]] < 1.2 * hits[ranked[1]]:
        return None
    return ranked[0]


def common_words(texts: Iterable[str]) -> list[str]:
    """The commonest words, in small letters; equally common ones by their letters."""
    counts = Counter(word for text, _ in zip(texts, range(LOOKED_AT), strict=False) for word in words_of(text))
    return [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:COMMON]]


def reads_like_the_other(texts: Iterable[str], own: Sequence[str], other: Sequence[str]) -> bool:
    """Whether texts have more of the words that only the other side has often than of those that only theirs has."""
    mine, its = set(own) - set(other), set(other) - set(own)
    counts = Counter(word for text, _ in zip(texts, range(LOOKED_AT), strict=False) for word in words_of(text))
    hits, misses = sum(counts[word] for word in its), sum(counts[word] for word in mine)
    return hits >= FEWEST and hits > 3 * misses
