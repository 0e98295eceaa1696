"""Warm kernels for everything that starts kernels: a provisioner of jupyter_client, and who may have one.

A provisioner is where jupyter_client lets a kernel come from elsewhere, so papermill, nbclient, nbval, nbconvert and
JupyterLab need no change and notebooks keep the kernel name `python3`:

    JUPYTER_DEFAULT_PROVISIONER_NAME=fpanalysis-warm jupyter lab        # or papermill, nbconvert, pytest --nbval

The first kernel of a process starts the parent (`zygote`) that the others are forked from; it ends with the process.
Wherever a forked kernel could differ from an ordinary one, or cannot be had (Windows; macOS, whose frameworks may not
be used after a fork; FPANALYSIS_KERNELS=cold), an ordinary kernel is started and the log says why. Kernels that start
kernels (a report notebook that runs a missing one) share the parent by its socket, whose path stands in their
environment.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Empty
from typing import Any

import zmq.asyncio
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Type, default

from .zygote import ENVIRONMENT, SOCKET, library_stamp, receive, send

__all__ = [
    "PROVISIONER",
    "NoWarmKernel",
    "WarmKernel",
    "WarmKernelClient",
    "WarmKernelManager",
    "WarmProvisioner",
    "Zygote",
    "fork_kernel",
    "is_wanted",
]

PROVISIONER = "fpanalysis-warm"
SWITCH = "FPANALYSIS_KERNELS"
SHARED = "FPANALYSIS_ZYGOTE"
"""Environment variables: `cold` or `warm` kernels; the socket of the parent that a kernel was forked from."""
START = 120
"""Seconds that a parent may take to import everything."""
ANSWER = 5
"""Seconds within which a parent says that a signal has been sent."""
END = 2
"""Seconds that a forked kernel that was asked to end is listened to before jupyter_client's own ways begin."""
AGAIN = 0.005
"""Seconds between looks whether such a kernel has ended."""
CONNECT = 10
"""Milliseconds between tries to connect to a kernel that does not listen yet: ZeroMQ's 100 are as long as its start."""
LONGEST_PATH = 100
"""Bytes of a socket's path; systems allow 104 or more."""

log = logging.getLogger(__name__)


class NoWarmKernel(Exception):
    """Why an ordinary kernel has to do."""


class _Stale(NoWarmKernel):
    """The parent stands for another state of the library than the files."""


def is_wanted() -> bool:
    """Return whether kernels are to be forked: by FPANALYSIS_KERNELS, else wherever that is safe (Linux, BSD)."""
    asked = os.environ.get(SWITCH, "")
    return hasattr(os, "fork") and (asked == "warm" or (asked != "cold" and sys.platform != "darwin"))


def _readable(stream: Any, seconds: float | None) -> bool:
    """Return whether there is something to read (or nothing more to come) within some seconds; None waits."""
    poll = select.poll()
    poll.register(stream, select.POLLIN)
    return bool(poll.poll(None if seconds is None else 1000 * seconds))


class WarmKernel:
    """A forked kernel, seen from its client: the part of subprocess.Popen that jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int, parent: Zygote | None) -> None:
        self.connection, self.pid, self.parent = connection, pid, parent  # the parent lives while a kernel of it does
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, None while the kernel runs."""
        while self._heard(0):
            pass
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code as soon as there is one. Raises TimeoutExpired."""
        while self._heard(timeout):
            pass
        if self.returncode is None:
            raise subprocess.TimeoutExpired("kernel", timeout or 0)
        return self.returncode

    def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel and what it has started."""
        if self.poll() is None:
            with suppress(OSError):
                self.connection.sendall(bytes([signum]))
                self._heard(ANSWER)  # sent when this returns, as with Popen: what follows must not overtake it

    def kill(self) -> None:
        """Kill the kernel and what it has started."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def _heard(self, seconds: float | None) -> bool:
        """Return whether the parent said something within some seconds; note it when it is the end of the kernel."""
        if self.returncode is not None or not _readable(self.connection, seconds):
            return False
        try:
            said = receive(self.connection)[0]
        except (EOFError, OSError):
            said = {"exit": -signal.SIGKILL}  # the parent has gone, and its kernels with it
        if "exit" in said:
            self.returncode, self.parent = said["exit"], None
            self.connection.close()
        return True


class Zygote:
    """The parent of warm kernels, started by this process and ended with it."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Start it and wait until it serves. Raises NoWarmKernel with the reason why it does not."""
        self.owner = os.getpid()
        self.folder = Path(tempfile.mkdtemp(prefix="fpanalysis-"))  # for this user only: mode 0700
        self.socket = self.folder / SOCKET
        if len(os.fsencode(self.socket)) > LONGEST_PATH:
            self.folder.rmdir()
            raise NoWarmKernel("the folder for temporary files has too long a path for a socket")
        own = {name: text for name, text in env.items() if name not in ("MPLBACKEND", "JPY_PARENT_PID", SHARED)}
        with (self.folder / "log.txt").open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fpanalysis.zygote", str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env={**ENVIRONMENT, **own},
                cwd=self.folder,
                start_new_session=True,
            )
        self._end = weakref.finalize(self, _end, self.process, self.folder, self.owner)
        self._wait()

    def _wait(self) -> None:
        assert self.process.stdout is not None
        ready = _readable(self.process.stdout, START)
        line = self.process.stdout.readline().decode().strip() if ready else f"nothing said for {START} seconds"
        if line != "ready":
            said = (self.folder / "log.txt").read_text("utf-8", errors="replace").strip().rpartition("\n")[2]
            self._end()
            raise NoWarmKernel(f"the parent of warm kernels did not start: {line or said}")

    @property
    def serves(self) -> bool:
        """Return whether it is this process's and still there."""
        return self.owner == os.getpid() and self.process.poll() is None


def _end(process: subprocess.Popen[bytes], folder: Path, owner: int) -> None:
    """End a parent and its kernels; not in a fork of the owner."""
    if os.getpid() != owner:
        return
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(OSError):
                pipe.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(folder, ignore_errors=True)


_lock = threading.Lock()
_own: list[Zygote] = []
"""The parent of this process, when it has one."""
_failed: dict[str, str] = {}
"""Why no parent could be started, by the state of the library (`library_stamp`): it is not tried again and again."""


def fork_kernel(
    command: Sequence[str], *, env: Mapping[str, str], cwd: str, stdout: Any = None, stderr: Any = None
) -> WarmKernel:
    """Return a kernel forked for a command of ipykernel. Raises NoWarmKernel with the reason why there is none."""
    if not is_wanted():
        raise NoWarmKernel("not on this system, or not wished")
    with ExitStack() as opened:
        streams = [_descriptor(stream, number, opened) for number, stream in ((1, stdout), (2, stderr))]
        asked = {"command": list(command), "env": dict(env), "cwd": cwd}
        shared = os.environ.get(SHARED)
        if shared and not _own:
            with suppress(NoWarmKernel):
                return _ask(Path(shared), asked, streams)
        parent = _parent(env)
        try:
            return _ask(parent.socket, asked, streams, parent)
        except _Stale:
            return _ask((parent := _parent(env, instead=parent)).socket, asked, streams, parent)


def _parent(env: Mapping[str, str], instead: Zygote | None = None) -> Zygote:
    """Return this process's parent of kernels, started when there is none; a new one `instead` of one out of date."""
    with _lock:
        if not _own or not _own[0].serves or _own[0] is instead:
            stamp = library_stamp()
            if stamp in _failed:
                raise NoWarmKernel(_failed[stamp])
            try:
                _own[:] = [Zygote(env)]  # the one before lives on while a kernel of it does
            except NoWarmKernel as error:
                _failed[stamp] = str(error)
                raise
        return _own[0]


def _ask(path: Path, asked: Mapping[str, Any], streams: Sequence[int], parent: Zygote | None = None) -> WarmKernel:
    """Return the kernel that the parent at a socket forks. Raises NoWarmKernel with its reason when it refuses."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
        send(connection, {**asked, "env": {**asked["env"], SHARED: str(path)}}, streams)
        answer, _ = receive(connection)
    except (OSError, EOFError) as error:
        connection.close()
        raise NoWarmKernel(f"the parent of warm kernels does not answer: {error}") from None
    if answer["refused"]:
        connection.close()
        raise (_Stale if answer["stale"] else NoWarmKernel)(answer["refused"])
    return WarmKernel(connection, answer["pid"], parent)


def _descriptor(stream: Any, usual: int, opened: ExitStack) -> int:
    """Return the file descriptor that a stream of Popen means."""
    if stream is None:
        return usual
    if stream == subprocess.DEVNULL:
        return opened.enter_context(open(os.devnull, "wb")).fileno()  # noqa: PTH123
    number = stream if isinstance(stream, int) else stream.fileno()
    if number < 0:
        raise NoWarmKernel("its output is to go through a pipe of Popen")
    return int(number)


# What jupyter_client sees


class WarmProvisioner(LocalProvisioner):
    """Kernels that are forked where that is as good as an ordinary one, else ordinary ones."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Return the connection information of the kernel that has been started."""
        try:
            self.process = await asyncio.to_thread(_forked, cmd, kwargs)
        except NoWarmKernel as reason:
            log.info("an ordinary kernel is started: %s", reason)  # a warning could end up in a notebook
            return await super().launch_kernel(cmd, **kwargs)
        self.pid, self.pgid, self.cwd = self.process.pid, None, kwargs.get("cwd") or Path.cwd()
        return self.connection_info

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Wait for the end of a forked kernel, looking often; jupyter_client looks every 0.1 s.

        No other thread waits meanwhile: two that listen to the parent would take its words from each other.
        """
        end = time.monotonic() + END
        while isinstance(self.process, WarmKernel) and self.process.poll() is None and time.monotonic() < end:
            await asyncio.sleep(AGAIN)


def _forked(cmd: Sequence[str], wishes: Mapping[str, Any]) -> WarmKernel:
    """Return a forked kernel for what jupyter_client would give to Popen."""
    unknown = {name for name, wish in wishes.items() if wish} - {"cwd", "env", "stdout", "stderr", "kernel_id"}
    if unknown - {"extra_arguments"}:
        raise NoWarmKernel(f"{', '.join(sorted(unknown))} asked for")
    env = {**(wishes.get("env") or os.environ), "JPY_PARENT_PID": str(os.getpid())}
    streams = {name: wishes.get(name) for name in ("stdout", "stderr")}
    return fork_kernel(cmd, env=env, cwd=str(wishes.get("cwd") or Path.cwd()), **streams)


class WarmKernelClient(AsyncKernelClient):
    """A client of a kernel that was just started: nothing said before can still be on its way."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers and is heard. Raises RuntimeError when it has died, or after `timeout` seconds.

        jupyter_client's own way then listens for 0.2 seconds more, in case there was anything before.
        """
        end = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            asked = self.kernel_info()
            with suppress(Empty):
                await self.get_shell_msg(timeout=1)
                while not _is_idle(await self.get_iopub_msg(timeout=0.2), asked):
                    pass
                return
            if not await self.is_alive():
                raise RuntimeError("the kernel died before it answered")
            if time.monotonic() > end:
                raise RuntimeError(f"the kernel did not answer within {timeout} seconds")


def _is_idle(message: Mapping[str, Any], asked: str) -> bool:
    """Return whether a message says that the kernel has done what was asked."""
    return message["parent_header"].get("msg_id") == asked and message["content"].get("execution_state") == "idle"


class WarmKernelManager(AsyncKernelManager):
    """A kernel manager whose kernels are warm, unless the kernelspec names a provisioner of its own."""

    client_factory = Type(klass=WarmKernelClient)

    @default("context")
    def _context_default(self) -> zmq.asyncio.Context:
        context: zmq.asyncio.Context = super()._context_default()
        context.setsockopt(zmq.RECONNECT_IVL, CONNECT)
        return context

    @property
    def kernel_spec(self) -> Any:
        """Return the kernelspec, with the provisioner of warm kernels."""
        spec = super().kernel_spec
        if spec is not None:
            spec.metadata.setdefault("kernel_provisioner", {"provisioner_name": PROVISIONER})
        return spec
