"""The real server as a black box: its process, its log and its folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 60.0
STORE_FILE = "headroom.sqlite3"
READY = "server.ready"
DEFAULTS: dict[str, Any] = {
    "ocpp_host": "127.0.0.1",
    "ocpp_port": 0,
    "http_host": "127.0.0.1",
    "http_port": 0,
    "database_url": f"sqlite+aiosqlite:///{STORE_FILE}",
    "secret_file": "headroom.secret",
    "station_policy": "accept-all",
    "log_format": "json",
}


class ServerFailed(AssertionError):
    """The server did not do what was waited for; the message carries its log."""


class Log:
    """The server's log lines, gathered by a thread so that its pipe never fills."""

    def __init__(self, stream: Any) -> None:
        self.lines: list[str] = []
        self._ended = False
        self._changed = threading.Condition()
        self._stream = stream
        self._thread = threading.Thread(target=self._gather, daemon=True)
        self._thread.start()

    def _gather(self) -> None:
        for line in self._stream:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, event: str, deadline_s: float) -> dict[str, Any] | None:
        """Return the first log event of this name; None where the log ended or the time was over before."""

        def found() -> bool:
            return self.find(event) is not None or self._ended

        with self._changed:
            self._changed.wait_for(found, deadline_s)
        return self.find(event)

    def find(self, event: str) -> dict[str, Any] | None:
        """Return the first log event of this name that stands in the log now."""
        return next((entry for entry in self.events() if entry.get("event") == event), None)

    def events(self) -> list[dict[str, Any]]:
        """Return every line that is a JSON object."""
        found: list[dict[str, Any]] = []
        for line in list(self.lines):
            if line.startswith("{"):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    continue  # cut short by a kill
        return found

    def complaints(self) -> list[str]:
        """Return the lines that no station's doing excuses: errors, tracebacks, whatever is not a JSON object."""
        quiet = {"debug", "info", "warning"}
        lines = list(self.lines)
        if lines and lines[-1].startswith("{") and not lines[-1].endswith("}"):
            lines.pop()  # cut short by a kill
        return [
            line
            for line in lines
            if not line.startswith("{") or json.loads(line).get("level", "info") not in quiet
        ]

    def close(self) -> None:
        """Wait for the end of the log (the process is gone) and free the pipe."""
        self._thread.join(STOP_DEADLINE_S)
        self._stream.close()


class Server:
    """One data folder, and the server process that works on it; it may be started again and again."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings: dict[str, Any] = {**DEFAULTS, **settings}
        self.config = folder / "headroom.toml"
        self.ocpp_port = 0
        self.http_port = 0
        self.logs: list[Log] = []
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        """The running process."""
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def log(self) -> Log:
        """The log of the newest process."""
        return self.logs[-1]

    @property
    def url(self) -> str:
        """Where stations connect; the station's id is appended."""
        return f"ws://127.0.0.1:{self.ocpp_port}/ocpp/"

    def write_config(self) -> Path:
        """Write the settings as TOML; JSON's numbers, strings and booleans are TOML's too."""
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in self.settings.items()]
        self.config.write_text("".join(lines), encoding="utf-8")
        return self.config

    def command(self, *arguments: str) -> str:
        """Run `csms …` to its end on this server's configuration and return what it printed."""
        self.write_config()
        done = subprocess.run(
            [sys.executable, "-m", "csms", *arguments, "--config", str(self.config)],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=START_DEADLINE_S,
            check=False,
        )
        if done.returncode != 0:
            raise ServerFailed(f"csms {arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self) -> Server:
        """Start the process and wait until it says that it is ready; the ports stay the same ever after."""
        self.write_config()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "csms", "serve", "--config", str(self.config)],
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self.logs.append(Log(self._process.stderr))
        ready = self.log.wait_for(READY, START_DEADLINE_S)
        if ready is None:
            self.kill()
            raise ServerFailed("never became ready:\n" + "\n".join(self.log.lines[-40:]))
        self.ocpp_port = self.settings["ocpp_port"] = int(ready["ocpp_port"])
        self.http_port = self.settings["http_port"] = int(ready["http_port"])
        return self

    def kill(self) -> None:
        """End the process as a power cut would end it, and wait until it is gone."""
        if self._process is not None:
            self.process.kill()
            self._gone()

    def terminate(self) -> None:
        """Ask the process to drain, without waiting for it."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ask the process to drain and return its exit code."""
        self.terminate()
        return self.wait()

    def wait(self) -> int:
        """Return the exit code of a process that was asked to end."""
        try:
            code = self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed("never ended:\n" + "\n".join(self.log.lines[-40:])) from None
        self._gone()
        return code

    def _gone(self) -> None:
        self.process.wait(STOP_DEADLINE_S)
        self.log.close()
        self._process = None

    @property
    def started(self) -> bool:
        """Whether a process was started that nobody has ended."""
        return self._process is not None

    @property
    def running(self) -> bool:
        """Whether a process was started and has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    def resident_mb(self) -> float:
        """Return how much memory the process holds, in megabytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise ServerFailed("the process has no memory left to read")

    def complaints(self) -> list[str]:
        """Return every line of every process's log that a healthy server would not write."""
        return [line for log in self.logs for line in log.complaints()]


def environment() -> dict[str, str]:
    """Return this process's environment without settings of a server, able to import the package."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CSMS_", "COV_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
