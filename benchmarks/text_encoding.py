"""Encoding of 100 MB of text beside `tokenizers` alone, and memory while a file of 1 GB is encoded."""

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Row, last_json, run_process

MEGABYTES, LARGE = 100, 1000
PIECE = 1 << 20


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        text, large = Path(folder) / "text.txt", Path(folder) / "large.txt"
        write_repeated(text, MEGABYTES)
        seconds = {name: [] for name in ("alone", "shards")}
        for round_ in range(3):
            for name, taken in seconds.items():
                done = last_json(run_process([sys.executable, "-m", __name__, name, str(text), folder]))
                print(f"  round {round_ + 1}: {name} {done['seconds']:.2f}", file=sys.stderr, flush=True)
                taken.append(done["seconds"])
        write_repeated(large, LARGE)
        small = run_process([sys.executable, "-m", __name__, "shards", str(text), folder], poll_memory=True)
        huge = run_process([sys.executable, "-m", __name__, "shards", str(large), folder], poll_memory=True)
    ours, peer = (sorted(seconds[name])[1] for name in ("shards", "alone"))
    return [
        Row("encoding 100 MB into shards beside tokenizers alone", ours, peer, "s", 1.2, "BPE of 4,096; median of 3"),
        Row(
            "peak memory at 1 GB beside that at 100 MB",
            huge.memory_mb,
            small.memory_mb,
            "MB",
            1.2,
            "ten times the text",
        ),
    ]


def write_repeated(path: Path, megabytes: int) -> None:
    """English prose over and over: the books where they are, tiny Shakespeare or its stand-in elsewhere."""
    from maquette.data.sets.fetching import find
    from maquette.data.text.documents import open_texts

    content = "".join(piece.text for piece in open_texts(find("classic_books").path).pieces()).encode()
    left = megabytes * 10**6
    with path.open("wb") as file:
        while left > 0:
            left -= file.write(content[:left])


def main(which: str, path: Path, folder: Path) -> None:
    """In a process of its own: encode once, print the seconds."""
    from maquette.data.text.documents import open_texts
    from maquette.data.text.shards import encode_texts
    from maquette.data.text.tokenizers import load_tokenizer
    from maquette.data.text.vocabularies import train_tokenizer

    saved = folder / "tokenizer.json"
    if not saved.exists():
        start = path.open("rb").read(8 << 20).decode("utf-8", "ignore")
        saved.write_text(json.dumps(train_tokenizer("bpe", [start], 4096).state()))
    tokenizer = load_tokenizer(json.loads(saved.read_text()))
    with tempfile.TemporaryDirectory(dir=folder) as out:
        began = time.perf_counter()
        if which == "shards":
            encode_texts(open_texts(path), tokenizer, Path(out), test_share=0.1, seed=0)
        else:
            alone(path, tokenizer.definition)
        print(json.dumps({"seconds": time.perf_counter() - began}))


def alone(path: Path, definition: str) -> None:
    """What one would write with `tokenizers`: pieces of lines, batches of them, the numbers into an array."""
    import numpy as np
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(definition)
    with path.open(encoding="utf-8") as file:
        while lines := file.readlines(4 * PIECE):
            texts = ["".join(lines[i : i + 2000]) for i in range(0, len(lines), 2000)]
            for encoded in tokenizer.encode_batch_fast(texts, add_special_tokens=False):
                np.array(encoded.ids, np.uint16)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
