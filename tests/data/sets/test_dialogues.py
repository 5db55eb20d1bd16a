"""Dialogues of our own making: their summaries say what was said, and no test text is in training."""

import json

import numpy as np

from maquette.data.sets.dialogues import NAMES, PARTS, dialogue, write_dialogues


def test_the_files(tmp_path):
    write_dialogues(tmp_path / "once")
    write_dialogues(tmp_path / "again")
    read = {}
    for part, count in PARTS.items():
        name = f"dialogues.{part}.jsonl"
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
        read[part] = [json.loads(line) for line in (tmp_path / "once" / name).read_text().splitlines()]
        assert len(read[part]) == count
    talks = [row["dialogue"] for rows in read.values() for row in rows]
    assert len(set(talks)) == len(talks)


def test_a_summary_says_what_the_talk_says():
    g = np.random.default_rng(0)
    for _ in range(200):
        talk, summary = dialogue(g)
        lines = talk.split("\n")
        speakers = {line.split(":")[0] for line in lines}
        assert len(speakers) == 2 and {name for name in NAMES if name in summary} == speakers
        proposed = next(line for line in lines if "Shall we" in line)
        assert proposed.split("Shall we ")[1].removesuffix("?") in summary
        place = next((line.split("meet at ")[1].removesuffix(".") for line in lines if "meet at" in line), None)
        assert (place is None) == ("refuses" in summary)
        assert place is None or f"They will meet at {place}." in summary
        assert len(summary) < len(talk)
