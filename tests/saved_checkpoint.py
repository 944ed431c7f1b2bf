"""A checkpoint with the files that a trainer saves, each as small as it can be."""

import json
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from core.runs.checkpoint_files import write_manifest
from core.runs.checkpoints import checkpoint_folder


def save_checkpoint(folder: Path, *, step: int, has_manifest: bool = True) -> Path:
    """Version 0.1.0 wrote no manifest."""
    checkpoint = checkpoint_folder(folder, step=step)
    checkpoint.mkdir(parents=True)
    save_file({"weight": np.arange(64.0)}, checkpoint / "adapter_model.safetensors")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        with zipfile.ZipFile(checkpoint / name, "w") as archive:
            archive.writestr("data", b"0" * 100)
    state = json.dumps({"global_step": step, "log_history": []})
    (checkpoint / "trainer_state.json").write_text(state, encoding="utf-8")
    if has_manifest:
        write_manifest(checkpoint)
    return checkpoint
