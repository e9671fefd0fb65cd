"""A tokenizer and an untrained small Llama from any folder of text: what method/pretrain starts from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from voicewright.core.errors import UserError
from voicewright.training import axolotl_scripts

TEXT_SUFFIXES = (".txt", ".md")
# Below this a byte-level BPE finds too few frequent pairs, and a model too little to learn.
MIN_BYTES = 100_000
# Heads are 32 wide, and every two query heads share one key-value head.
HIDDEN_MULTIPLE = 64


@dataclass(frozen=True)
class BaseSizes:
    """The dimensions of a new base model."""

    vocab: int = 4096
    hidden: int = 256
    layers: int = 6
    context: int = 1024
    seed: int = 0


def make_base(folder: Path, out_dir: Path, sizes: BaseSizes) -> None:
    """Make a tokenizer from the texts below a folder and an untrained model beside it.

    Raises UserError where a model is there already, the texts are too few, or a size cannot be built.
    """
    if (out_dir / "model.safetensors").exists():
        raise UserError(f"{out_dir} holds a model already", hint="OUT=<another folder>")
    if sizes.hidden % HIDDEN_MULTIPLE:
        raise UserError(f"hidden={sizes.hidden}: expected a multiple of {HIDDEN_MULTIPLE}", hint="SET=hidden=256")
    paths = text_files(folder)
    request = {"out_dir": str(out_dir), "texts": [str(path) for path in paths], **asdict(sizes)}
    axolotl_scripts.run_script("new_base.py", request, task=f"making a model of {folder}")
    print(f"untrained base: {out_dir} (from {len(paths)} files)")


def text_files(folder: Path) -> list[Path]:
    """The text files below a folder. Raises UserError where they are too little to make a model of."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in TEXT_SUFFIXES and path.is_file())
    size = sum(path.stat().st_size for path in paths)
    if size < MIN_BYTES:
        raise UserError(
            f"{folder}: {len(paths)} text files with {size:,} bytes; a tokenizer needs at least {MIN_BYTES:,}",
            hint="point it at a folder of .txt or .md files, such as novels in the public domain",
        )
    return paths
