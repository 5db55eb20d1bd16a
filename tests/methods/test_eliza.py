"""ELIZA's mechanisms, each by a script that has just that, and matching against brute force."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maquette.data.sets.eliza import COURSE, COURSE_TALK, LISTENER, LISTENER_TALK
from maquette.methods.eliza import NO_MATCH, Eliza, matched, words_of
from maquette.methods.eliza_reading import read_script
from maquette.methods.eliza_scripts import OneOf, Tagged
from maquette.settings import UserError

NONE = "(NONE ((0) (GO ON) (AND THEN)))"


def talk(rules: str, *said: str) -> list[str]:
    eliza = Eliza(read_script(f"(HELLO) {rules} {NONE}"))
    return [eliza.reply(each).text for each in said]


@pytest.mark.parametrize(("script", "known"), [(LISTENER, LISTENER_TALK), (COURSE, COURSE_TALK)])
def test_a_recorded_conversation_comes_out_to_the_letter(script, known):
    lines, eliza = known.strip().split("\n"), Eliza(read_script(script))
    assert [eliza.reply(said).text for said in lines[::2]] == lines[1::2]


def test_answers_of_a_pattern_come_in_turn_each_pattern_by_itself():
    rules = "(CAT ((0 CAT) (A) (B 1)) ((0) (C) (D)))"
    said = ["A CAT", "CAT FOOD", "OLD CAT", "A CAT", "CAT FOOD", "CAT FOOD"]
    assert talk(rules, *said) == ["A", "C", "B OLD", "A", "D", "C"]


def test_the_stack_has_the_highest_rank_on_top_and_the_others_in_order():
    rules = " ".join(
        f"({key} {rank} ((0) (NEWKEY)))" for key, rank in [("A", 2), ("B", 1), ("C", 5), ("D", 5), ("E", 0)]
    )
    reply = Eliza(read_script(f"(HELLO) {rules} {NONE}")).reply("b a e d c x")
    assert reply.stack == [("D", 5), ("A", 2), ("B", 1), ("E", 0), ("C", 5)]
    assert [step.keyword for step in reply.steps] == ["D", "A", "B", "E", "C", "NONE"]
    assert reply.source == "none" and reply.text == "GO ON"
    assert reply.why().startswith("no keyword left: NONE")


def test_words_are_replaced_once_and_keywords_are_found_before_that():
    rules = "(I = YOU ((0 YOU 0) (YOU SAID 3))) (YOU = I ((0 I 0) (I WHAT 3))) (ME = YOU)"
    reply = Eliza(read_script(f"(HELLO) {rules} {NONE}")).reply("I like you and me")
    assert reply.words == ["YOU", "LIKE", "I", "AND", "YOU"] and reply.heard == ["I", "LIKE", "YOU", "AND", "ME"]
    assert reply.substitutions == [("I", "YOU"), ("YOU", "I"), ("ME", "YOU")]
    assert reply.text == "YOU SAID LIKE I AND YOU"


@pytest.mark.parametrize(
    ("said", "kept", "dropped"),
    [
        ("well, my cat but my dog", "MY CAT", ["WELL", "MY DOG"]),
        ("one. two but my cat! more, of it", "MY CAT", ["ONE", "TWO", "MORE , OF IT"]),
        ("butter my bread", "BUTTER MY BREAD", []),
        ("my cat", "MY CAT", []),
    ],
)
def test_comma_full_stop_and_but_end_a_clause(said, kept, dropped):
    reply = Eliza(read_script(f"(HELLO) (MY ((0) (1))) {NONE}")).reply(said)
    assert reply.text == kept and reply.dropped == dropped


def test_a_link_goes_on_with_other_rules_and_pre_with_another_text():
    rules = "(I'M = YOU'RE ((0 YOU'RE 0) (PRE (YOU ARE 3) (=I)))) (I = YOU ((0 YOU ARE 0) (HOW LONG 4)))"
    assert talk(rules, "Today I'm sad") == ["HOW LONG SAD"]
    assert talk("(HOW (=WHAT)) (WHAT ((0) (WHY)))", "how") == ["WHY"]
    assert talk("(WHY ((0 X 0) (AN X)) (=WHAT)) (WHAT ((0) (WHAT)))", "why", "why x") == ["WHAT", "AN X"]


def test_tags_and_choices():
    rules = (
        "(DAD = FATHER DLIST(/FAMILY)) (FATHER DLIST(/FAMILY)) (MY ((0 MY (/FAMILY) 0) (WHO 4)) ((0 (*CAT DOG) 0) (2)))"
    )
    assert talk(rules, "my dad sings", "my father too", "my dog", "my doge") == [
        "WHO SINGS",
        "WHO TOO",
        "DOG",
        NO_MATCH[0],
    ]


def test_limit_goes_round_and_memory_is_said_only_at_four():
    rules = """(MY = YOUR ((0 YOUR 0) (YOUR 3)))
    (MEMORY MY (0 YOUR 0 = ZERO 3) (0 YOUR 0 = ONE 3) (0 YOUR 0 = TWO 3) (0 YOUR 0 = THREE 3))"""
    eliza = Eliza(read_script(f"(HELLO) {rules} {NONE}"))
    said = ["my way here", "hm", "hm", "my kids", "my time", "hm", "hm", "hm", "hm", "hm", "hm"]
    replies = [eliza.reply(each) for each in said]
    assert [reply.limit for reply in replies] == [2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]
    assert replies[0].remembered == [("THREE WAY HERE", "HERE", 3)]  # HERE gives 3, KIDS 1, TIME 0
    assert [reply.text for reply in replies if reply.source == "memory"] == ["THREE WAY HERE", "ONE KIDS", "ZERO TIME"]
    assert [place for place, reply in enumerate(replies) if reply.source == "memory"] == [2, 6, 10]


def test_the_memory_s_hash_is_of_the_clause_s_last_word_as_replaced():
    rules = "(ME = HERE) (MY ((0) (1))) (MEMORY MY (0 = A) (0 = B) (0 = C) (0 = D))"
    reply = Eliza(read_script(f"(HELLO) {rules} {NONE}")).reply("my cat and me, time")
    assert reply.remembered == [("D", "HERE", 3)]


def test_where_no_pattern_fits_limit_chooses_the_remark():
    assert talk("(CAT ((CAT) (1)))", *["a cat"] * 5) == [NO_MATCH[place] for place in (1, 2, 3, 0, 1)]


def test_nothing_said_is_answered_by_none():
    assert talk("(CAT ((0) (1)))", "", "...", ",") == ["GO ON", "AND THEN", "GO ON"]


def test_rules_that_go_round_for_ever_are_told():
    with pytest.raises(UserError, match="goes round without an end on 'ping'"):
        talk("(PING ((0) (=PONG))) (PONG ((0) (=PING)))", "ping")
    with pytest.raises(UserError, match="a text of ever more words of 'cat'"):
        talk("(CAT ((0) (PRE (1 1) (=CAT))))", "cat")


def test_rules_can_add_two_numbers():
    """PRE makes a text that the same rules read again: one stroke after the other goes over the plus."""
    rules = "(SUM ((SUM 0 + ' 0) (PRE (SUM 2 ' + 5) (=SUM))) ((SUM 0 +) (2)))"
    assert talk(rules, "sum ' ' + ' ' '") == ["' ' ' ' '"]


def test_small_letters_of_a_script_and_what_is_given_back():
    rules = "(I = you ((0 YOU 0) (So you 3 ?))) (ME = you)"
    assert talk(rules, "I THINK I LIKE me, I'm sure") == ["So you think you like you ?"]
    assert talk("(SAY ((SAY 0) (You say 2)))", "say what I say") == ["You say what I say"]


TAGS = {"T": frozenset("AB")}
TERMS = st.one_of(
    st.integers(0, 2), st.sampled_from("ABC"), st.just(OneOf(("A", "C"))), st.just(Tagged(("T", "NOBODY'S")))
)


def fits(term, part) -> bool:
    if isinstance(term, int):
        return not term or len(part) == term
    words = {"A": "A", "B": "B", "C": "C"}.get(str(term)) or ("AC" if isinstance(term, OneOf) else "AB")
    return len(part) == 1 and part[0] in words


@given(st.lists(TERMS, max_size=5), st.lists(st.sampled_from("ABC"), max_size=6))
def test_matching_is_the_first_of_all_ways_with_short_parts_first(pattern, words):
    found = None
    for lengths in product(range(len(words) + 1), repeat=len(pattern)):
        if sum(lengths) != len(words):
            continue
        left = iter(words)
        parts = [[next(left) for _ in range(length)] for length in lengths]
        if all(map(fits, pattern, parts)):
            found = parts
            break
    assert matched(tuple(pattern), words, TAGS) == found


MARY = "MARY HAD A LITTLE LAMB ITS PROBABILITY WAS ZERO"
AGED = "CONSIDER YOUR AGED MOTHER AND FATHER TOO"


@pytest.mark.parametrize(
    ("pattern", "text", "parts"),
    [
        (("MARY", 2, 2, "ITS", 1, 0), MARY, "MARY|HAD A|LITTLE LAMB|ITS|PROBABILITY|WAS ZERO"),
        ((1, 0, 2, "ITS", 0), MARY, "MARY|HAD A|LITTLE LAMB|ITS|PROBABILITY WAS ZERO"),
        ((0, "YOUR", 0, OneOf(("FATHER", "MOTHER")), 0), AGED, "CONSIDER|YOUR|AGED|MOTHER|AND FATHER TOO"),
    ],
)
def test_patterns_of_the_slip_manual_and_the_paper(pattern, text, parts):
    """Of the functions YMATCH and RULE in the manual of SLIP, and page 42 of Weizenbaum 1966."""
    assert [" ".join(part) for part in matched(pattern, text.split(), {})] == parts.split("|")


def test_a_long_text_is_matched_at_once():
    words = ["I", "SAY"] * 5000
    assert matched((0, "I", 0, "SAY", 0, "I", 0, "NEVER", 0), words, {}) is None


@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_input_gets_a_reply_and_the_same_again(texts):
    first, second = (Eliza(read_script(LISTENER)) for _ in range(2))
    replies = [first.reply(text) for text in texts]
    assert all(reply.text and reply.why() for reply in replies)
    assert [second.reply(text).text for text in texts] == [reply.text for reply in replies]
    assert [reply.limit for reply in replies] == [[2, 3, 4, 1][place % 4] for place in range(len(texts))]


def test_words_of_a_text():
    assert words_of("ONE  TWO, THREE,, DON'T.") == ["ONE", "TWO", ",", "THREE", ",", ",", "DON'T", "."]
