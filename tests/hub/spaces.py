"""A Space as a running thing: its stage, its machine, its settings and its volumes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from .hardware import FREE, is_paid

TWO_DAYS = 48 * 60 * 60
NEVER = -1


class Stage(StrEnum):
    """The stages that this double goes through, spelled as the Hub does."""

    BUILDING = "BUILDING"
    APP_STARTING = "APP_STARTING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"


class Setting(NamedTuple):
    """A secret or a variable; a secret's value is here for the test and never sent."""

    value: str
    description: str | None
    updated_at: str


@dataclass
class Space:
    """What a Space runs on and with.

    What is asked for comes true when the runtime is next looked at, or with `settle`. While
    `settles` is False, it stays under way. A free machine sleeps after two days whatever
    `sleep_time` says; None never sleeps.
    """

    sdk: str
    requested: str = FREE
    hardware: str | None = None
    stage: Stage = Stage.BUILDING
    sleep_time: int | None = TWO_DAYS
    settles: bool = True
    restarts: int = 0
    secrets: dict[str, Setting] = field(default_factory=dict)
    variables: dict[str, Setting] = field(default_factory=dict)
    volumes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        """Whether it runs on a machine at all; a static one is only shown."""
        return self.sdk != "static"

    def settle(self) -> None:
        """Let what was asked for have happened."""
        if self.stage is not Stage.PAUSED:
            self.stage = Stage.RUNNING
            self.hardware = self.requested if self.runs else None

    def request(self, hardware: str) -> None:
        self.requested = hardware
        self.sleep_time = None if is_paid(hardware) else TWO_DAYS
        if self.stage is Stage.RUNNING:
            self.stage = Stage.BUILDING

    def sleep_after(self, seconds: int) -> None:
        if is_paid(self.requested):
            self.sleep_time = None if seconds == NEVER else seconds

    def pause(self) -> None:
        self.stage = Stage.PAUSED
        self.hardware = None

    def restart(self, *, from_scratch: bool) -> None:
        self.stage = Stage.BUILDING if from_scratch else Stage.APP_STARTING
        self.restarts += 1

    def view(self) -> dict[str, Any]:
        """The answer of `GET /api/spaces/…/runtime`."""
        return {
            "stage": self.stage.value,
            "hardware": {
                "current": self.hardware,
                "requested": self.requested if self.runs else None,
            },
            "storage": None,
            "gcTimeout": self.sleep_time,
            "replicas": {"current": int(self.stage is Stage.RUNNING), "requested": 1},
            "devMode": False,
            **({"volumes": self.volumes} if self.volumes else {}),
        }


def settings(given: Iterable[Mapping[str, str | None]]) -> dict[str, Setting]:
    """Secrets or variables as they come with a new Space."""
    return {
        entry["key"]: setting(entry["value"] or "", entry.get("description"))
        for entry in given
        if entry["key"] is not None
    }


def setting(value: str, description: str | None = None) -> Setting:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return Setting(value, description, moment)


def settings_view(known: Mapping[str, Setting], *, secret: bool) -> dict[str, dict[str, Any]]:
    """Variables as the Hub lists them, or secrets, which it lists without their values."""
    return {
        key: {
            "key": key,
            "updatedAt": entry.updated_at,
            **({"description": entry.description} if entry.description is not None else {}),
            **({} if secret else {"value": entry.value}),
        }
        for key, entry in known.items()
    }
