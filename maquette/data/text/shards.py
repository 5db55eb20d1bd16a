"""Texts as tokens on disk: encoded once, in one pass and bounded memory, into files that are mapped into memory.

`manifest.json` names each file with its checksum and says how far the encoding came, so that it goes on after a crash.
Between documents stands the tokenizer's token for the end of one.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from maquette.data.text.documents import Piece, Texts
from maquette.data.text.tokenizers import Tokenizer
from maquette.files import read_json, sha256_of, written_whole
from maquette.settings import UserError

FORMAT = 1
SHARD_TOKENS = 1 << 24  # in a file: 32 MB where the vocabulary fits into 16 bits
BATCH = 1 << 21  # characters that are encoded together, on all cores
PARTS = ("train", "test")


def digest_of(texts: Texts, tokenizer: Tokenizer, test_share: float, seed: int) -> str:
    """A name for the tokens of these files (by name, size and time of change), this tokenizer and this split."""
    facts: list[Any] = [FORMAT, SHARD_TOKENS, test_share, seed, tokenizer.state()]
    for entry in texts.entries:
        place = str(entry.path.resolve()), entry.member, texts.fields.get(entry)
        facts.append([*place, entry.size, entry.path.stat().st_mtime_ns])
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def encode_texts(
    texts: Texts,
    tokenizer: Tokenizer,
    folder: Path,
    *,
    test_share: float,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Write the tokens of all documents into `folder`, or go on where an earlier call was stopped; its manifest.

    The manifest counts, by part, `tokens`, `bytes` (of the text in UTF-8), `documents` and `unknown` tokens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "manifest.json"
    manifest = read_manifest(folder) if path.exists() else empty_manifest(tokenizer)
    if manifest["is_whole"]:
        return manifest
    kind = np.dtype(manifest["dtype"])
    waiting: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
    counts = {part: dict.fromkeys(("bytes", "documents", "unknown"), 0) for part in PARTS}
    done = manifest["pieces"]

    def write(part: str) -> None:
        """One file of what waits; then the manifest says so."""
        tokens = np.concatenate([np.empty(0, kind), *waiting[part]])
        waiting[part] = []
        if not len(tokens):
            return
        name = f"{part}-{len(manifest['parts'][part]['files']):05d}.bin"
        with written_alone(folder / name) as temporary:
            tokens.tofile(temporary)
        manifest["parts"][part]["files"].append(
            {"file": name, "tokens": len(tokens), "sha256": hashlib.sha256(tokens.data).hexdigest()}
        )

    def keep_place() -> None:
        """Both parts' files end at the same piece, from which an interrupted encoding goes on."""
        for part in PARTS:
            write(part)
            for name in counts[part]:
                manifest["parts"][part][name] += counts[part][name]
                counts[part][name] = 0
        manifest.update(pieces=done, undecodable=texts.undecodable, broken_rows=texts.broken_rows)
        with written_alone(path) as temporary:
            temporary.write_text(json.dumps(manifest, indent=1), encoding="utf-8")

    bytes_seen = sum(manifest["parts"][part]["bytes"] for part in PARTS)
    for pieces in batches_of(texts.pieces(test_share, seed), BATCH, skip=manifest["pieces"]):
        encoded = tokenizer.encode_batch([piece.text for piece in pieces])
        for piece, tokens in zip(pieces, encoded, strict=True):
            count = counts[piece.part]
            size = len(piece.text.encode("utf-8", "replace"))
            count["bytes"] += size
            bytes_seen += size
            count["documents"] += piece.is_end
            if tokenizer.unknown is not None:
                count["unknown"] += int((tokens == tokenizer.unknown).sum())
            if piece.is_end and tokenizer.end is not None:
                tokens = np.append(tokens, tokenizer.end)
            waiting[piece.part].append(tokens.astype(kind))
        done += len(pieces)
        progress(bytes_seen, texts.size)
        if max(sum(map(len, waiting[part])) for part in PARTS) >= SHARD_TOKENS:
            keep_place()
    manifest["is_whole"] = True
    keep_place()
    return manifest


@contextmanager
def written_alone(path: Path) -> Iterator[Path]:
    """As `written_whole`, also where another process writes the same file at the same time."""
    own = path.with_name(f"{os.getpid()}.{path.name}")
    with written_whole(own) as temporary:
        yield temporary
    own.replace(path)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest; `UserError` with the way out where it is damaged or of a newer Maquette."""
    again = f"remove {folder} to encode anew"
    try:
        manifest = read_json(folder / "manifest.json")
        if manifest["format"] == FORMAT and manifest["parts"].keys() == set(PARTS):
            return manifest
    except (UserError, KeyError, TypeError, AttributeError):
        raise UserError(f"{folder / 'manifest.json'} is damaged; {again}.") from None
    raise UserError(f"{folder / 'manifest.json'} was written by another Maquette; {again}.")


def empty_manifest(tokenizer: Tokenizer) -> dict[str, Any]:
    part = {"files": [], "bytes": 0, "documents": 0, "unknown": 0}
    return {
        "format": FORMAT,
        "dtype": "uint16" if len(tokenizer.vocabulary) <= 1 << 16 else "uint32",
        "vocabulary": len(tokenizer.vocabulary),
        "parts": {name: {**part, "files": []} for name in PARTS},
        "pieces": 0,
        "undecodable": 0,
        "broken_rows": 0,
        "is_whole": False,
    }


def batches_of(pieces: Iterable[Piece], size: int, skip: int = 0) -> Iterator[list[Piece]]:
    """Pieces after the first `skip`, together about `size` characters at a time."""
    batch: list[Piece] = []
    length = 0
    for number, piece in enumerate(pieces):
        if number < skip:
            continue
        batch.append(piece)
        length += len(piece.text)
        if length >= size:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


class Tokens:
    """The tokens of one part, as one long sequence over several mapped files."""

    def __init__(self, arrays: Sequence[np.ndarray]):
        self.arrays = [array for array in arrays if len(array)]
        self.starts = np.cumsum([0, *(len(array) for array in self.arrays)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def take(self, start: int, length: int) -> np.ndarray:
        """Tokens start .. start + length as int64; fewer where the sequence ends."""
        length = max(0, min(length, len(self) - start))
        out = np.empty(length, np.int64)
        filled, number = 0, int(np.searchsorted(self.starts, start, "right")) - 1
        while filled < length:
            offset = start + filled - self.starts[number]
            piece = self.arrays[number][offset : offset + length - filled]
            out[filled : filled + len(piece)] = piece
            filled, number = filled + len(piece), number + 1
        return out

    def windows(self, starts: np.ndarray, length: int) -> np.ndarray:
        """(B, length) int64, a row from each start."""
        if len(self.arrays) == 1:
            return self.arrays[0][starts[:, None] + np.arange(length)].astype(np.int64)
        return np.stack([self.take(int(start), length) for start in starts])


def open_tokens(folder: Path, part: str, *, verify: bool = False) -> Tokens:
    """The tokens of a part; a file of the wrong length, or with `verify` of the wrong content, is a `UserError`."""
    manifest = read_manifest(folder)
    arrays = []
    for file in manifest["parts"][part]["files"]:
        path = folder / Path(file["file"]).name
        whole = path.is_file() and path.stat().st_size == file["tokens"] * np.dtype(manifest["dtype"]).itemsize
        if not whole or (verify and sha256_of(path) != file["sha256"]):
            raise UserError(
                f"{path} is damaged: its sha256 is not {file['sha256'][:12]}...; remove {folder} to encode anew."
            )
        arrays.append(np.memmap(path, manifest["dtype"], "r"))
    return Tokens(arrays)
