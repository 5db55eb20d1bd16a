"""Networks and scenes as files for other programs, checked right after writing."""

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

from maquette import serving
from maquette.data.scenes.splatfiles import PARTS, Splats, read_splats, write_ply
from maquette.files import cannot_write, written_whole
from maquette.settings import UserError

CLOSE = 1e-4  # the most that an answer of the file may differ from the network's


def export_onnx(folder: Path, out: Path) -> str:
    """Write the network as ONNX and run it; returns what was made, in words.

    Input `picture` (batch, channels, height, width) float32 in 0..1, height and width free where the network takes any
    size. `UserError` where the extra is missing, the run is no network of pictures, or the file's answers differ.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  torch's exporter needs it
    except ImportError as error:
        raise UserError(f'maquette export needs {error.name}; install it with: pip install "maquette[onnx]"') from None
    predictor = serving.open(folder)
    channels = getattr(predictor.model, "channels", None)
    if channels is None:
        raise UserError(
            f"{folder} is a run of {predictor.recipe_name}; only networks that take pictures can be exported as ONNX."
        )
    if out.is_dir():
        raise UserError(f"--out {out} is a folder; give the name of a file to write.")
    size = getattr(predictor.model, "size", None)
    sizes = [(size, size)] if size else [(33, 47), (40, 56), (7, 130)]
    free = torch.export.Dim.DYNAMIC
    axes = {0: free} if size else {0: free, 2: free, 3: free}
    with written_whole(out) as temporary, quiet():
        torch.onnx.export(
            predictor.model,
            (torch.rand(2, channels, *sizes[0]),),
            str(temporary),
            input_names=["picture"],
            output_names=["answer"],
            dynamic_shapes=(axes,),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        difference = max(largest_difference(predictor.model, session, (1, channels, *each)) for each in sizes)
        del session  # Windows renames no open file
        if not difference <= CLOSE:
            raise UserError(f"{out} was not written: its answers differ from the network's by {difference:.2g}.")
    free_words = f"{size} x {size} pixels" if size else "any height and width"
    return (
        f"{out}: input `picture` (batch, {channels}, height, width), {free_words}; largest difference {difference:.1g}"
    )


def export_huggingface(folder: Path, out: Path) -> str:
    """Write a GPT-2 as a folder that Hugging Face's `transformers` loads, and read it back; what was made, in words.

    `UserError` where the network is no GPT-2, the folder holds something already, or what is read back differs.
    """
    from maquette.data.text.tokenizers import load_tokenizer
    from maquette.huggingface import read_gpt2, write_gpt2
    from maquette.models import GPT2

    predictor = serving.open(folder)
    model = predictor.model
    if not isinstance(model, GPT2):
        raise UserError(
            f"{folder} holds a {type(model).__name__}, which Hugging Face's transformers does not have; "
            "train with: maquette run gpt --network gpt2"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"--out {out} is not an empty folder; choose another.")
    temporary = out.with_name(f".{out.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        write_gpt2(model, load_tokenizer(predictor.processing["tokenizer"]), temporary)
        again, _ = read_gpt2(temporary)
        tokens = torch.arange(min(model.vocabulary, model.context))[None]
        with torch.inference_mode():
            difference = float((again(tokens) - model(tokens)).abs().max())
        if not difference <= CLOSE:
            raise UserError(f"{out} was not written: its logits differ from the network's by {difference:.2g}.")
        if out.exists():
            out.rmdir()
        temporary.replace(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return f"{out}: load it with transformers.AutoModelForCausalLM.from_pretrained({str(out)!r})"


def export_ply(folder: Path, out: Path) -> str:
    """Write a scene of 3D Gaussians as the PLY that viewers read, and read it back; what was made, in words.

    `UserError` where there is no such scene, or what is read back is not the same to the last bit.
    """
    from maquette.models import Gaussians

    predictor = serving.open(folder)
    model = predictor.model
    if not isinstance(model, Gaussians):
        raise UserError(
            f"{folder} is a run of {predictor.recipe_name}; only scenes can be exported as PLY: maquette run splat"
        )
    if out.is_dir():
        raise UserError(f"--out {out} is a folder; give the name of a file to write.")
    if out.suffix.lower() != ".ply":
        raise UserError(f"--out {out} does not end with .ply, by which other programs know such a file; name it so.")
    serving.check_target(out, folder, is_named=True)
    splats = splats_of(model)
    with written_whole(out) as temporary:
        write_ply(temporary, splats)
        again = read_splats(temporary)
        if not all(np.array_equal(getattr(again, name), getattr(splats, name)) for name in PARTS):
            raise UserError(f"{out} was not written: {folder} holds numbers that a PLY does not; train it again.")
    said = f"{out}: {len(splats):,} Gaussians, for any viewer of them and for: maquette predict {shlex.quote(str(out))}"
    if model.is_antialiased:
        said += "; it was trained with antialiasing, which other viewers must be told"
    return said


def splats_of(model: Any) -> Splats:
    """The numbers of a scene, as they are."""
    parts = {name: getattr(model, name).detach().cpu().float().numpy() for name in PARTS}
    return Splats(**parts, is_antialiased=model.is_antialiased)


def largest_difference(model: Any, session: Any, shape: tuple[int, ...]) -> float:
    """Between the answers of network and file to a random picture."""
    picture = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours = model(picture).numpy()
    return float(np.abs(session.run(None, {"picture": picture.numpy()})[0] - ours).max())


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
