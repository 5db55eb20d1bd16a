"""Folders of T5, BART and Marian as Hugging Face's `transformers` has them; it is not needed for that."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer as Fast
from tokenizers import normalizers, processors
from torch import Tensor

from maquette.checkpoints import save_tensors
from maquette.data.text.tokenizers import Subwords
from maquette.files import read_json, write_json, write_text, written_whole
from maquette.huggingface import listed, read_weights
from maquette.models import bart, t5
from maquette.models.bart import Bart
from maquette.models.seq2seq import ACTIVATIONS
from maquette.models.t5 import T5
from maquette.settings import UserError

PIECES = ("spiece.model", "sentencepiece.bpe.model", "source.spm", "target.spm", "vocab.json")
COPIES = {  # tensors of older files that say again what others say, or what a formula gives
    "encoder.embed_tokens.weight": "shared.weight",
    "decoder.embed_tokens.weight": "shared.weight",
    "model.encoder.embed_tokens.weight": "model.shared.weight",
    "model.decoder.embed_tokens.weight": "model.shared.weight",
}
UNUSED = ("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",)  # distances across, of old files


class Framed(NamedTuple):
    """A tokenizer with the tokens that stand before and after every text, as the network was trained with.

    `prefix` are the words by which the network is told to summarise, as config.json of T5 has them.
    """

    tokenizer: Subwords
    before: list[int]
    after: list[int]
    prefix: str = ""


class Kind(NamedTuple):
    """How folders of one architecture are read: its settings, its weights' names, its class there."""

    settings: Callable[[dict[str, Any], dict[str, Tensor]], dict[str, Any]]
    fixed: dict[str, Any]
    there: str


def read_seq2seq(folder: Path) -> tuple[T5 | Bart, Framed]:
    """The network and the tokenizer of a folder; `UserError` says what is missing or of another kind."""
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} holds no config.json; it is neither a run folder nor a model of Hugging Face's.")
    config = read_json(folder / "config.json")
    kind = config.get("model_type") if isinstance(config, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise UserError(f"{folder} holds a model of the kind {kind!r}; what can be read are {', '.join(KINDS)}.")
    for name, value in KINDS[kind].fixed.items():
        if config.get(name, value) != value:
            raise UserError(f"{folder / 'config.json'} has {name} = {config[name]!r}; only {value!r} can be read.")
    given = read_weights(folder)
    try:
        settings = KINDS[kind].settings({name: each for name, each in config.items() if each is not None}, given)
    except KeyError as error:
        raise UserError(f"{folder / 'config.json'} lacks {error.args[0]}.") from None
    if settings["activation"] not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise UserError(f"{folder / 'config.json'} has the activation {settings['activation']!r}; known are {known}.")
    model: T5 | Bart = T5(**settings) if kind == "t5" else Bart(**settings)
    load_weights(model, given, folder)
    framed = read_framed(folder, model.end)
    if len(framed.tokenizer.vocabulary) > model.vocabulary:
        raise UserError(
            f"The tokenizer of {folder} has {len(framed.tokenizer.vocabulary):,} tokens, its network only "
            f"{model.vocabulary:,}; they are not of one model."
        )
    return model.eval(), framed._replace(prefix=prefix_of(config))


def prefix_of(config: dict[str, Any]) -> str:
    found: Any = config
    for name in ("task_specific_params", "summarization", "prefix"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def of_t5(config: dict[str, Any], given: dict[str, Tensor]) -> dict[str, Any]:
    """What `T5` is made with. Whether the head is the embedding, the tensors tell: the flag is often wrong."""
    *gated, activation = config.get("feed_forward_proj", "relu").split("-")
    pad = config.get("pad_token_id", 0)
    return {
        "vocabulary": config["vocab_size"],
        "width": config["d_model"],
        "size": config["d_kv"],
        "wide": config["d_ff"],
        "encoder_depth": config["num_layers"],
        "decoder_depth": config.get("num_decoder_layers") or config["num_layers"],
        "heads": config["num_heads"],
        "buckets": config.get("relative_attention_num_buckets", 32),
        "furthest": config.get("relative_attention_max_distance", 128),
        "activation": "gelu_new" if gated and activation == "gelu" else activation,
        "is_gated": bool(gated),
        "is_tied": is_tied(given, "shared.weight"),
        "is_scaled": bool(config.get("scale_decoder_outputs", config.get("tie_word_embeddings") is not False)),
        "epsilon": config.get("layer_norm_epsilon", 1e-6),
        "dropout": config.get("dropout_rate", 0.1),
        "start": number_of(config, "decoder_start_token_id", pad),
        "pad": pad,
        "end": number_of(config, "eos_token_id", 1),
    }


def of_bart(config: dict[str, Any], given: dict[str, Tensor]) -> dict[str, Any]:
    """What `Bart` is made with, for BART and Marian."""
    is_marian = config["model_type"] == "marian"
    is_shared = "model.shared.weight" in given or not is_marian
    read = "model.shared.weight" if is_shared else "model.decoder.embed_tokens.weight"
    return {
        "vocabulary": config["vocab_size"],
        "context": config["max_position_embeddings"],
        "width": config["d_model"],
        **{
            f"{half}_{ours}": config[f"{half}_{theirs}"]
            for half in ("encoder", "decoder")
            for ours, theirs in (("depth", "layers"), ("heads", "attention_heads"), ("wide", "ffn_dim"))
        },
        "positions": "sinusoids" if is_marian else "learned",
        "activation": config.get("activation_function", "gelu"),
        "is_scaled": bool(config.get("scale_embedding", False)),
        "is_tied": is_tied(given, read),
        "is_shared": is_shared,
        "dropout": config.get("dropout", 0.1),
        "attention_dropout": config.get("attention_dropout", 0.0),
        "start": number_of(config, "decoder_start_token_id", 2),
        "pad": config["pad_token_id"],
        "end": number_of(config, "eos_token_id", 2),
        "first": config.get("forced_bos_token_id"),
    }


def number_of(config: dict[str, Any], name: str, otherwise: int) -> int:
    """A token's number; of a list of them the first."""
    found = config.get(name)
    found = found[0] if isinstance(found, list) else found
    return otherwise if found is None else int(found)


def is_tied(given: dict[str, Tensor], read: str) -> bool:
    """Whether the head is the embedding of what is written: it has no tensor of its own, or an equal one."""
    head = given.get("lm_head.weight")
    return head is None or (read in given and torch.equal(head, given[read]))


KINDS = {
    "t5": Kind(of_t5, {}, "T5ForConditionalGeneration"),
    "bart": Kind(of_bart, {"normalize_before": False, "add_final_layer_norm": False}, "BartForConditionalGeneration"),
    "marian": Kind(of_bart, {"normalize_before": False, "static_position_embeddings": True}, "MarianMTModel"),
}


def names_of(model: T5 | Bart) -> dict[str, str]:
    """Our name of each weight -> Hugging Face's."""
    return t5.names_in_hugging_face(model) if isinstance(model, T5) else bart.names_in_hugging_face(model)


def load_weights(model: T5 | Bart, given: dict[str, Tensor], folder: Path) -> None:
    """Put the tensors into the network; missing, extra and misshapen ones are named."""
    names, given = names_of(model), dict(given)
    for name, first in COPIES.items():
        if name not in given or name in names.values():
            continue
        if first in given and not torch.equal(given[name], given[first]):
            raise UserError(f"{folder} has a {name} that differs from {first}, so it cannot be read.")
        given.setdefault(first, given.pop(name))
    if model.is_tied:
        given.pop("lm_head.weight", None)
    if isinstance(model, Bart):
        given.setdefault("final_logits_bias", torch.zeros(1, model.vocabulary))
    if isinstance(model, Bart) and model.positions == "sinusoids":
        for half in ("encoder", "decoder"):
            table = given.pop(f"model.{half}.embed_positions.weight", None)
            waves = getattr(model, half).waves
            if table is not None and (
                table.shape != waves.shape or not torch.allclose(table.float(), waves, atol=1e-4)
            ):
                raise UserError(f"{folder} has positions that are not Marian's sinusoids, so it cannot be read.")
    missing = sorted(set(names.values()) - given.keys())
    if missing:
        raise UserError(f"{folder} lacks {len(missing)} tensors: {listed(missing)}.")
    extra = sorted(given.keys() - set(names.values()) - set(UNUSED))
    if extra:
        raise UserError(f"{folder} has {len(extra)} tensors that {type(model).__name__} does not: {listed(extra)}.")
    state = {}
    for ours, weight in model.state_dict().items():
        tensor = given[names[ours]].float()
        if tensor.shape != weight.shape:
            raise UserError(
                f"{folder}: {names[ours]} has the shape {tuple(tensor.shape)}, which does not fit config.json."
            )
        state[ours] = tensor.contiguous()
    model.load_state_dict(state)


def read_framed(folder: Path, end: int) -> Framed:
    """tokenizer.json, and what it puts before and after a text."""
    if not (folder / "tokenizer.json").is_file():
        found = [name for name in PIECES if (folder / name).is_file()]
        if "source.spm" in found:
            raise UserError(
                f"{folder} has its vocabulary only as source.spm and target.spm of sentencepiece, which are not read; "
                "it needs a tokenizer.json, a Unigram of Hugging Face's tokenizers with the numbers of vocab.json."
            )
        if found:
            raise UserError(
                f"{folder} has its vocabulary only as {listed(found)}, which is not read; make a tokenizer.json of it "
                "with transformers: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)."
            )
        raise UserError(f"{folder} holds no tokenizer.json.")
    definition = (folder / "tokenizer.json").read_text(encoding="utf-8")
    try:
        fast = Fast.from_str(definition)
        fast.no_padding()
        fast.no_truncation()
        tokenizer = Subwords("huggingface", definition, fast.id_to_token(end))
    except Exception as error:  # it raises bare Exceptions
        raise UserError(f"{folder}: the tokenizer cannot be read ({error}).") from None
    plain, framed = (fast.encode("a", add_special_tokens=special).ids for special in (False, True))
    start = next((at for at in range(len(framed)) if framed[at : at + len(plain)] == plain), 0)
    return Framed(tokenizer, framed[:start], framed[start + len(plain) :] or [end])


def write_seq2seq(model: T5 | Bart, framed: Framed, folder: Path) -> None:
    """A folder that `transformers.AutoModelForSeq2SeqLM` and `AutoTokenizer` load."""
    kind, config = ("t5", t5_config(model)) if isinstance(model, T5) else bart_config(model)
    special = {"decoder_start_token_id": model.start, "pad_token_id": model.pad, "eos_token_id": model.end}
    write_json(
        folder / "config.json",
        {
            "architectures": [KINDS[kind].there],
            "model_type": kind,
            "is_encoder_decoder": True,
            "vocab_size": model.vocabulary,
            "d_model": model.width,
            "torch_dtype": "float32",
            **special,
            **config,
            **({"task_specific_params": {"summarization": {"prefix": framed.prefix}}} if framed.prefix else {}),
        },
    )
    first = {} if model.first is None else {"forced_bos_token_id": model.first}
    write_json(folder / "generation_config.json", {**special, **first})
    state = model.state_dict()
    tensors = {theirs: state[ours].detach().cpu().contiguous().clone() for ours, theirs in names_of(model).items()}
    if kind != "t5" and not model.is_tied and model.is_shared:  # else transformers 5 would leave both halves at random
        tensors |= {copy: tensors[first].clone() for copy, first in COPIES.items() if first in tensors}
    with written_whole(folder / "model.safetensors") as temporary:
        save_tensors(tensors, temporary, {"format": "pt"})
    write_text(folder / "tokenizer.json", definition_of(framed))
    words = framed.tokenizer.vocabulary
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            "pad_token": words[model.pad],
            "eos_token": words[model.end],
        },
    )


def definition_of(framed: Framed) -> str:
    """The tokenizer's JSON, by which `tokenizers` puts the same tokens around a text.

    Our own kinds are given texts with a blank before them; there they put it themselves.
    """
    fast = Fast.from_str(framed.tokenizer.definition)
    if framed.tokenizer.kind != "huggingface":
        fast.normalizer = normalizers.Prepend(" ")
    around = {number: framed.tokenizer.vocabulary[number] for number in (*framed.before, *framed.after)}
    plain, made = (fast.encode("a", add_special_tokens=special).ids for special in (False, True))
    if made != [*framed.before, *plain, *framed.after]:
        template = [*(around[each] for each in framed.before), "$A", *(around[each] for each in framed.after)]
        special = [(word, number) for number, word in around.items()]
        fast.post_processor = processors.TemplateProcessing(single=" ".join(template), special_tokens=special)
    return fast.to_str()


def t5_config(model: T5) -> dict[str, Any]:
    gate = {"gelu_new": "gelu"}.get(model.activation, model.activation)
    return {
        "d_kv": model.size,
        "d_ff": model.wide,
        "num_layers": model.encoder_depth,
        "num_decoder_layers": model.decoder_depth,
        "num_heads": model.heads,
        "relative_attention_num_buckets": model.buckets,
        "relative_attention_max_distance": model.furthest,
        "feed_forward_proj": f"gated-{gate}" if model.is_gated else model.activation,
        "tie_word_embeddings": model.is_tied,
        "scale_decoder_outputs": model.is_scaled,
        "layer_norm_epsilon": model.epsilon,
        "dropout_rate": model.dropout,
    }


def bart_config(model: Bart) -> tuple[str, dict[str, Any]]:
    is_marian = model.positions == "sinusoids"
    config: dict[str, Any] = {
        "max_position_embeddings": model.context,
        "encoder_layers": model.encoder_depth,
        "decoder_layers": model.decoder_depth,
        "encoder_attention_heads": model.encoder_heads,
        "decoder_attention_heads": model.decoder_heads,
        "encoder_ffn_dim": model.encoder_wide,
        "decoder_ffn_dim": model.decoder_wide,
        "activation_function": model.activation,
        "scale_embedding": model.is_scaled,
        "tie_word_embeddings": model.is_tied,
        "dropout": model.dropout,
        "attention_dropout": model.attention_dropout,
        "forced_bos_token_id": model.first,
        "forced_eos_token_id": model.end,
    }
    if is_marian:
        config |= {"share_encoder_decoder_embeddings": model.is_shared, "decoder_vocab_size": model.vocabulary}
    else:
        config["bos_token_id"] = model.first
    return ("marian" if is_marian else "bart"), config
