"""Folders as Hugging Face's `transformers` reads and writes them: config.json, safetensors, tokenizer files.

GPT-2 is read whole and written; of others, such as BERT, the table of embeddings with its tokenizer is read.

Nothing here needs `transformers`, and no pickle is ever opened.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Fast
from torch import Tensor

from maquette.checkpoints import load_tensors, save_tensors
from maquette.data.text.tokenizers import (
    END,
    SPACES,
    UNKNOWN,
    WORDS,
    Characters,
    Subwords,
    Tokenizer,
    Words,
    open_tokenizer,
)
from maquette.files import read_json, write_json, write_text, written_whole
from maquette.models.gpt2 import GPT2, names_in_hugging_face
from maquette.settings import UserError

PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.ckpt.index", "flax_model.msgpack")
# config.json's words for what GPT-2 can vary and this network does not, with the only value that it knows
FIXED = {
    "activation_function": "gelu_new",
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "reorder_and_upcast_attn": False,
    "add_cross_attention": False,
    "tie_word_embeddings": True,
}
TABLES = ("word_embeddings.weight", "wte.weight", "embed_tokens.weight", "shared.weight")  # how tables are called
OWN_TOKENIZER = "maquette_tokenizer.json"
ENDS = (END, "</s>", "[EOS]", "<eos>")
MASKS = re.compile(r"\.attn\.(bias|masked_bias)$")  # the causal mask, which older files hold as if it were a weight


def read_gpt2(folder: Path) -> tuple[GPT2, Tokenizer]:
    """The network and the tokenizer of a folder; `UserError` says what is missing or of another kind."""
    config = read_config(folder)
    model = GPT2(
        vocabulary=config["vocab_size"],
        context=config.get("n_positions", 1024),
        depth=config["n_layer"],
        width=config["n_embd"],
        heads=config["n_head"],
        epsilon=config.get("layer_norm_epsilon", 1e-5),
    )
    tokenizer = read_tokenizer(folder)
    if len(tokenizer.vocabulary) > model.vocabulary:
        raise UserError(
            f"The tokenizer of {folder} has {len(tokenizer.vocabulary):,} tokens, its network only "
            f"{model.vocabulary:,}; they are not of one model."
        )
    load_weights(model, read_weights(folder), folder)
    return model.eval(), tokenizer


def read_config(folder: Path) -> dict[str, Any]:
    """config.json, checked to be of a GPT-2 that `GPT2` computes exactly."""
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} holds no config.json; it is neither a run folder nor a model of Hugging Face's.")
    config = read_json(folder / "config.json")
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "gpt2":
        raise UserError(f"{folder} holds a model of the kind {kind!r}; only gpt2 can be read.")
    for name, value in FIXED.items():
        if config.get(name, value) != value:
            raise UserError(f"{folder / 'config.json'} has {name} = {config[name]!r}; only {value!r} can be read.")
    if config.get("n_inner") not in (None, 4 * config.get("n_embd", 0)):
        raise UserError(f"{folder / 'config.json'} has n_inner = {config['n_inner']}; only 4 n_embd can be read.")
    missing = [name for name in ("vocab_size", "n_layer", "n_embd", "n_head") if not isinstance(config.get(name), int)]
    if missing:
        raise UserError(f"{folder / 'config.json'} lacks {', '.join(missing)}.")
    return config


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of the folder's safetensors files; pickled weights are refused."""
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.is_file():
        return load_tensors(whole)
    if index.is_file():
        names = sorted(set(read_json(index).get("weight_map", {}).values()))
        return {key: value for name in names for key, value in load_tensors(folder / Path(name).name).items()}
    found = [name for name in PICKLED if (folder / name).exists()]
    if found:
        raise UserError(
            f"{folder} has its weights only as {found[0]}, which would run code when opened; save them anew with "
            "transformers: model.save_pretrained(FOLDER, safe_serialization=True)."
        )
    raise UserError(f"{folder} holds no model.safetensors.")


def load_weights(model: GPT2, given: dict[str, Tensor], folder: Path) -> None:
    """Put the tensors into the network; missing, extra and misshapen ones are named."""
    given = {name.removeprefix("transformer."): tensor for name, tensor in given.items()}
    names = names_in_hugging_face(model.depth)
    wanted = {ours: (theirs.removeprefix("transformer."), is_turned) for ours, (theirs, is_turned) in names.items()}
    missing = sorted({theirs for theirs, _ in wanted.values()} - given.keys())
    if missing:
        raise UserError(f"{folder} lacks {len(missing)} tensors: {listed(missing)}.")
    head = given.pop("lm_head.weight", None)
    if head is not None and not torch.equal(head, given["wte.weight"]):
        raise UserError(
            f"{folder} has an lm_head.weight of its own; GPT-2 uses wte.weight again, so it cannot be read."
        )
    extra = sorted(name for name in given.keys() - {theirs for theirs, _ in wanted.values()} if not MASKS.search(name))
    if extra:
        raise UserError(f"{folder} has {len(extra)} tensors that GPT-2 does not: {listed(extra)}.")
    state = {}
    for ours, weight in model.state_dict().items():
        theirs, is_transposed = wanted[ours]
        tensor = given[theirs].float().t() if is_transposed else given[theirs].float()
        if tensor.shape != weight.shape:
            raise UserError(
                f"{folder}: {theirs} has the shape {tuple(given[theirs].shape)}, which does not fit config.json."
            )
        state[ours] = tensor.contiguous()
    model.load_state_dict(state)


def listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")


def read_tokenizer(folder: Path) -> Tokenizer:
    """tokenizer.json, or else vocab.json with merges.txt as GPT-2 was published with."""
    if (folder / OWN_TOKENIZER).is_file():
        return open_tokenizer(folder / OWN_TOKENIZER)
    if (folder / "tokenizer.json").is_file():
        definition = (folder / "tokenizer.json").read_text(encoding="utf-8")
    elif (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        try:
            fast = Fast(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
        except Exception as error:  # it raises bare Exceptions
            raise UserError(f"{folder}: vocab.json and merges.txt cannot be read ({error}).") from None
        fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        fast.decoder = decoders.ByteLevel()
        fast.add_special_tokens([AddedToken(ENDS[0], special=True)])
        definition = fast.to_str()
    else:
        raise UserError(f"{folder} holds no tokenizer.json, and no vocab.json with merges.txt.")
    try:
        known = Fast.from_str(definition).get_vocab()
        return Subwords("huggingface", definition, next((word for word in ENDS if word in known), None))
    except Exception as error:
        raise UserError(f"{folder}: the tokenizer cannot be read ({error}).") from None


class TokenTable(NamedTuple):
    """The embeddings of a network's tokens (V, width), the tokenizer that numbers them, and its token for all else."""

    vectors: Tensor
    tokenizer: Subwords
    unknown: int | None


def read_table(folder: Path) -> TokenTable:
    """The table of embeddings of a folder, of BERT or another network; `UserError` says what is missing."""
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    weights = read_weights(folder)
    found = sorted((TABLES.index(end), name) for name in weights for end in TABLES if name.endswith(end))
    if not found:
        raise UserError(
            f"{folder} holds no table of embeddings, called {', '.join(TABLES)}; it has {listed([*weights])}."
        )
    vectors = weights[found[0][1]].float()
    tokenizer = read_wordpiece(folder) if (folder / "vocab.txt").is_file() else read_tokenizer(folder)
    if not isinstance(tokenizer, Subwords) or vectors.dim() != 2 or len(tokenizer.vocabulary) > len(vectors):
        raise UserError(
            f"{folder} has {len(tokenizer.vocabulary):,} tokens, and {found[0][1]} the shape {tuple(vectors.shape)}; "
            "they are not of one model."
        )
    word = json.loads(tokenizer.definition)["model"].get("unk_token")
    return TokenTable(vectors, tokenizer, tokenizer.vocabulary.index(word) if word in tokenizer.vocabulary else None)


def read_wordpiece(folder: Path) -> Subwords:
    """The tokenizer of a BERT: tokenizer.json, or vocab.txt as it was published with."""
    if (folder / "tokenizer.json").is_file():
        made = read_tokenizer(folder)
        assert isinstance(made, Subwords)
        return made
    config = folder / "tokenizer_config.json"
    is_lower = bool(read_json(config).get("do_lower_case", False)) if config.is_file() else False
    try:
        fast = Fast(models.WordPiece.from_file(str(folder / "vocab.txt"), unk_token="[UNK]"))
        fast.normalizer = normalizers.BertNormalizer(lowercase=is_lower)
        fast.pre_tokenizer, fast.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
        return Subwords("huggingface", fast.to_str(), None)
    except Exception as error:  # it raises bare Exceptions
        raise UserError(f"{folder / 'vocab.txt'} cannot be read ({error}).") from None


def write_gpt2(model: GPT2, tokenizer: Tokenizer, folder: Path) -> None:
    """A folder that `transformers.AutoModelForCausalLM` and `AutoTokenizer` load.

    Characters and words encode alike there, but words are decoded with a space between all of them; Maquette's own
    tokenizer lies beside, and `read_gpt2` prefers it.
    """
    end = tokenizer.end
    write_json(
        folder / "config.json",
        {
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
            "vocab_size": model.vocabulary,
            "n_positions": model.context,
            "n_embd": model.width,
            "n_layer": model.depth,
            "n_head": model.heads,
            "n_inner": None,
            "layer_norm_epsilon": model.epsilon,
            "resid_pdrop": model.dropout,
            "embd_pdrop": model.dropout,
            "attn_pdrop": model.dropout,
            "bos_token_id": end,
            "eos_token_id": end,
            "torch_dtype": "float32",
            **FIXED,
        },
    )
    state, tensors = model.state_dict(), {}
    for ours, (theirs, is_transposed) in names_in_hugging_face(model.depth).items():
        tensors[theirs] = (state[ours].t() if is_transposed else state[ours]).detach().cpu().contiguous().clone()
    with written_whole(folder / "model.safetensors") as temporary:
        save_tensors(tensors, temporary, {"format": "pt"})
    if isinstance(tokenizer, Characters | Words):
        write_json(folder / OWN_TOKENIZER, tokenizer.state())
    write_text(folder / "tokenizer.json", definition_of(tokenizer))
    word = tokenizer.vocabulary[end] if end is not None else None
    special = {"bos_token": word, "eos_token": word, "unk_token": word} if word else {}
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": model.context,
            "clean_up_tokenization_spaces": False,
            **special,
        },
    )


def definition_of(tokenizer: Tokenizer) -> str:
    """The JSON by which Hugging Face's `tokenizers` makes the same tokens of a text."""
    if isinstance(tokenizer, Subwords):
        return tokenizer.definition
    numbers = {word: number for number, word in enumerate(tokenizer.vocabulary)}
    fast = Fast(models.WordLevel(numbers, unk_token=UNKNOWN))
    if isinstance(tokenizer, Characters):
        fast.pre_tokenizer, fast.decoder = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated"), decoders.Fuse()
    else:
        assert isinstance(tokenizer, Words)
        pattern = WORDS if tokenizer.punctuation else SPACES
        fast.pre_tokenizer = pre_tokenizers.Split(Regex(pattern.pattern), "removed", invert=True)
    fast.add_special_tokens([AddedToken(word, special=True) for word in (END, UNKNOWN)])
    return fast.to_str()
