"""Which files the Hub keeps as large ones (LFS or Xet) and which in git."""

from pathlib import PurePosixPath
from typing import Literal

UploadMode = Literal["lfs", "regular"]

LARGEST_REGULAR = 10 * 1024 * 1024
LARGE_SUFFIXES = (
    *(".7z", ".arrow", ".bin", ".bz2", ".ckpt", ".gguf", ".gz", ".h5", ".jpg", ".jpeg", ".joblib"),
    *(".model", ".mp4", ".msgpack", ".npy", ".npz", ".onnx", ".parquet", ".pickle", ".pkl", ".png"),
    *(".pb", ".pt", ".pth", ".rar", ".safetensors", ".tar", ".tgz", ".wav", ".webp", ".xz", ".zip"),
    ".zst",
)
GITATTRIBUTES = "".join(
    f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE_SUFFIXES
).encode()


def upload_mode(path: str, *, size: int, sample: bytes) -> UploadMode:
    """How a file travels, from its name, its size and its first bytes."""
    if size == 0:
        return "regular"
    named_large = PurePosixPath(path).suffix.lower() in LARGE_SUFFIXES
    return "lfs" if named_large or size >= LARGEST_REGULAR or b"\0" in sample else "regular"
