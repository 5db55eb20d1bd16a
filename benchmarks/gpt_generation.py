"""Tokens a second that a GPT-2 writes on a processor, beside transformers' generate with the same weights."""

import sys
import time

from benchmarks.measure import Row, alternate

PROMPT, ROUNDS = 16, 3
SIZES = {
    "124 million weights": {"vocabulary": 50257, "context": 1024, "depth": 12, "width": 768, "heads": 12},
    "the course's size": {"vocabulary": 67, "context": 1024, "depth": 4, "width": 128, "heads": 4},
}
JOBS = [  # size, sequences at once, new tokens of each, target
    ("124 million weights", 1, 128, 1.5),
    ("124 million weights", 16, 128, 2.0),
    ("the course's size", 1, 1000, 5.0),
]


def measure() -> list[Row]:
    rows = []
    for size, copies, new, target in JOBS:
        print(f"  {size}, {copies} sequences of {new} tokens", file=sys.stderr, flush=True)
        jobs = pair(size, copies, new)
        seconds = alternate(jobs, ROUNDS)
        speeds = {name: copies * new / each for name, each in seconds.items()}
        name = f"transformers' tokens a second beside ours, {size}, {copies} at once"
        note = f"greedy, the same {new:,} tokens"
        rows.append(Row(name, speeds["transformers"], speeds["maquette"], "tokens/s", 1 / target, note))
    return rows


def pair(size: str, copies: int, new: int) -> dict:
    """Both programs with the same random weights; they must write the same tokens."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from maquette.methods.sampling import generate, greedy
    from maquette.models.gpt2 import GPT2, names_in_hugging_face
    from maquette.models.reading import for_writing
    from maquette.training import set_threads

    torch.manual_seed(0)
    shape = SIZES[size]
    ours = GPT2(**shape).eval()
    config = GPT2Config(
        vocab_size=shape["vocabulary"],
        n_positions=shape["context"],
        n_layer=shape["depth"],
        n_embd=shape["width"],
        n_head=shape["heads"],
    )
    theirs = GPT2LMHeadModel(config).eval()
    state, weights = ours.state_dict(), {}
    for name, (other, is_transposed) in names_in_hugging_face(shape["depth"]).items():
        weights[other] = state[name].t().contiguous() if is_transposed else state[name]
    theirs.load_state_dict(weights, strict=False)
    theirs.tie_weights()
    prompt = torch.randint(shape["vocabulary"], (PROMPT,)).tolist()
    given = torch.tensor([prompt] * copies)
    written = {}

    def peer() -> float:
        torch.set_num_threads(2)
        began = time.perf_counter()
        out = theirs.generate(
            given,
            attention_mask=torch.ones_like(given),
            max_new_tokens=new,
            do_sample=False,
            pad_token_id=0,
            eos_token_id=None,
        )
        seconds = time.perf_counter() - began
        written["transformers"] = out[0, PROMPT:].tolist()
        return seconds

    def us() -> float:
        set_threads(copies * sum(weight.numel() for weight in ours.parameters()))
        began = time.perf_counter()
        model = for_writing(ours, copies, new)
        written["maquette"] = [
            int(step[0]) for step in generate(model, prompt, tokens=new, choose=greedy, copies=copies)
        ]
        return time.perf_counter() - began

    peer(), us()
    assert written["maquette"] == written["transformers"], "both should write the same"
    return {"transformers": peer, "maquette": us}
