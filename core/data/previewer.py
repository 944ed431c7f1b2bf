"""Asks the preview's process what the model will see: large and hostile files end there.

The page and the command line ask here; core/train/preview/__main__.py answers.
"""

import contextlib
import json
import selectors
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import SecretStr

from core.data.preview import Preview, Question, too_large
from core.errors import InvalidConfig, UserError
from core.machine.child import Child
from core.machine.environment import allowed_environment
from core.machine.warm import start_piped

ANSWER_SECONDS = 60.0
IDLE_SECONDS = 300.0
# How long a look may take while another is waiting; the process needs seconds before its first.
PATIENCE_SECONDS = 3.0
START_SECONDS = 15.0
# How often a look is begun again that was given up for another.
TRIES = 3
# How often a check of all rows tells how far it is.
CHECK_SECONDS = 2.0


class Superseded(UserError):
    """A look that was given up for others."""


class Previewer:
    """Asks a process that stays warm between questions, one at a time, and ends when idle.

    Where it is `offline` that asks nothing of the Hub.
    """

    def __init__(self, *, offline: bool = False) -> None:
        self._environment = {"TRANSFORMERS_VERBOSITY": "error"}
        if offline:
            self._environment["HF_HUB_OFFLINE"] = "1"
        self._token: SecretStr | None = None
        # The first of these is being looked at.
        self._turns: list[object] = []
        self._turns_changed = threading.Condition()
        # What is being looked at, how long that may last, and whether it was given up. Whoever
        # waits reads these and kills, so they and the process change under the lock of the turns.
        self._question: Question | None = None
        self._patient_until = 0.0
        self._gave_up = False
        self._process: Child | None = None
        self._timer: threading.Timer | None = None

    def ask(
        self,
        question: Question,
        *,
        token: SecretStr | None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Preview:
        """The rows as the model will see them. `token` is for gated models and datasets.

        Raises UserError when the data can't be looked at within the limits of time and memory, and
        Superseded when it is no longer wanted, or others were waiting too often. What is wrong with
        the data itself is the answer's `fault`.
        """

        def hurry() -> None:
            if is_wanted():
                self._hurry(question)

        for _ in range(TRIES):
            with self._turn(hurry):
                if not is_wanted():
                    break
                try:
                    return self._answer(question, token=token)
                except Superseded:
                    # Whoever was waiting has their turn first.
                    continue
                finally:
                    self._rest()
        raise Superseded("This preview took long, and was canceled for a newer one.")

    @contextlib.contextmanager
    def _turn(self, while_waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """One after another, in the order in which they came."""
        mine = object()
        with self._turns_changed:
            self._turns.append(mine)
        try:
            while not self._is_next(mine):
                while_waiting()
            yield
        finally:
            with self._turns_changed:
                self._turns.remove(mine)
                self._turns_changed.notify_all()

    def _is_next(self, turn: object) -> bool:
        with self._turns_changed:
            return self._turns_changed.wait_for(lambda: self._turns[0] is turn, timeout=0.2)

    def _answer(self, question: Question, *, token: SecretStr | None) -> Preview:
        try:
            preview = _exchange(self._begin(question, token=token), question)
            if preview.ran_out_of_memory:
                # What filled it may still be there, and the next question is about other data.
                self._end()
            return preview
        except UserError as error:
            self._end()
            if self._gave_up:
                raise Superseded("Given up for another.") from error
            raise
        finally:
            with self._turns_changed:
                self._question = None

    def _begin(self, question: Question, *, token: SecretStr | None) -> Child:
        with self._turns_changed:
            if token != self._token or self._gave_up:
                # The process has it in its environment, and must not use another's.
                self._end()
            self._token, self._gave_up = token, False
            self._question, self._patient_until = question, time.monotonic() + PATIENCE_SECONDS
            return self._running()

    def check(
        self, question: Question, *, token: SecretStr | None, report: Callable[[str], None]
    ) -> Preview:
        """Look at all rows, telling how far that is.

        Raises as `ask` and `require` do, and Superseded when others look at other data meanwhile.
        """
        question = question.model_copy(update={"seconds": CHECK_SECONDS, "to_the_end": True})
        look = None
        while True:
            preview = require(self.ask(question, token=token))
            if preview.statistics.complete and preview.statistics.evaluation_complete:
                return preview
            if look not in (None, preview.look):
                raise Superseded("Others look at other data meanwhile.")
            look = preview.look
            report(f"Checked {preview.statistics.read:,} rows…")

    def close(self) -> None:
        with self._turn():
            self._end()

    def _hurry(self, question: Question) -> None:
        """Give up a look that takes long: a Hub without an answer must not keep others waiting.

        Whoever waits for the same data would only begin again.
        """
        with self._turns_changed:
            if self._question is None or self._process is None:
                return
            late = time.monotonic() > self._patient_until
            if late and not question.is_about_the_same(self._question):
                self._gave_up = True
                self._process.kill()

    def _running(self) -> Child:
        if self._process is None or self._process.poll() is not None:
            self._patient_until += START_SECONDS
            environment = allowed_environment(token=self._token) | self._environment
            self._process = start_piped("core.train.preview", environment=environment)
        return self._process

    def _rest(self) -> None:
        """End the process when nobody asks for a while."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(IDLE_SECONDS, self.close)
        self._timer.daemon = True
        self._timer.start()

    def _end(self) -> None:
        with self._turns_changed:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                for pipe in (self._process.stdin, self._process.stdout):
                    if pipe is not None:
                        pipe.close()
            self._process = None


def require(preview: Preview) -> Preview:
    """The preview, unless something in it blocks the start: then raises InvalidConfig.

    Raises HubAway or OutOfMemory where that is what blocks it.
    """
    fault = preview.fault
    if fault is None:
        return preview
    if fault.field is None or fault.hub_is_away:
        raise fault.error()
    if preview.ran_out_of_memory:
        raise too_large(fault.field)
    raise InvalidConfig({fault.field: f"{fault.message} {fault.hint}".strip()})


def _exchange(process: Child, question: Question) -> Preview:
    if process.stdin is None or process.stdout is None:
        raise TypeError("The preview's process has no pipes.")
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(question.model_dump_json().encode() + b"\n")
        process.stdin.flush()
    field = "dataset.files" if question.files else "dataset.name"
    answer = b"".join(_lines(process, until=time.monotonic() + ANSWER_SECONDS, field=field))
    if not answer.endswith(b"\n"):
        # Libraries that can't have the memory they ask for end the process by a signal.
        if process.wait() < 0:
            raise too_large(field)
        raise UserError(
            "SmolFactory crashed while reading this data, which is a bug.",
            hint="Its log says where. Check whether a row is unlike the others.",
            field=field,
        )
    return Preview.model_validate(json.loads(answer))


def _lines(process: Child, *, until: float, field: str) -> Iterator[bytes]:
    """What the process says, up to the end of its line. Raises UserError when it takes too long."""
    pipe: Any = process.stdout
    with selectors.DefaultSelector() as waiting:
        waiting.register(pipe, selectors.EVENT_READ)
        while waiting.select(timeout=max(0.0, until - time.monotonic())):
            data = pipe.read1(1 << 20)
            yield data
            if not data or data.endswith(b"\n"):
                return
    raise UserError(
        f"This data could not be read within {ANSWER_SECONDS:.0f} seconds.",
        hint="Look for a row that is many megabytes long.",
        field=field,
    )
