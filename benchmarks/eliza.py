"""ELIZA's published conversation to the letter, and how fast it replies."""

import statistics
import time

from benchmarks.measure import Row

ROUNDS = 200  # of the whole conversation


def measure() -> list[Row]:
    from maquette.data.sets.fetching import find
    from maquette.methods.eliza_reading import read_script
    from maquette.recipes.eliza.data import conversation_of, is_exact, replayed, text_in

    found = find("eliza")
    script = read_script(text_in(found.path, "a script"))
    talk = conversation_of(found, None)
    replies = replayed(script, talk)
    wrong = sum(not is_exact(reply, each.reply) for reply, each in zip(replies, talk, strict=True))
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        replayed(script, talk)
        taken.append((time.perf_counter() - began) / max(1, len(talk)))
    which = f"{len(talk)} replies, {found.path.name}"
    return [
        Row("ELIZA's replies that differ from the known ones", wrong, None, "", 0, which),
        Row("a reply of ELIZA", 1000 * statistics.median(taken), None, "ms", 5, f"median of {ROUNDS} rounds"),
    ]
