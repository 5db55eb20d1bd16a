"""Text that a language model writes: as it comes, several continuations at once, and how each token was chosen."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from maquette.data.text.tokenizers import Streamed, Tokenizer, load_tokenizer, readable, unknown_parts
from maquette.families.blocks import Block, fact, on_each, picture, table
from maquette.families.settings import WritingOptions
from maquette.figures.generation import alternatives, beam_tree
from maquette.media.text import Continuation
from maquette.methods.sampling import Beams, Choose, Reading, Sampler, beam_search, going_on, greedy, penalised
from maquette.models.attention import LanguageModel
from maquette.models.reading import for_writing
from maquette.models.recurrent import Recurrent
from maquette.settings import UserError
from maquette.training import set_threads

EXPLAINED = 60  # tokens whose alternatives a page shows
ALTERNATIVES = 5

Writer = LanguageModel | Recurrent


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

    def __init__(self, choose: Choose):
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


def chooser(options: WritingOptions) -> Choose:
    """How the next token is chosen."""
    penalty = options.repetition_penalty
    if options.strategy == "greedy":
        return greedy if penalty == 1 else lambda logits, seen: penalised(logits, seen, penalty).argmax(-1)
    return Sampler(
        torch.Generator().manual_seed(options.seed),
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        min_p=options.min_p,
        repetition_penalty=penalty,
    )


@torch.inference_mode()
def written(
    model: Writer,
    tokenizer: Tokenizer,
    prompt: str,
    options: WritingOptions,
    notes: list[str],
    choose: Choose | None = None,
) -> Iterator[list[str]]:
    """What follows the prompt, as it comes: a piece of each continuation at a time, often an empty one.

    Beam search has all of each at once. `notes` gains a sentence where the text outgrew the network's context.
    """
    copies = max(options.beams, options.samples) if options.strategy == "beam" else options.samples
    set_threads(copies * sum(weight.numel() for weight in model.parameters()))
    writer = for_writing(model, copies, options.tokens)
    tokens = prompt_tokens(tokenizer, prompt)
    if options.strategy == "beam":
        result = searched(writer, tokenizer, tokens, options)
        texts = [continuation(tokenizer, tokens, beam.tokens) for beam in result.found[: options.samples]]
        yield [Stopped(options.stop).add(text, is_end=True) for text in texts]
        tell_slides(result.slides, model, notes)
        return
    reading = Reading(writer, tokens, options.samples, options.tokens)
    streams = [Streamed(tokenizer, tokens) for _ in range(options.samples)]
    ends = [Stopped(options.stop) for _ in streams]
    for step in going_on(reading, options.tokens, choose or chooser(options)):
        said = []
        for token, stream, end in zip(step.tolist(), streams, ends, strict=True):
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
    stream = Streamed(tokenizer, before)
    return "".join(stream.add(token) for token in tokens if token != tokenizer.end) + stream.rest()


def searched(model: Writer, tokenizer: Tokenizer, tokens: list[int], options: WritingOptions) -> Beams:
    return beam_search(
        model,
        tokens,
        tokens=options.tokens,
        beams=max(options.beams, options.samples),
        length_penalty=options.length_penalty,
        repetition_penalty=options.repetition_penalty,
        end=tokenizer.end,
    )


def tell_slides(slides: int, model: Writer, notes: list[str]) -> None:
    if slides:
        notes.append(
            f"The text is longer than the {model.context:,} tokens that this network looks back on: "
            f"{slides:,} time{'s' * (slides > 1)} it went on from the newer half of them."
        )


def sample_of(model: Writer, tokenizer: Tokenizer, prompt: str, tokens: int, seed: int) -> str:
    """A short sample while a network learns, which leaves its mode, threads and the global chance as they were."""
    was_training, threads = model.training, torch.get_num_threads()
    model.eval()
    pieces = written(model, tokenizer, prompt, WritingOptions(tokens=tokens, seed=seed), [])
    text = "".join(piece[0] for piece in pieces)
    model.train(was_training)
    torch.set_num_threads(threads)
    return text


@torch.inference_mode()
def explained(model: Writer, tokenizer: Tokenizer, prompt: str, options: WritingOptions) -> list[Block]:
    """Blocks of a page on how the continuation of a prompt came about."""
    tokens = prompt_tokens(tokenizer, prompt)
    names = [readable(tokenizer, number) for number in range(len(tokenizer.vocabulary))]
    blocks = [fact("Strategy", options.strategy), fact("Prompt", prompt)]
    if options.strategy == "beam":
        beams = searched(model, tokenizer, tokens, options)
        rows = [
            [place, continuation(tokenizer, tokens, beam.tokens), beam.score, len(beam.tokens)]
            for place, beam in enumerate(beams.found, 1)
        ]
        return [
            *blocks,
            table(
                "What was found, best first",
                ["place", "text", "score", "tokens"],
                rows,
                f"score = log probability / length ^ {options.length_penalty:g}",
            ),
            picture(
                beam_tree(beams, names),
                "The beam tree",
                "From left to right, a column a token. At each step the beams are continued in every way; the best "
                "stay (blue, the thicker the likelier), the next best are dropped (grey). The orange path is the "
                "answer.",
            ),
        ]
    recorded = Recorded(chooser(options))
    pieces = written(model, tokenizer, prompt, options.model_copy(update={"samples": 1}), [], recorded)
    text = "".join(piece[0] for piece in pieces)
    rows = [
        [number, names[token], probability, ", ".join(f"{names[other]} {p:.1%}" for other, p in others)]
        for number, (token, probability, others) in enumerate(recorded.steps, 1)
    ]
    return [
        *blocks,
        fact("Written", text),
        picture(
            alternatives(recorded.steps, names),
            "Each token among its alternatives",
            "A column a token, the likeliest on top; the darker, the more probable before temperature and filters. "
            "What was chosen has a frame; below a gap it was not among the likeliest five.",
        ),
        table(
            "The same in numbers",
            ["", "token", "probability", "likeliest"],
            rows,
            f"The first {EXPLAINED} tokens." if options.tokens > EXPLAINED else "",
        ),
    ]


def continuations(
    model: Writer, processing: dict[str, Any], prompts: Iterable[str], options: WritingOptions
) -> Iterator[Continuation]:
    """What follows each prompt, as it comes; `processing` holds the tokenizer."""
    tokenizer = load_tokenizer(processing["tokenizer"])
    for prompt in prompts:
        notes: list[str] = []
        yield Continuation(prompt, written(model, tokenizer, prompt, options, notes), notes)


def explanations(
    model: Writer, processing: dict[str, Any], prompts: Iterable[str], options: WritingOptions
) -> Iterator[Block]:
    """What each token of a continuation was chosen from, or the tree that beam search went through."""
    tokenizer = load_tokenizer(processing["tokenizer"])
    return on_each(prompts, lambda prompt: explained(model, tokenizer, prompt, options))
