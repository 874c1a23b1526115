"""Prometheus and its exporter for SQL, on loopback, for the time of a test."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

T = TypeVar("T")

EXPORTER, PROMETHEUS = "prometheus-sql-exporter", "prometheus"
MISSING = [name for name in (EXPORTER, PROMETHEUS, "promtool") if shutil.which(name) is None]

DEADLINE_SECONDS = 60
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Program:
    """One that runs and answers HTTP."""

    name: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def get(self, path: str, **parameters: str) -> str:
        """The body of what it answers.

        Raises:
            OSError: It does not answer.
        """
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            conn.request("GET", f"{path}?{urlencode(parameters)}")
            response = conn.getresponse()
            body = response.read().decode()
        finally:
            conn.close()
        if response.status != 200:
            raise OSError(f"{self.name} answers {response.status}: {body[:500]}")
        return body

    def api(self, path: str, **parameters: str) -> Any:
        """The data of an answer of Prometheus' API."""
        answer = json.loads(self.get(f"/api/v1/{path}", **parameters))
        assert answer["status"] == "success", answer
        return answer["data"]

    def until(self, look: Callable[[], T | None]) -> T:
        """What `look` returns once that is something; OSErrors are no answer yet."""
        end = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                found = look()
            except OSError:
                found = None
            if found:
                return found
            assert self.process.poll() is None, f"{self.name} has ended: {self.said()}"
            assert time.monotonic() < end, f"{self.name} in vain: {self.said()}"
            time.sleep(POLL_SECONDS)

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def exporter(folder: Path, url: str) -> Iterator[Program]:
    """Run the exporter with the configuration in a folder, but four times a second."""
    config = folder / "sql_exporter.yml"
    text = config.read_text(encoding="utf-8")
    hasty, changed = re.subn(r"interval: '\d+m'", "interval: '250ms'", text)
    assert changed == 3
    config.write_text(hasty, encoding="utf-8")
    port = _free_port()
    command = [f"-config.file={config}", f"-web.listen-address=127.0.0.1:{port}"]
    environment = {"PGCREDITS_EXPORTER_URL": url}
    with _running(EXPORTER, port, folder, command, environment) as program:
        yield program


@contextmanager
def prometheus(folder: Path, target: Program) -> Iterator[Program]:
    """Run Prometheus as a folder says, but twice a second and without patience."""
    config = folder / "prometheus/prometheus.yml"
    text = config.read_text(encoding="utf-8")
    for old, new in {
        "localhost:9237": target.address,
        "scrape_interval: 30s": "scrape_interval: 500ms",
        "\nrule_files:": "\nglobal:\n  evaluation_interval: 500ms\n\nrule_files:",
    }.items():
        assert old in text
        text = text.replace(old, new)
    config.write_text(text, encoding="utf-8")
    rules = folder / "prometheus/pgcredits.rules.yml"
    # How long a rule waits is for promtool's tests.
    text = re.sub(r"for: '\d+m'", "for: '0m'", rules.read_text(encoding="utf-8"))
    rules.write_text(text, encoding="utf-8")
    port = _free_port()
    command = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with _running(PROMETHEUS, port, folder, command, {}) as program:
        yield program


@contextmanager
def _running(
    name: str, port: int, folder: Path, arguments: list[str], environment: Mapping[str, str]
) -> Iterator[Program]:
    log = folder / f"{name}.log"
    # What whoever runs this has set for PostgreSQL must not get in.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [name, *arguments],
            cwd=folder,
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    program = Program(name, port, log, process)
    try:
        program.until(lambda: program.get("/metrics"))
        yield program
    finally:
        program.end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
