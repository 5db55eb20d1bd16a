"""What the report shows of a recurrent network: its gates at work, and how far back it remembers."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from maquette.data.text.tokenizers import readable
from maquette.families.corpora import Corpus
from maquette.families.language_models import show_next_token
from maquette.figures.distances import Line, over_distance
from maquette.methods.optimizers import AdamW
from maquette.methods.remembering import ASKS, HOLD, distances_between, gradient_reach, recall_task, recalled
from maquette.models.gpt import GPT
from maquette.models.recurrent import Cell, Recurrent
from maquette.recipes.recurrent import figures
from maquette.runs import Run
from maquette.training import choose_threads, flat_then_linear, update

READ = 48  # tokens of the text that the gates are drawn for
UNITS = 12  # units a gate that are drawn
REACH = 200  # tokens back that gradients are followed
ROWS = 16  # texts that are read for each of these
MOST_RECALLED = 400  # tokens between what is to be remembered and the question
CELLS: tuple[Cell, ...] = ("rnn", "gru", "lstm")


def show_cell(model: Recurrent, corpus: Corpus, prompt: str, run: Run) -> None:
    """The next token, and the gates of the first layer as they read a text."""
    tokenizer = corpus.tokenizer
    show_next_token(model, tokenizer, prompt, run)
    tokens = corpus.test.take(0, READ) if len(corpus.test) >= READ else corpus.train.take(0, READ)
    opened = model.opened(torch.from_numpy(np.asarray(tokens, np.int64)))
    liveliest = opened["state"].std(0).argsort(descending=True, stable=True)[:UNITS].sort().values
    run.picture(
        "gates",
        figures.gates(
            {name: values[:, liveliest].numpy() for name, values in opened.items()},
            [readable(tokenizer, token) for token in tokens.tolist()],
        ),
        "The cell at work",
        f"The {len(liveliest)} units of the first layer that move most, on the first tokens of the test part. Gates "
        "are dark where they are open; what lies between -1 and 1 is orange above and blue below nought."
        + {
            "lstm": " Where `forget` is dark, the memory below stays as it was; `input` lets `new` in, `output` lets "
            "the memory out as the state.",
            "gru": " Where `update` is dark, the state stays as it was; else it becomes `new`, which looks back at it "
            "as far as `reset` is open.",
            "rnn": " A plain network has no gates: its whole state is made anew at each token.",
        }[model.cell],
    )


def show_reach(model: Recurrent, corpus: Corpus, run: Run) -> None:
    """The gradient of what is said at the end by each token before, in this network and in untrained ones."""
    length = min(REACH, (len(corpus.test) - 2) // 2)
    if length < 4:
        return
    starts = np.linspace(0, len(corpus.test) - length - 1, ROWS).astype(int)
    tokens = torch.from_numpy(corpus.test.windows(starts, length + 1)).long()
    networks = {f"{model.cell}, trained": model}
    with torch.random.fork_rng():
        torch.manual_seed(run.settings.seed)
        for cell in CELLS:
            networks[f"{cell}, untrained"] = untrained(model, cell)
    back = np.arange(1, length + 1)
    lines = {name: (back, reach_of(network, tokens)) for name, network in networks.items()}
    run.picture(
        "reach",
        over_distance(lines, "size of the gradient", logarithmic=True),
        "How far back a gradient comes",
        "The size of the slope of the last token's loss by the numbers of each token before it. What falls to a "
        "millionth cannot be learnt from: this is why a plain network forgets. Untrained networks have weights drawn "
        "at random, as torch draws them.",
    )


def untrained(model: Recurrent, cell: Cell) -> Recurrent:
    """A network of another cell and the same sizes, with the weights that torch draws."""
    made = Recurrent(vocabulary=model.vocabulary, cell=cell, embedded=model.embedded, width=model.width)
    made.body.reset_parameters()
    made.head.reset_parameters()
    return made


def reach_of(network: Recurrent, tokens: Tensor) -> np.ndarray:
    with torch.enable_grad():
        return gradient_reach(
            network.embedding,
            lambda x: network.head(network.run_body(x, network.start(len(x)))[0][:, -1]),
            tokens,
        )


def show_use_of_the_past(model: Recurrent, corpus: Corpus, run: Run) -> None:
    """The loss of a token when only so many tokens before it have been read."""
    longest = min(MOST_RECALLED, (len(corpus.test) - 2) // 4)
    if longest < 4:
        return
    starts = np.linspace(0, len(corpus.test) - longest - 1, 32 * ROWS).astype(int)
    tokens = torch.from_numpy(corpus.test.windows(starts, longest + 1)).long()
    distances, losses = distances_between(1, longest, 14), []
    with torch.no_grad():
        for distance in distances:
            logits = model(tokens[:, -distance - 1 : -1])[:, -1]
            losses.append(float(functional.cross_entropy(logits, tokens[:, -1])))
    run.picture(
        "past",
        over_distance({"test part": (distances, losses)}, "nats a token", x_label="tokens read before", dots=True),
        "What the past is worth",
        f"The loss of the same {len(tokens)} tokens when the network has read so many before them. Where the line "
        "runs level, what lies further back no longer helps.",
    )


def show_recall(steps: int, seed: int, run: Run) -> None:
    """Networks of about equal weights learn to recall: what they still know after 1 to MOST_RECALLED tokens."""
    distances = distances_between(1, MOST_RECALLED, 8)
    for held, name in ((1, "recall"), (4, "copy")):
        lines: dict[str, Line] = {}
        weights: dict[str, int] = {}
        for kind, network in rivals(seed, held).items():
            learn_to_recall(network, held, steps, seed)
            shares = [recalled(network, distance, held, 64, seed) for distance in distances]
            lines[kind] = (distances, shares)
            weights[kind] = sum(each.numel() for each in network.parameters())
        told = "One symbol is shown" if held == 1 else f"{held} symbols are shown"
        run.picture(
            name,
            over_distance(lines, "said right", x_label="tokens between", dotted=1 / HOLD, dots=True),
            f"Who remembers? ({name})",
            f"{told}, then others that do not count, then the question. Each network learnt for {steps} steps from "
            f"distances of 1 to {MOST_RECALLED}; dotted is chance, 1 of {HOLD}. "
            "Weights: " + ", ".join(f"{kind} {count:,}" for kind, count in weights.items()) + ".",
        )


def rivals(seed: int, held: int) -> dict[str, Recurrent | GPT]:
    """A network of each kind with about 20,000 weights, which look back as far as is asked."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made: dict[str, Recurrent | GPT] = {
            cell: Recurrent(vocabulary=ASKS + 1, cell=cell, embedded=16, width=width)
            for cell, width in zip(CELLS, (112, 64, 56), strict=True)
        }
        context = MOST_RECALLED + 2 * held
        made["gpt"] = GPT(vocabulary=ASKS + 1, context=context, depth=2, width=28, heads=2)
    return made


def learn_to_recall(network: Recurrent | GPT, held: int, steps: int, seed: int, rows: int = 32) -> None:
    """Trained in place, by distances drawn so that short and long ones come equally often; logarithmically."""
    choose_threads(network, rows)
    generator = torch.Generator().manual_seed(seed + 1)
    optimizer = AdamW(network.parameters(), 0.005, betas=(0.9, 0.99))
    network.train()
    with torch.enable_grad():
        for step in range(steps):
            optimizer.learning_rate = 0.005 * flat_then_linear(step / steps)
            distance = round(MOST_RECALLED ** float(torch.rand((), generator=generator)))
            tokens, symbols = recall_task(rows, distance, held, generator)
            said = network(tokens)[:, -held:].flatten(0, 1)
            update(optimizer, functional.cross_entropy(said, symbols.flatten()), 1.0)
    network.eval()
