"""Scripts read, and refused with the line of what is wrong."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maquette.data.sets.eliza import COURSE, LISTENER
from maquette.methods.eliza_reading import read_script
from maquette.methods.eliza_scripts import Answer, OneOf, Tagged
from maquette.settings import UserError

NONE = "(NONE ((0) (GO ON)))"
MEMORY = "(MEMORY MY (0 = A 1) (0 = B 1) (0 = C 1) (0 = D 1))"


def script(*rules: str) -> str:
    """A greeting in line 1, each rule on a line of its own from line 2 on, and NONE at the end."""
    return "\n".join(["(HELLO)", *rules, NONE])


def test_everything_that_a_rule_may_have():
    made = read_script(
        """(GOOD DAY. TELL ME)  ; the greeting
        START
        (MY = YOUR DLIST(/ OWN) 7
            ((0 YOUR 2 (* CAT DOG) (/OWN THING)) (YOUR 3, REALLY) (=CAN) (NEWKEY) (PRE (I ARE 1) (= CAN)))
            (=CAN))
        (CAN((0)(1)))(ME=YOU)
        (MEMORY MY (0 = A 1) (0 = B) (0 = C) (0 = D))
        (NONE ((0) (GO ON) ()))
        ()"""
    )
    assert made.greeting == "GOOD DAY. TELL ME" and list(made.rules) == ["MY", "CAN", "ME"] and not made.notes[1:]
    rule = made.rules["MY"]
    assert (rule.substitute, rule.rank, rule.tags, rule.link, rule.line) == ("YOUR", 7, ("OWN",), "CAN", 3)
    (only,) = rule.transformations
    assert only.pattern == (0, "YOUR", 2, OneOf(("CAT", "DOG")), Tagged(("OWN", "THING"))) and only.line == 4
    assert [answer._replace(line=0) for answer in only.answers] == [
        Answer(("YOUR", 3, ",", "REALLY")),
        Answer(None, "CAN"),
        Answer(None),
        Answer(("I", "ARE", 1), "CAN"),
    ]
    assert [str(answer) for answer in only.answers] == [
        "(YOUR 3 , REALLY)",
        "(=CAN)",
        "(NEWKEY)",
        "(PRE (I ARE 1) (=CAN))",
    ]
    assert made.tags == {"OWN": {"MY"}} and made.memory.keyword == "MY" and len(made.memory.transformations) == 4
    assert (
        not made.rules["ME"].has_answers and [answer.parts for answer in made.none.transformations[0].answers][1] == ()
    )
    assert "THING" in made.notes[0] and "Line 4" in made.notes[0]


def test_small_letters_in_keywords_are_capitals_and_in_answers_stay():
    made = read_script("(Hello there)\n(my = your ((0 your 0) (Your 3 ?)))\n(none ((0) (Go on)))")
    assert list(made.rules) == ["MY"] and made.rules["MY"].transformations[0].pattern == (0, "YOUR", 0)
    assert made.rules["MY"].transformations[0].answers[0].parts == ("Your", 3, "?") and not made.is_capital


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (
            script("(SORRY\n    ((0)\n        (DON'T BE)", "(YES ((0) (SO)))"),
            2,
            r"\(SORRY \(\.\.\.\)\), is never closed",
        ),
        (script("(YES ((0) (SO))))", "(NO ((0) (WHY)))"), 2, "a closing bracket too many"),
        (script("(YES ((0) (SO)))", "WHAT (NO ((0) (WHY)))"), 3, "WHAT stands outside of brackets"),
        (script("(YES ((0) (SO)))", "(NO)"), 3, "the rule NO is empty"),
        (script("(YES ((0) (SO)))", "", "(YES ((0) (SO)))"), 4, "a second rule for YES; the first is in line 2"),
        (script("(YES (=MAYBE))", "(MAYBEE ((0) (SO)))"), 2, "no rule MAYBE to go on with; did you mean MAYBEE"),
        (script("(YES\n ((0)\n (=MAYBE)))"), 4, "no rule MAYBE"),
        (script("(YES (=ME))", "(ME = YOU)"), 2, r"ME \(line 3\) has no answers"),
        (script("(A (=B))", "(B (=C))", "(C (=A))"), 2, "A leads to B leads to C leads to A, without an end"),
        (script("(YES FOO ((0) (SO)))"), 2, "FOO is no part of a rule"),
        (script("(YES ((0 YES 0)\n (SO 4)))"), 3, r"asks for part 4, and its pattern \(0 YES 0\) has 3"),
        (script("(YES ((0) (SO 0)))"), 2, "asks for part 0"),
        (script("(YES (() (SO)))"), 2, "a pattern is empty"),
        (script("(YES ((0)))"), 2, "has no answer"),
        (script("(YES (SO))"), 2, r"\(SO\) is no rule of YES"),
        (script("(YES ((0 (A B) 0) (SO)))"), 2, r"\(A B\) in a pattern is neither"),
        (script("(YES ((0 (*) 0) (SO)))"), 2, "holds no word"),
        (script("(YES ((0) (SO (VERY) SO)))"), 2, "no brackets within an answer"),
        (script("(YES ((0) SO))"), 2, "SO stands among answers without brackets"),
        (script("(YES ((0) (PRE (A))))"), 2, "PRE is"),
        (script("(YES (=NO) ((0) (SO)))", "(NO ((0) (WHY)))"), 2, "nothing can follow"),
        (script("(YES ((0) (=NO WAY)))", "(NO ((0) (WHY)))"), 2, "is no link"),
        (script("(YES DLIST TAG)"), 2, "DLIST needs tags in brackets"),
        (script("(YES =)"), 2, "= needs the word"),
        (script("((0) (SO))"), 2, "a rule begins with its keyword"),
        (script(MEMORY), 2, "MEMORY goes with MY, which must have a rule with answers"),
        (script("(MY ((0) (1)))", MEMORY, MEMORY), 4, "a second MEMORY; the first is in line 3"),
        (script("(MY ((0) (1)))", "(MEMORY MY (0 = A))"), 3, "MEMORY has 1 rules, and needs 4"),
        (script("(MY ((0) (1)))", "(MEMORY MY (0 A) (0 = B) (0 = C) (0 = D))"), 3, r"is \(PATTERN = ANSWER\)"),
        (script("(MY ((0) (1)))", "(MEMORY)"), 3, "needs the keyword"),
        ("(HELLO)\n(NONE ((0 X) (GO ON)))", 2, "NONE must answer every text"),
        ("(HELLO)\n(NONE ((0) (GO ON)\n (NEWKEY)))", 3, "NONE is the last to be asked"),
        (script("(CAT ((0) (C)))").replace("GO ON", "=CAT"), 3, "NONE is the last to be asked"),
        (script("(CAT ((0 CAT 1001) (SO)))"), 2, "1001 is a number above 1,000"),
        (script(f"(CAT {'9' * 5000} ((0) (SO)))"), 2, "is a number above 1,000"),
        (script("(CAT ((0) (SO 99999999999999999999)))"), 2, "is a number above 1,000"),
        (script("(\u0416\u0414\u0418 ((0) (SO)))"), 2, "the machine has the letters A to Z"),
        ("HELLO\n(YES ((0) (SO)))", 1, "HELLO stands outside of brackets"),
        ("((YES) (NO))\n" + NONE, 1, "the greeting, which is the first list, holds words only"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text, line, what):
    with pytest.raises(UserError, match=rf"^the script, line {line}: .*{what}"):
        read_script(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "holds no script"),
        ("; nothing but a comment (", "holds no script"),
        ("(HELLO)", "empty script"),
        ("(HELLO)\n()\n", "empty script"),
        ("(HELLO)\n(YES ((0) (SO)))", "no rule NONE"),
    ],
)
def test_a_script_that_lacks_everything(text, what):
    with pytest.raises(UserError, match=what):
        read_script(text)


def test_what_can_never_happen_is_noted():
    made = read_script(script("(BUT ((0) (SO)))") + "\n()\n(MORE ((0) (SO)))")
    assert any("Line 2: BUT ends a clause" in note for note in made.notes)
    assert any("line 4 is not read" in note for note in made.notes) and "MORE" not in made.rules


def written(made) -> str:
    """A script in the format again."""
    rows = [f"({made.greeting})"]
    for rule in made.all_rules():
        head = [rule.keyword, f"= {rule.substitute}" if rule.substitute else ""]
        head += [f"DLIST(/{' '.join(rule.tags)})" if rule.tags else "", str(rule.rank) if rule.rank else ""]
        for each in rule.transformations:
            pattern = " ".join(map(str, each.pattern))
            head.append(f"(({pattern}) {' '.join(map(str, each.answers))})")
        rows.append(f"({' '.join(filter(None, [*head, f'(={rule.link})' if rule.link else '']))})")
    if made.memory:
        each = [f"({' '.join(map(str, t.pattern))} = {str(t.answers[0])[1:-1]})" for t in made.memory.transformations]
        rows.append(f"(MEMORY {made.memory.keyword} {' '.join(each)})")
    return "\n".join(rows)


def without_lines(made) -> str:
    return re.sub(r"line=\d+", "", f"{made.greeting} {made.rules} {made.none} {made.memory}")


@pytest.mark.parametrize("text", [LISTENER, COURSE])
def test_a_script_written_again_reads_the_same(text):
    made = read_script(text)
    assert without_lines(read_script(written(made))) == without_lines(made)


@given(st.text(alphabet="()=0 1*/;\nABYES,", max_size=60))
def test_any_text_is_a_script_or_refused(text):
    try:
        made = read_script(script("(YES ((0) (SO)))") + text)
    except UserError as error:
        assert re.match(r"the script(, line \d+: | )", str(error))
    else:
        assert made.rules and made.none.transformations
