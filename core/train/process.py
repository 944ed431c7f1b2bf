"""What a process that runs a model sets up for itself first."""

import os
import sys
import warnings

from core.machine.allocator import keep_memory
from core.machine.processes import die_with_parent


def prepare_process() -> None:
    # Without its supervisor nobody would stop it, keep its log or free its slot.
    die_with_parent()
    keep_memory()
    if not sys.warnoptions:
        # What libraries say to each other's authors is noise in a log that a person reads.
        warnings.simplefilter("ignore", FutureWarning)
    # Rows are tokenized in processes of their own, which its threads would not survive.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
