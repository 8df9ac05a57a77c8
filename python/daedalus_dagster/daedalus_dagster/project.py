"""What `daeda generate dagster` says of a project, as typed data."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

FORMAT = 1


@dataclass(frozen=True)
class Column:
    name: str
    dtype: str | None


@dataclass(frozen=True)
class Check:
    name: str
    """As the YAML says it, such as `aes_score: range [0, 10]`."""
    description: str
    severity: Literal["error", "warn"]
    stage: Literal["skeleton", "enrich"]


@dataclass(frozen=True)
class Service:
    name: str
    version: int
    description: str | None
    owner: str | None
    views: tuple[str, ...]
    columns: tuple[Column, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class View:
    name: str
    description: str | None
    entity: tuple[str, ...]
    source: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Project:
    directory: Path
    """Of the project: where every command is called."""
    command: tuple[str, ...]
    """How daeda is called, such as ("daeda",)."""
    first_day: date
    last_day: date
    """Inclusive, as is the first."""
    services: tuple[Service, ...]
    views: tuple[View, ...]


def read_project(directory: str | Path, *, command: Sequence[str] = ("daeda",), description: str | Path | None = None) -> Project:
    """Asks daeda what the project holds, or reads `description`, a file that `daeda generate dagster --output` wrote.

    Raises:
        RuntimeError: daeda finds something wrong with the project, or is of another version; its own words say what.
        OSError: there is no such folder, file or command.
    """
    root = Path(directory).resolve(strict=True)
    if description is None:
        done = subprocess.run([*command, "generate", "dagster"], cwd=root, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"daeda could not describe {root}:\n{done.stderr.strip()}")
        text = done.stdout
    else:
        text = Path(description).read_text(encoding="utf-8")
    return _parse(json.loads(text), root, tuple(command))


def _parse(data: dict[str, Any], root: Path, command: tuple[str, ...]) -> Project:
    if data.get("format") != FORMAT:
        raise RuntimeError(f"daeda describes projects in format {data.get('format')}, and this daedalus-dagster reads format {FORMAT}: install matching versions")

    def columns(items: list[dict[str, Any]]) -> tuple[Column, ...]:
        return tuple(Column(item["name"], item["dtype"]) for item in items)

    return Project(
        directory=root,
        command=command,
        first_day=date.fromisoformat(data["first_day"]),
        last_day=date.fromisoformat(data["last_day"]),
        services=tuple(
            Service(
                name=item["name"],
                version=item["version"],
                description=item["description"],
                owner=item["owner"],
                views=tuple(item["views"]),
                columns=columns(item["columns"]),
                checks=tuple(Check(**check) for check in item["checks"]),
            )
            for item in data["services"]
        ),
        views=tuple(
            View(item["name"], item["description"], tuple(item["entity"]), item["source"], columns(item["columns"])) for item in data["views"]
        ),
    )
