"""Networks and scenes as files for other programs, checked right after writing."""

import json
import logging
import shlex
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from maquette import serving
from maquette.data.scenes.splatfiles import COMPRESSED, write_scene
from maquette.data.text.tokenizers import Subwords, load_tokenizer
from maquette.data.text.vector_files import read_vectors, write_vectors
from maquette.families.diffusing import MOVES, Expects, ExpectsTold
from maquette.families.flights import splats_of
from maquette.files import cannot_write, written_whole
from maquette.huggingface import read_gpt2, write_gpt2
from maquette.huggingface_seq2seq import Framed, read_seq2seq, write_seq2seq
from maquette.media import check_target
from maquette.methods.word_vectors import word_rows
from maquette.models import (
    CLIP,
    GPT,
    GPT2,
    MLP,
    T5,
    AttackedClassifier,
    Bart,
    ConvAutoencoder,
    CourseCNN,
    CourseGenerator,
    DeepNetworks,
    DenoisingUNet,
    DenseAutoencoder,
    DnCNN,
    FrequencyField,
    Gaussians,
    Generator,
    HashField,
    Kernels,
    Polynomial,
    ResNet,
    SmallCNN,
    SoftmaxClassifier,
    TableNetwork,
    UNet,
    WordVectors,
    portable,
)
from maquette.models.encoder_decoder import Seq2Seq
from maquette.models.portable import Port, Portable
from maquette.models.variational import VAE
from maquette.settings import UserError
from maquette.trained import Trained

VECTORS = (".vec", ".bin")
CLOSE = 1e-4  # the most that an answer of the file may differ from the network's
LARGEST = 2**31 - 2**22  # bytes of weights that an ONNX file holds
TOLD = (
    "classes",
    "target",
    "columns",
    "encoder",
    "tokenizer",
    "context",
)  # what was fitted and is written beside the network


def export_onnx(folder: Path, out: Path) -> str:
    """Write the network as ONNX and run it at several sizes; returns what goes in and comes out, in words.

    The same, with the words for classes, columns or tokens, is in the file's metadata. `UserError` where the extra is
    missing, the run has no network that ONNX can hold, or the file's answers differ.
    """
    trained = serving.open(folder).trained
    made = portable_of(trained)
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  torch's exporter needs it
    except ImportError as error:
        raise UserError(f'maquette export needs {error.name}; install it with: pip install "maquette[onnx]"') from None
    if out.is_dir():
        raise UserError(f"--out {out} is a folder; give the name of a file to write.")
    if (size := sum(each.numel() * each.element_size() for each in made.network.parameters())) > LARGEST:
        raise UserError(f"{folder} has {size / 2**30:.1f} GB of weights, and an ONNX file holds at most 2 GB.")
    with written_whole(out) as temporary, quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                made.network,
                made.examples[0],
                input_names=[port.name for port in made.inputs],
                output_names=[port.name for port in made.outputs],
                dynamic_shapes=tuple(
                    {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(port.shape) if isinstance(size, str)}
                    for port in made.inputs
                ),
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            reason = (str(error.__cause__ or error).strip() or "no reason given").splitlines()[0]
            raise UserError(f"{folder} cannot be written as ONNX by this PyTorch ({reason}).") from error
        assert program is not None
        told = {
            "recipe": trained.recipe,
            "inputs": list(map(str, made.inputs)),
            "outputs": list(map(str, made.outputs)),
        }
        told |= {name: trained.processing[name] for name in TOLD if name in trained.processing}
        program.model.metadata_props.update({key: as_text(value) for key, value in told.items()})
        program.save(str(temporary), external_data=False)
        session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        difference = max(largest_difference(made, session, example) for example in made.examples)
        del session  # Windows renames no open file
        if not difference <= CLOSE:
            raise UserError(f"{out} was not written: its answers differ from the network's by {difference:.2g}.")
    taken, given = ("; ".join(map(str, ports)) for ports in (made.inputs, made.outputs))
    return f"{out}: takes {taken}; gives {given}; largest difference {difference:.1g}"


def as_text(value: Any) -> str:
    """A value of the metadata: words as they are, all else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=lambda array: array.tolist())


def portable_of(trained: Trained) -> Portable:
    """A run's network for other programs; `UserError` where it has none."""
    model, known = trained.model, trained.processing
    if isinstance(model, Gaussians):
        scene = shlex.quote(str(trained.folder))
        raise UserError(f"A scene is no network; write it with: maquette export {scene} --format ply")
    if isinstance(model, Polynomial):
        return portable.of_curve(model, known["x"], known["y"])
    if isinstance(model, MLP | TableNetwork):
        return of_table(model, known)
    if isinstance(model, GPT | GPT2):
        return portable.of_language_model(model)
    if isinstance(model, Seq2Seq):
        return portable.of_encoder_decoder(model)
    if isinstance(model, CLIP):
        return portable.of_clip(model)
    if isinstance(model, DenseAutoencoder | ConvAutoencoder):
        return portable.of_autoencoder(model)
    if isinstance(model, VAE):
        return portable.of_variational(model)
    if isinstance(model, dict) and isinstance(model.get("generator"), Generator | CourseGenerator):
        return portable.of_generator(model["generator"])
    if isinstance(model, CourseCNN | DnCNN | UNet):
        return portable.of_pictures(model, model.channels)
    if isinstance(model, Kernels):
        return portable.of_kernels(model)
    if isinstance(model, HashField | FrequencyField):
        return portable.of_field(model)
    if isinstance(model, SoftmaxClassifier | SmallCNN | ResNet | AttackedClassifier | DeepNetworks):
        networks: dict[str, nn.Module] = {"probabilities": model}
        if isinstance(model, AttackedClassifier):
            networks = {"victim": model.victim, "defended": model.defended}
        if isinstance(model, DeepNetworks):
            networks = {"probabilities": model.named()[model.answering]}
        shape = known["channels"], known["height"], known["width"]
        return portable.of_classifiers(networks, len(known["classes"]), shape)
    if isinstance(model, DenoisingUNet):
        return portable.of_denoiser(Expects(model, known), model.channels, model.size, model.classes)
    if isinstance(model, dict) and isinstance(decoder := model.get("decoder"), DenoisingUNet):
        vector = decoder.vector - MOVES * known["is_moved"]
        told = ExpectsTold(decoder, known)
        return portable.of_denoiser(told, decoder.channels, decoder.size, 0, vector=vector, tokens=decoder.tokens)
    raise UserError(f"{trained.folder} is a run of {trained.recipe}, which has no network that ONNX can hold.")


def of_table(model: MLP | TableNetwork, known: dict[str, Any]) -> Portable:
    """A class's probabilities, or a value and the interval around it."""
    target = known["target"]
    if "classes" in known:
        count = len(known["classes"])
        outputs = [Port("probabilities", ("rows", count), f"float32, of each class of {target!r}")]
        return portable.of_table(portable.TableProbabilities(model), outputs)
    words = {"value": f"float64, {target!r}", "low": "float64, where its interval begins", "high": "float64, and ends"}
    numbers = {name: float(known[name]) for name in ("shift", "scale", "radius")}
    outputs = [Port(name, ("rows",), about) for name, about in words.items()]
    return portable.of_table(portable.TableValue(model, **numbers), outputs, numbers["scale"])


def export_vectors(folder: Path, out: Path) -> str:
    """Write word vectors as `.vec` or word2vec's `.bin`, by the ending, and read them back; what was made, in words."""
    trained = serving.open(folder).trained
    model, words = trained.model, list(trained.processing.get("words", ()))
    if not isinstance(model, WordVectors):
        raise UserError(f"{folder} is a run of {trained.recipe}; vectors of words come from: maquette run word2vec")
    if out.suffix not in VECTORS:
        raise UserError(f"--out {out} should end in {' or '.join(VECTORS)}.")
    rows = word_rows(model.inputs.detach().numpy(), words, model.buckets)
    write_vectors(out, words, rows)
    again, read = read_vectors(out)
    if len(again) != len(words) or not np.array_equal(read, rows):
        raise UserError(f"{out} differs from the run once it is read back.")
    return f"{out}: {len(words):,} words with {rows.shape[1]} numbers each"


def export_huggingface(folder: Path, out: Path) -> str:
    """Write a GPT-2, T5, BART or Marian as a folder that Hugging Face's `transformers` loads, and read it back.

    What was made, in words. `UserError` where the network is none of these, the folder holds something already, or what
    is read back differs.
    """
    trained = serving.open(folder).trained
    model = trained.model
    if not isinstance(model, GPT2 | T5 | Bart):
        raise UserError(
            f"{folder} holds a {type(model).__name__}, which Hugging Face's transformers does not have; "
            "train with: maquette run gpt --network gpt2, or: maquette run summarise"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"--out {out} is not an empty folder; choose another.")
    temporary = out.with_name(f".{out.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        again, examples = written_folder(model, trained.processing, temporary)
        with torch.inference_mode():
            difference = float((again(*examples) - model(*examples)).abs().max())
        if not difference <= CLOSE:
            raise UserError(f"{out} was not written: its logits differ from the network's by {difference:.2g}.")
        if out.exists():
            out.rmdir()
        temporary.replace(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    kind = "AutoModelForCausalLM" if isinstance(model, GPT2) else "AutoModelForSeq2SeqLM"
    return f"{out}: load it with transformers.{kind}.from_pretrained({str(out)!r})"


def written_folder(
    model: GPT2 | T5 | Bart, known: dict[str, Any], folder: Path
) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """Write the folder; returns the network that is read from it, and inputs to compare by."""
    tokenizer = load_tokenizer(known["tokenizer"])
    if isinstance(model, GPT2):
        write_gpt2(model, tokenizer, folder)
        return read_gpt2(folder)[0], (torch.arange(min(model.vocabulary, model.context))[None],)
    assert isinstance(tokenizer, Subwords)
    write_seq2seq(model, Framed(tokenizer, known["before"], known["after"], known["prefix"]), folder)
    tokens = torch.arange(min(model.vocabulary, model.context, 64))[None]
    return read_seq2seq(folder)[0], (tokens, tokens[:, :12])


SCENES = {  # kinds of scene files, by their ending
    ".ply": "PLY",
    COMPRESSED: "packed PLY",
    ".splat": ".splat",
    ".spz": ".spz",
    ".glb": "glTF",
}


def export_scene(folder: Path, out: Path, ending: str = ".ply") -> str:
    """Write a scene of 3D Gaussians as a file of `SCENES`, and read it back; what was made, in words.

    `UserError` where there is no such scene, or what is read back is not the same; of a PLY, to the last bit.
    """
    trained = serving.open(folder).trained
    model = trained.model
    if not isinstance(model, Gaussians):
        raise UserError(
            f"{folder} is a run of {trained.recipe}; only scenes can be exported as {SCENES[ending]}: "
            "maquette run splat"
        )
    if out.is_dir():
        raise UserError(f"--out {out} is a folder; give the name of a file to write.")
    if not out.name.lower().endswith(ending):
        raise UserError(
            f"--out {out} does not end with {ending}, by which other programs know such a file; name it so."
        )
    check_target(out, folder, is_named=True)
    splats = splats_of(model, trained.processing)
    with written_whole(out) as temporary:
        try:
            write_scene(temporary, splats, ending)
        except UserError as error:
            raise UserError(f"{out} was not written: {str(error).rstrip('.')}; train {folder} again.") from None
    said = f"{out}: {len(splats):,} Gaussians, for any viewer of them and for: maquette predict {shlex.quote(str(out))}"
    if ending == ".splat" and splats.degree:
        said += "; such a file has no colours that change with direction"
    if any(splats.origin) and ending in (".splat", ".spz", COMPRESSED):
        counted = " ".join(f"{value:.15g}" for value in splats.origin)
        said += f"; its places are counted from {counted}, as such a file cannot hold them so far out: write a .ply"
    elif any(splats.origin) and ending == ".ply":
        said += "; its places lie so far out that they are written as 64-bit numbers, which not every viewer reads"
    if model.is_antialiased and ending != ".spz":
        said += "; it was trained with antialiasing, which other viewers must be told"
    return said


def largest_difference(made: Portable, session: Any, example: tuple[torch.Tensor, ...]) -> float:
    """Between the answers of network and file to an example, in the unit of `made`."""
    ours = made.network(*example)
    ours = ours if isinstance(ours, tuple) else (ours,)
    theirs = session.run(None, {port.name: one.numpy() for port, one in zip(made.inputs, example, strict=True)})
    unit = made.unit or max(1.0, *(float(each.abs().max()) for each in ours))
    return max(float(np.abs(their - our.numpy()).max()) for our, their in zip(ours, theirs, strict=True)) / unit


@contextmanager
def quiet() -> Iterator[None]:
    """Within the block, the exporter's remarks about packages it does not need stay silent."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
