"""Text that a language model writes: as it comes, several continuations at once, and how each token was chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from maquette.settings import Options, UserError, option

if TYPE_CHECKING:
    from torch import Tensor

    from maquette.data.text.tokenizers import Tokenizer
    from maquette.methods.sampling import Beams

EXPLAINED = 60  # tokens whose alternatives a page shows
ALTERNATIVES = 5


class WritingOptions(Options):
    """How `maquette predict` writes."""

    strategy: Literal["sample", "greedy", "beam"] = option("sample", "draw tokens, take the likeliest, or search beams")
    tokens: int = option(200, "most tokens to write", "tokens", ge=1, le=1_000_000)
    temperature: float = option(0.8, "below 1 bolder, above 1 more surprising; for sample", gt=0, le=10)
    top_k: int | None = option(None, "draw from the k likeliest only", ge=1)
    top_p: float = option(1.0, "draw from the likeliest that together reach this probability", gt=0, le=1)
    min_p: float = option(0.0, "draw only what is at least this part as likely as the likeliest", ge=0, lt=1)
    repetition_penalty: float = option(1.0, "above 1: what was said becomes less likely", gt=0, le=10)
    beams: int = option(4, "continuations that beam search follows", ge=1, le=256)
    length_penalty: float = option(1.0, "above 1 beam search likes longer texts", ge=-10, le=10)
    stop: str | None = option(None, "end before this text")
    samples: int = option(1, "continuations", ge=1, le=1024)
    seed: int = option(0, "where chance begins", ge=0, lt=2**32)
    explain: bool = option(False, "write a page on how each token was chosen, to --out or explained.html")


class Stopped:
    """Text that ends before a stop string; what may be the beginning of one is kept back."""

    def __init__(self, stop: str | None):
        self.stop, self.text, self.said, self.is_over = stop, "", 0, False

    def add(self, new: str, is_end: bool = False) -> str:
        """What can be said now."""
        self.text += new
        end = len(self.text)
        if self.stop:
            found = self.text.find(self.stop, max(0, self.said - len(self.stop)))
            if found >= 0:
                end, self.is_over = found, True
            elif not is_end:
                kept = range(min(len(self.stop) - 1, end), 0, -1)
                end -= next((n for n in kept if self.stop.startswith(self.text[end - n : end])), 0)
        self.is_over |= is_end
        new, self.said = self.text[self.said : max(end, self.said)], max(end, self.said)
        return new


class Recorded:
    """A way to choose that remembers, for the first continuation, what it chose from."""

    def __init__(self, choose: Any):
        self.choose = choose
        self.steps: list[tuple[int, float, list[tuple[int, float]]]] = []

    def __call__(self, logits: Tensor, seen: Tensor) -> Tensor:
        chosen = self.choose(logits, seen)
        if len(self.steps) < EXPLAINED:
            probabilities = logits[0].softmax(-1)
            best = probabilities.topk(min(ALTERNATIVES, len(probabilities)))
            alternatives = list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
            token = int(chosen[0])
            self.steps.append((token, float(probabilities[token]), alternatives))
        return chosen


def prompt_tokens(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """The prompt as tokens; the end of a document where there is none, so that a new one begins."""
    from maquette.data.text.tokenizers import unknown_parts

    missing = unknown_parts(tokenizer, prompt)
    if missing:
        shown = ", ".join(map(repr, missing[:5]))
        raise UserError(
            f"The prompt holds {shown}, for which this run's vocabulary of {tokenizer.kind} has no token; "
            "leave it out, or train with --tokenizer bpe, which can write everything."
        )
    tokens = tokenizer.encode(prompt).tolist()
    if tokens:
        return tokens
    if tokenizer.end is None:
        raise UserError("The prompt is empty, and this vocabulary has no token to begin with; give a prompt.")
    return [tokenizer.end]


def chooser(options: dict[str, Any]) -> Any:
    """How the next token is chosen."""
    import torch

    from maquette.methods.sampling import Sampler, greedy, penalised

    penalty = options["repetition_penalty"]
    if options["strategy"] == "greedy":
        return greedy if penalty == 1 else lambda logits, seen: penalised(logits, seen, penalty).argmax(-1)
    names = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")
    generator = torch.Generator().manual_seed(options["seed"])
    return Sampler(generator, **{name: options[name] for name in names})


def written(
    model: Any,
    tokenizer: Tokenizer,
    prompt: str,
    options: dict[str, Any],
    notes: list[str],
    choose: Any = None,
) -> Iterator[list[str]]:
    """What follows the prompt, as it comes: a piece for each continuation at a time, often an empty one.

    `notes` gains a sentence where the text outgrew the network's context.
    """
    from maquette.data.text.tokenizers import Streamed
    from maquette.methods.sampling import Reading, going_on
    from maquette.models.reading import for_writing
    from maquette.training import set_threads

    beams = max(options["beams"], options["samples"]) if options["strategy"] == "beam" else options["samples"]
    set_threads(beams * sum(weight.numel() for weight in model.parameters()))
    model = for_writing(model, beams, options["tokens"])
    tokens = prompt_tokens(tokenizer, prompt)
    if options["strategy"] == "beam":
        result = searched(model, tokenizer, tokens, options)
        for beam in result.found[: options["samples"]]:
            stopped = Stopped(options["stop"])
            text = continuation(tokenizer, tokens, beam.tokens)
            yield [stopped.add(text, is_end=True)]
        tell_slides(result.slides, model, notes)
        return
    reading = Reading(model, tokens, options["samples"], options["tokens"])
    streams = [Streamed(tokenizer, tokens) for _ in range(options["samples"])]
    ends = [Stopped(options["stop"]) for _ in streams]
    chosen: list[int] = []
    for step in going_on(reading, options["tokens"], choose or chooser(options)):
        said, chosen = [], step.tolist()
        for token, stream, end in zip(chosen, streams, ends, strict=True):
            if end.is_over:
                said.append("")
            elif token == tokenizer.end:
                said.append(end.add(stream.rest(), is_end=True))
            else:
                said.append(end.add(stream.add(token)))
        yield said
        if all(end.is_over for end in ends):
            break
    yield ["" if end.is_over else end.add(s.rest(), is_end=True) for s, end in zip(streams, ends, strict=True)]
    tell_slides(reading.slides, model, notes)


def continuation(tokenizer: Tokenizer, before: list[int], tokens: list[int]) -> str:
    """The text of tokens as they follow others."""
    from maquette.data.text.tokenizers import Streamed

    stream = Streamed(tokenizer, before)
    return "".join(stream.add(token) for token in tokens if token != tokenizer.end) + stream.rest()


def searched(model: Any, tokenizer: Tokenizer, tokens: list[int], options: dict[str, Any]) -> Beams:
    from maquette.methods.sampling import beam_search

    names = ("tokens", "length_penalty", "repetition_penalty")
    beams = max(options["beams"], options["samples"])
    return beam_search(model, tokens, beams=beams, end=tokenizer.end, **{name: options[name] for name in names})


def tell_slides(slides: int, model: Any, notes: list[str]) -> None:
    if slides:
        notes.append(
            f"The text is longer than the {model.context:,} tokens that this network looks back on: "
            f"{slides:,} time{'s' * (slides > 1)} it went on from the newer half of them."
        )


def continuations(model: Any, tokenizer: Tokenizer, prompt: str, options: dict[str, Any]) -> list[str]:
    """All of each continuation."""
    pieces = list(written(model, tokenizer, prompt, options, []))
    if options["strategy"] == "beam":
        return ["".join(piece) for piece in pieces]
    return ["".join(parts) for parts in zip(*pieces, strict=True)]


def sample_of(model: Any, tokenizer: Tokenizer, prompt: str, tokens: int, seed: int) -> str:
    """A short sample while a network learns, which leaves its mode, threads and the global chance as they were."""
    import torch

    was_training, threads = model.training, torch.get_num_threads()
    options = WritingOptions(tokens=tokens, seed=seed).model_dump()
    model.eval()
    text = continuations(model, tokenizer, prompt, options)[0]
    model.train(was_training)
    torch.set_num_threads(threads)
    return text


def explained(model: Any, tokenizer: Tokenizer, prompt: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Blocks of a page on how the continuation of a prompt came about."""
    from maquette.data.text.tokenizers import readable
    from maquette.figures.generation import alternatives, beam_tree

    tokens = prompt_tokens(tokenizer, prompt)
    names = [readable(tokenizer, number) for number in range(len(tokenizer.vocabulary))]
    blocks: list[dict[str, Any]] = [
        {"kind": "fact", "name": "Strategy", "value": options["strategy"]},
        {"kind": "fact", "name": "Prompt", "value": prompt},
    ]
    if options["strategy"] == "beam":
        beams = searched(model, tokenizer, tokens, options)
        rows = [
            [place, continuation(tokenizer, tokens, beam.tokens), beam.score, len(beam.tokens)]
            for place, beam in enumerate(beams.found, 1)
        ]
        return [
            *blocks,
            {
                "kind": "table",
                "title": "What was found, best first",
                "columns": ["place", "text", "score", "tokens"],
                "rows": rows,
                "caption": f"score = log probability / length ^ {options['length_penalty']:g}",
            },
            {
                "kind": "picture",
                "figure": beam_tree(beams, names),
                "title": "The beam tree",
                "caption": "From left to right, a column a token. At each step the beams are continued in every way; "
                "the best stay (blue, the thicker the likelier), the next best are dropped (grey). The orange path is "
                "the answer.",
            },
        ]
    recorded = Recorded(chooser(options))
    pieces = list(written(model, tokenizer, prompt, {**options, "samples": 1}, [], recorded))
    text = "".join(piece[0] for piece in pieces)
    rows = [
        [number, names[token], probability, ", ".join(f"{names[other]} {p:.1%}" for other, p in others)]
        for number, (token, probability, others) in enumerate(recorded.steps, 1)
    ]
    return [
        *blocks,
        {"kind": "fact", "name": "Written", "value": text},
        {
            "kind": "picture",
            "figure": alternatives(recorded.steps, names),
            "title": "Each token among its alternatives",
            "caption": "A column a token, the likeliest on top; the darker, the more probable before temperature and "
            "filters. What was chosen has a frame; below a gap it was not among the likeliest five.",
        },
        {
            "kind": "table",
            "title": "The same in numbers",
            "columns": ["", "token", "probability", "likeliest"],
            "rows": rows,
            "caption": f"The first {EXPLAINED} tokens." if options["tokens"] > EXPLAINED else "",
        },
    ]
