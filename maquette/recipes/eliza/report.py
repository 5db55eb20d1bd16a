"""What the report shows of ELIZA: the script as tables, one reply drawn, the known conversation, which rules fire."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from maquette.families.blocks import Block, picture, say, table, warn
from maquette.figures.tables import bars
from maquette.methods.eliza import NO_MATCH, Eliza, Reply
from maquette.methods.eliza_scripts import Rule, Script, shown
from maquette.methods.hollerith import CELL, CODES, hashed, last_cell
from maquette.recipes.eliza.data import Exchange, Key, is_exact
from maquette.recipes.eliza.figures import walk
from maquette.runs import Run

SEVERAL = " | "  # between the answers of a pattern in a table
MOST_STEPS = 30  # rules of one reply in a table


def show_script(script: Script, run: Run) -> dict[str, Any]:
    """The script as tables: keywords with their ranks, patterns with their answers, MEMORY."""
    stacked = [rule for rule in script.rules.values() if rule.has_answers]
    transformations = [each for rule in script.all_rules() for each in rule.transformations]
    numbers = {
        "keywords with answers": len(stacked),
        "words that are replaced": sum(bool(rule.substitute) for rule in script.rules.values()),
        "tags": len(script.tags),
        "patterns": len(transformations),
        "answers": sum(len(each.answers) for each in transformations),
    }
    for name, value in numbers.items():
        run.fact(name.capitalize(), value)
    run.say(f"It opens with: {script.greeting or '(nothing)'}")
    ranks = {rule.keyword: rule.rank for rule in sorted(stacked, key=lambda rule: -rule.rank) if rule.rank}
    if ranks:
        run.picture(
            "ranks",
            bars(ranks, "rank", most=40),
            "Keywords by rank",
            "Of a sentence's keywords the one with the highest rank is tried first; the other "
            f"{len(stacked) - len(ranks)} have rank 0, and among equals the first in the sentence wins.",
        )
    run.table(
        "Keywords",
        pd.DataFrame([keyword_row(rule) for rule in script.rules.values()]),
        "What a word becomes, its rank, its tags, and how many patterns are tried with it. Without patterns it goes on "
        "with another keyword's, or only changes its word or gives it a tag.",
    )
    rows = [
        {
            "keyword": rule.keyword,
            "pattern": shown(each.pattern),
            "answers, in turn": SEVERAL.join(str(answer) for answer in each.answers),
            "line": each.line,
        }
        for rule in script.all_rules()
        for each in rule.transformations
    ]
    run.table(
        "Rules",
        pd.DataFrame(rows),
        "In a pattern 0 is any number of words, another number that many, (*A B) one of these, (/TAG) a word with "
        "that tag. In an answer a number is that part of the pattern. (=KEY) goes on with another keyword's rules, "
        "(PRE ...) first makes a new text for them, (NEWKEY) takes the next keyword of the stack.",
    )
    if script.tags:
        tags = [{"tag": tag, "words": ", ".join(sorted(words))} for tag, words in script.tags.items()]
        run.table("Tags", pd.DataFrame(tags))
    if script.memory is not None:
        memory = [
            {"hash": place, "pattern": shown(each.pattern), "what is remembered": str(each.answers[0])}
            for place, each in enumerate(script.memory.transformations)
        ]
        run.table(
            "MEMORY",
            pd.DataFrame(memory),
            f"When {script.memory.keyword} is tried, a remark is put by for later; the hash of the clause's last six "
            "letters, two bits, chooses which.",
        )
    return numbers


def keyword_row(rule: Rule) -> dict[str, Any]:
    return {
        "keyword": rule.keyword,
        "rank": rule.rank if rule.has_answers else None,
        "becomes": rule.substitute,
        "tags": ", ".join(rule.tags),
        "patterns": len(rule.transformations),
        "goes on with": rule.link,
        "line": rule.line,
    }


def show_preparing(script: Script, run: Run) -> None:
    """How an input is made ready."""
    run.say(
        "An input becomes capitals; what the machine's 48 characters lack becomes a dash, ? and ! a full stop. A "
        "comma, a full stop or BUT ends a clause. The first clause with a keyword is kept, and all else is left out. "
        "Each word that has another for it is replaced; each keyword goes on the stack, on top if its rank is higher "
        "than all before, else at the bottom."
    )
    run.say(
        "LIMIT counts the inputs: 2, 3, 4, 1, 2 and so on. Where no keyword was found and LIMIT is 4, the oldest "
        "memory is said. Where no pattern of a keyword fits, the program itself has four remarks, by LIMIT: "
        f"{'; '.join(NO_MATCH)}."
    )
    if script.memory is not None:
        run.formula("hash(word, 2 bits) = ⌊d² / 2³⁴⌋ mod 4,  d: its last six letters in the machine's code, 35 bits")
        word = "HERE"
        run.table(
            f"The hash of {word}",
            pd.DataFrame([hash_row(word)]),
            "Letters have six bits each, here as two octal digits; a word is padded with blanks, 60.",
        )


def hash_row(word: str) -> dict[str, Any]:
    """How the hash of a word comes about."""
    cell = word[(max(len(word), 1) - 1) // CELL * CELL :].ljust(CELL)
    return {
        "last word": word,
        "six letters": cell.replace(" ", "␣"),
        "octal": " ".join(f"{CODES[sign]:02o}" for sign in cell),
        "d²": f"{(last_cell(word) & (1 << 35) - 1) ** 2:,}",
        "two bits in the middle": str(hashed(word, 2)),
    }


def show_reached(
    script: Script, answers: Mapping[Key, int], reached: Mapping[Key, int], used: Mapping[Key, int], run: Run
) -> None:
    """Which answers sentences made of the rules reach, and which they do not."""
    missed = [
        {"keyword": key, "pattern": shown(pattern_of(script, key, place)), "answer": turn + 1, "line": line}
        for (key, place, turn), line in answers.items()
        if (key, place, turn) not in reached
    ]
    run.fact("Answers reached", f"{len(answers) - len(missed)} of {len(answers)}")
    if missed:
        run.table(
            "Answers that are never reached",
            pd.DataFrame(missed),
            "Sentences were made of every pattern, each as often as it has answers. What they never reach stands in "
            "the shadow of another rule: an earlier pattern of the same keyword that fits as well, or a keyword of "
            "higher rank that the pattern itself holds.",
        )
    else:
        run.say("Sentences made of every pattern, each as often as it has answers, reach all of them.")
    counts: dict[str, int] = {}
    for (key, place, _), count in (used or reached).items():
        name = f"{key} {shown(pattern_of(script, key, place))}"
        counts[name] = counts.get(name, 0) + count
    run.picture(
        "firing",
        bars(dict(sorted(counts.items(), key=lambda item: -item[1])), "times"),
        "How often each rule fires",
        "In the known conversation." if used else "In sentences made of the rules.",
    )


def pattern_of(script: Script, keyword: str, place: int) -> Any:
    rule = script.rules.get(keyword, script.none)
    return rule.transformations[place].pattern


def show_walk(script: Script, sentence: str, run: Run) -> None:
    """One reply, drawn, in a conversation of its own."""
    run.say(f"The way of one reply, to: {sentence}")
    for block in explained(script, Eliza(script).reply(sentence), "walk"):
        run.block(block, block.get("name", ""))


def show_replay(script: Script, talk: Sequence[Exchange], replies: Sequence[Reply], run: Run) -> None:
    """The known conversation once more, with the rule behind each reply."""
    rows = [
        {
            "said": each.said,
            "reply": reply.text,
            "why": reply.why(),
            "LIMIT": reply.limit,
            "to the letter": "yes" if is_exact(reply, each.reply) else f"no: {each.reply}",
        }
        for each, reply in zip(talk, replies, strict=True)
    ]
    exact = sum(row["to the letter"] == "yes" for row in rows)
    run.table(
        "The known conversation replayed",
        pd.DataFrame(rows),
        f"{exact} of {len(rows)} replies are the known ones to the letter.",
    )
    memories = [
        {"said": reply.said, "remembered": each.text, **hash_row(each.word)}
        for reply in replies
        for each in reply.remembered
    ]
    if memories:
        run.table(
            "What was remembered on the way", pd.DataFrame(memories), "The hash tells which rule of MEMORY was taken."
        )


def explained(script: Script, reply: Reply, name: str) -> list[Block]:
    """How a reply came about: drawn, then as tables."""
    blocks = [
        say(f"ELIZA says: {reply.text}"),
        say(f"Because: {reply.why()}."),
        picture(
            walk(reply),
            "The way of the reply",
            "Blue words are keywords, orange ones were put in their place. Of each rule the pattern stands above the "
            "parts that it found, numbered; the answer takes parts by their numbers.",
            name,
        ),
    ]
    if reply.lost:
        blocks.insert(2, warn(f"The machine lacks {', '.join(map(repr, reply.lost[:12]))}; a dash stands for each."))
    if reply.stack:
        rows = [[place, keyword, rank] for place, (keyword, rank) in enumerate(reply.stack, 1)]
        blocks.append(table("The stack", ["tried", "keyword", "rank"], rows, "Tried from the top."))
    if reply.steps:
        steps = [
            [
                step.keyword,
                " ".join(step.words),
                shown(step.transformation.pattern) if step.transformation else "none fits",
                " / ".join(f"{place}: {' '.join(part) or '∅'}" for place, part in enumerate(step.parts, 1)),
                str(step.answer) if step.answer else f"(={step.link})" if step.link else "",
                step.answer.line if step.answer else None,
            ]
            for step in reply.steps[-MOST_STEPS:]
        ]
        columns = ["keyword", "text", "pattern", "parts", "answer", "line"]
        blocks.append(table("Rules that were tried", columns, steps, "The line is that of the answer in the script."))
    for each in reply.remembered:
        row = hash_row(each.word)
        blocks.append(table("What is remembered", ["remark", *row], [[each.text, *row.values()]]))
    return blocks
