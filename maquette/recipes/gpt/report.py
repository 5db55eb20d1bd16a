"""The report's pictures of a trained language model."""

import numpy as np
import torch

from maquette.data.text.tokenizers import Tokenizer, readable
from maquette.families.corpora import Corpus
from maquette.families.language_models import show_next_token
from maquette.figures import text as figures
from maquette.methods.projections import neighbours_kept
from maquette.methods.walking import attention_maps
from maquette.models.gpt import GPT
from maquette.models.gpt2 import GPT2
from maquette.runs import Run

MOST_MAPPED = 200  # tokens on the map of embeddings
COUNTED = 1_000_000  # training tokens by which the commonest are told
MOST_READ = 24  # tokens of the sentence whose attention is drawn
MOST_LAYERS, MOST_HEADS = 6, 6  # of the grid of attention maps


def show_network(model: GPT | GPT2, corpus: Corpus, prompt: str, run: Run) -> None:
    """The next token of a prompt, attention, and the tokens on a map."""
    show_next_token(model, corpus.tokenizer, prompt, run)
    show_attention(model, corpus.tokenizer, prompt, run)
    show_embeddings(model, corpus, run)


def show_attention(model: GPT | GPT2, tokenizer: Tokenizer, prompt: str, run: Run) -> None:
    tokens = tokenizer.encode(prompt)[: min(MOST_READ, model.context)]
    if len(tokens) < 2:
        return
    maps = attention_maps(model, torch.from_numpy(tokens).long())[:MOST_LAYERS, :MOST_HEADS]
    run.picture(
        "attention",
        figures.attention_maps(maps.numpy(), [readable(tokenizer, token) for token in tokens]),
        "Where each token looks",
        "Each row is a token that reads, each column one that is read; the darker, the more of it is taken over. Rows "
        "add up to 1, and nothing is read from the right of the diagonal: that is still to come."
        + (" Only the first layers and heads." if model.depth > MOST_LAYERS or model.heads > MOST_HEADS else ""),
    )


def show_embeddings(model: GPT | GPT2, corpus: Corpus, run: Run) -> None:
    """The commonest tokens as their embeddings put them on a map."""
    tokenizer = corpus.tokenizer
    table = model.embedding.weight.detach().numpy()
    counts = np.bincount(corpus.train.take(0, COUNTED), minlength=len(tokenizer.vocabulary))
    common = np.argsort(-counts, kind="stable")[:MOST_MAPPED]
    named = [number for number in common if counts[number] and number not in (tokenizer.end, tokenizer.unknown)]
    if len(named) < 8:
        return
    places = neighbours_kept(np.ascontiguousarray(table[named], dtype=np.float32), run.settings.seed)
    run.picture(
        "embeddings",
        figures.token_map(places, [readable(tokenizer, number) for number in named]),
        "The embeddings of the commonest tokens in two dimensions (t-SNE)",
        "Tokens that are followed by alike ones come to lie together. Blue: they begin a word; orange: with a capital "
        "letter. Distances far apart mean little on such a map.",
    )
