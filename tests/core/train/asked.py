"""Settings with files of rows, to be looked at and to be loaded for training."""

import json
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.config.parse import parse_config
from core.config.run_config import RunConfig
from core.data.preview import Preview, Question, RowsPart
from core.data.previewer import Previewer
from core.runs.store import RunStore
from core.train.tokenizer import load_tokenizer
from core.train.tokens.load import Data, load_data

Tokens = tuple[int, ...]


def rows(*numbers: int, answer: str = "It is {}.") -> list[dict[str, str]]:
    return [{"prompt": f"{n}?", "completion": answer.format(n)} for n in numbers]


class Asked:
    """Settings with files of rows, to be looked at and to be loaded for training."""

    def __init__(self, previewer: Previewer, home: Path, folder: Path) -> None:
        self.previewer = previewer
        self.home = home
        self.files: dict[str, Path] = {}
        self._folder = folder
        self.config: RunConfig

    def settle(self, *train: list[Any], evaluate: list[Any] | None = None, **sections: Any) -> None:
        """Have `train` be files of rows to train on, `evaluate` one to evaluate with."""
        paths = [self._write(number, made) for number, made in enumerate(train)]
        self.choose(
            *paths,
            evaluate=None if evaluate is None else self._write("evaluate", evaluate),
            **sections,
        )

    def choose(self, *train: Path, evaluate: Path | None = None, **sections: Any) -> None:
        """As `settle`, with files that there are."""
        chosen = {"source": "upload", "files": [path.name for path in train]}
        evaluation = sections.pop("evaluation", {"fraction": 0})
        if evaluate is not None:
            evaluation = {"files": [evaluate.name]} | evaluation
        self.files = {path.name: path for path in (*train, evaluate) if path is not None}
        self.config = parse_config({"dataset": chosen, "evaluation": evaluation} | sections)

    def _write(self, name: object, made: list[Any]) -> Path:
        path = self._folder / f"{name}.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in made), encoding="utf-8")
        return path

    def look(self, part: RowsPart = "training") -> Preview:
        question = Question(
            config=self.config, files=self.files, home=self.home, count=1000, part=part
        )
        return self.previewer.ask(question, token=None)

    def load(self) -> Data:
        submission = uuid.uuid4().hex
        run, _ = RunStore(self.home).create(self.config, files=self.files, submission=submission)
        model = load_tokenizer(self.config.model, home=self.home, before=None)
        return load_data(self.config, run=run, tokenizer=model.tokenizer, tokenizer_id=model.id)

    def text(self, ids: Sequence[int]) -> str:
        model = load_tokenizer(self.config.model, home=self.home, before=None)
        return str(model.tokenizer.decode(ids))

    def loaded(self) -> tuple[Counter[Tokens], Counter[Tokens]]:
        """How often the trainer gets each row: to train on, and to evaluate with."""
        data = self.load()
        parts = (data.train, data.evaluation or [])
        train, evaluation = (Counter(tuple(row["input_ids"]) for row in part) for part in parts)
        return train, evaluation
