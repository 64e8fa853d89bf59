"""`python -m runner` runs every line of the Procfile until one ends, Ctrl-C comes, or the time is up."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from honcho.environ import parse_procfile
from honcho.manager import Manager

from runner import options, plan

INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended, as shells say it."""


def main() -> int:
    """Run the stack; returns what the first process that ended returned."""
    asked = options.parse(sys.argv[1:])
    plan.check_environment()
    processes = parse_procfile((plan.ROOT / "Procfile").read_text(encoding="utf-8")).processes
    # Not below the project: a unix socket's path may have 107 characters at the most.
    run_dir = Path(tempfile.mkdtemp(prefix="facewire-"))
    try:
        with plan.state_folder(run_dir) as state:
            for folder in (state / "store", state / "mqtt", plan.KEPT / "cache"):
                folder.mkdir(parents=True, exist_ok=True)
            planned = plan.make(asked, run_dir, list(processes), state)
            code = _check_settings(planned.environment["capture"])
            if code:
                return code
            (run_dir / "mosquitto.conf").write_text(_mosquitto_conf(planned.mqtt_port, state), encoding="utf-8")
            manager = Manager()
            for name, command in processes.items():
                manager.add_process(name, command, env=planned.environment[name], cwd=str(plan.ROOT))
            manager.loop()
            return int(manager.returncode or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        shutil.rmtree(run_dir, ignore_errors=True)


def _check_settings(environment: dict[str, str]) -> int:
    """Return the exit code of a check in a process of its own: what settings import would stay in this one's memory."""
    command = [sys.executable, "-m", "runner.checking"]
    # In a session of its own, so that Ctrl-C ends it by this process alone.
    done = subprocess.run(command, check=False, cwd=plan.ROOT, env=environment, start_new_session=True)  # noqa: S603
    return done.returncode


def _mosquitto_conf(port: int, state: Path) -> str:
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "set_tcp_nodelay true",
        "persistence true",
        f"persistence_location {state / 'mqtt'}/",
        "log_type error",
        "log_type warning",
    ]
    if os.getuid() == 0:
        # Else it drops to a user that may not write there.
        lines.append("user root")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
