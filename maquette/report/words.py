"""What a page says about scores: which is best, and whether the model beats the best of its baselines, by how much."""

import math
import re
from dataclasses import dataclass
from typing import Any

from maquette.figures.numbers import number
from maquette.trained import Record


@dataclass(frozen=True)
class Verdict:
    """The score that decides, and how it stands to the best baseline. `tone`: better, worse, same, none,
    or told, where the recipe says it in its own words."""

    score: str
    value: str
    unit: str
    interval: str
    sentence: str
    tone: str


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def deciding(record: Record) -> str | None:
    """The score that decides, as the framing says; the first one if it does not."""
    scores = record.scores.get("scores", {})
    named = record.findings.get("framing", {}).get("score")
    return named if named in scores else next(iter(scores), None)


def direction(record: Record, score: str) -> str | None:
    """`higher` or `lower`, whichever is better; nothing if the run does not say."""
    said = record.scores.get("directions", {}).get(score)
    framing = record.findings.get("framing", {})
    if said is None and framing.get("score") == score and "higher_is_better" in framing:
        return "higher" if framing["higher_is_better"] else "lower"
    return said if said in ("higher", "lower") else None


def unit_of(record: Record, score: str) -> str:
    framing = record.findings.get("framing", {})
    return str(
        record.scores.get("units", {}).get(score)
        or (framing.get("unit") if framing.get("score") == score else "")
        or ""
    )


def best_name(values: dict[str, Any], way: str | None) -> str | None:
    """The name whose number is best; nothing where no way is better or there is nothing to compare."""
    numbers = {name: value for name, value in values.items() if is_number(value)}
    if way is None or len(numbers) < 2:
        return None
    return (max if way == "higher" else min)(numbers, key=lambda name: numbers[name])


def interval(scores: dict[str, Any], score: str) -> str:
    """`0.41 to 0.77` where the scores hold `<score>_low` and `<score>_high`, else nothing."""
    low, high = scores.get(f"{score}_low"), scores.get(f"{score}_high")
    return f"{number(low, digits=3)} to {number(high, digits=3)}" if is_number(low) and is_number(high) else ""


def verdict(record: Record) -> Verdict | None:
    """How the model stands; nothing for a run without scores."""
    score = deciding(record)
    if score is None:
        return None
    told = headline(record)
    value, unit, way = record.scores["scores"][score], unit_of(record, score), direction(record, score)
    if told:
        return Verdict(score, number(value), unit, interval(record.scores["scores"], score), told, "told")
    others = {
        name: row.get(score) for name, row in record.scores.get("baselines", {}).items() if is_number(row.get(score))
    }
    rival = best_name({**others, "": None}, way) or (next(iter(others)) if len(others) == 1 else None)
    if rival is None or way is None or not is_number(value):
        return Verdict(
            score,
            number(value),
            unit,
            interval(record.scores["scores"], score),
            "There is no baseline to compare with." if not others else "",
            "none",
        )
    words = f"{rival} ({number(others[rival], unit)})"
    tone, sentence = _compared(float(value), float(others[rival]), way, words, is_logarithmic=unit == "dB")
    return Verdict(score, number(value), unit, interval(record.scores["scores"], score), sentence, tone)


def headline(record: Record) -> str:
    """What the framing says was found, its `{score}` and `{baseline|score}` filled in; nothing if one is missing."""
    scores, baselines = record.scores.get("scores", {}), record.scores.get("baselines", {})
    missing = []

    def filled(found: re.Match[str]) -> str:
        baseline, _, score = found[1].rpartition("|")
        value = (baselines.get(baseline, {}) if baseline else scores).get(score)
        if not is_number(value):
            missing.append(found[0])
        return number(value, unit_of(record, score))

    told = re.sub(r"\{([^{}]+)\}", filled, str(record.findings.get("framing", {}).get("headline") or ""))
    return "" if missing else told


def _compared(
    value: float, rival: float, way: str, rival_words: str, *, is_logarithmic: bool = False
) -> tuple[str, str]:
    gain = value - rival if way == "higher" else rival - value
    if number(value) == number(rival):
        return "same", f"No better and no worse than the best baseline, {rival_words}."
    size = f"{number(100 * abs(gain) / abs(rival), digits=2)} %" if rival > 0 else number(abs(gain), digits=3)
    if is_logarithmic:
        size = f"{abs(gain):.2f} dB"
    if gain > 0:
        return "better", f"Better than the best baseline, {rival_words}, by {size}."
    return (
        "worse",
        f"Worse than the best baseline, {rival_words}, by {size}.",
    )
