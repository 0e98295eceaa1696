"""The parent of warm kernels: a process that has imported what notebooks use, and forks one real kernel a request.

Nearly all of what a notebook costs is starting Python and importing (`benchmarks/execution.py`); a fork of a process
that has done both starts in hundredths of a second and shares its memory. A fork copies locks but not the threads that
hold them, so this process is started with exec, keeps one thread, no socket but its own, no event loop, and refuses to
serve when a library has left a thread behind. `kernels` starts it and talks to it.

One connection is one kernel. The client hangs up: the kernel's process group is killed. The kernel ends: the client is
told how on the same connection. The owner, whose pipe is this process's stdin, goes: everything goes. A request whose
environment differs from this process's in anything that could be read while importing is refused, and so is every
request once the library has changed: the client then starts a new parent, or an ordinary kernel.

    python -m fpanalysis.zygote FOLDER        # FOLDER is private (0700); the socket is made in it
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import importlib.util
import json
import os
import pkgutil
import random
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

__all__ = ["ENVIRONMENT", "SOCKET", "Forked", "added", "library_stamp", "main", "receive", "refusal", "send", "serve"]

SOCKET = "socket"
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "OPENPYXL_LXML": "False",
}
"""What the parent's environment has, so that no library starts a thread, and what the package itself sets."""
FREE = {"MPLBACKEND", "PWD", "OLDPWD", "SHLVL", "_", "TERM", "COLUMNS", "LINES", "PAGER", "GIT_PAGER"}
FREE |= {"CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR"}
FREE_BEGINNINGS = ("FPANALYSIS_", "JPY_", "JUPYTER_", "IPYTHON", "PYTEST_", "TQDM_")
"""Names that may differ: nothing reads them while importing, or the child sees to it (MPLBACKEND)."""
IMPORTED = (
    "pandas",
    "pandas.core.methods.to_dict",
    "pandas.core.reshape.reshape",
    "pandas.io.formats.csvs",
    "pandas.io.formats.html",
    "pandas.io.formats.string",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "scipy.stats",
    "duckdb",
    "openpyxl",
    "encodings.gb18030",
    "encodings.utf_8_sig",
    "ipykernel.debugger",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.oinspect",
    "IPython.core.pylabtools",
    "IPython.extensions.storemagic",
    "psutil",
)
"""What notebooks use, late imports too; not the inline backend, which must be imported by the kernel itself."""
LEFT_OUT = {
    "__main__", "due", "engine", "fleet", "fonts", "kernels", "lean", "ledger", "pipeline", "publish", "sample",
    "stages", "zygote",
}  # fmt: skip
"""Modules of the package that notebooks do not use."""
LAUNCHER = ["-m", "ipykernel_launcher", "-f"]
LOOK = 2000
"""Milliseconds between looks whether the owner still is this process's parent."""
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Forked:
    """One kernel that is asked for: its command, environment, folder, and file descriptors of stdout and stderr."""

    command: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    streams: Sequence[int] = ()


# What both sides know


def library_stamp() -> str:
    """Return what changes when a file of the package, or what is installed beside it, does: times and sizes."""
    package = Path(__file__).parent
    files = sorted(path for path in package.rglob("*") if "__pycache__" not in path.parts)
    places = [Path(place) for place in sys.path if "site-packages" in place or "dist-packages" in place]
    found = [(path, path.stat()) for path in [*files, *filter(Path.is_dir, places)] if path.exists()]
    seen = [(str(path), at.st_mtime_ns, at.st_size * path.is_file()) for path, at in found]
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def send(connection: socket.socket, message: Mapping[str, Any], streams: Sequence[int] = ()) -> None:
    """Send a message, and file descriptors with it."""
    content = json.dumps(message).encode()
    head = struct.pack("!I", len(content))
    if streams:
        socket.send_fds(connection, [head], list(streams))
    else:
        connection.sendall(head)
    connection.sendall(content)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the next message and the file descriptors that came with it. Raises EOFError when the other has gone."""
    head, streams, _, _ = socket.recv_fds(connection, 4, 2)
    while head and len(head) < 4:
        head += connection.recv(4 - len(head))
    if not head:
        raise EOFError
    (length,), content = struct.unpack("!I", head), b""
    while len(content) < length:
        piece = connection.recv(length - len(content))
        if not piece:
            raise EOFError
        content += piece
    return json.loads(content), streams


def refusal(kernel: Forked, environment: Mapping[str, str], by_imports: Mapping[str, str] = _NOTHING) -> str:
    """Return why a forked kernel would not equal an ordinary one, "" when it would. Names variables, never values.

    `environment` is that of the parent's start, `by_imports` what modules have added to it since.
    """
    options = [word for word in kernel.command[1:] if word != "-Xfrozen_modules=off"]
    if kernel.command[:1] != [sys.executable] or options[:3] != LAUNCHER:
        return "the kernel is not this Python's own"
    if not Path(kernel.cwd).is_dir() or (Path(kernel.cwd) / "matplotlibrc").exists():
        return "its folder does not exist, or has a matplotlibrc of its own"
    if not all(map(os.path.isabs, filter(None, kernel.env.get("PYTHONPATH", "").split(os.pathsep)))):
        return "PYTHONPATH has a relative folder"
    wanted = dict((ENVIRONMENT | dict(kernel.env)).items() - by_imports.items())
    differing = sorted(name for name in {*wanted, *environment}
                       if wanted.get(name) != environment.get(name) and not _is_free(name))  # fmt: skip
    return f"the environment differs in {', '.join(differing)}" if differing else ""


def _is_free(name: str) -> bool:
    return name in FREE or name.startswith(FREE_BEGINNINGS)


# The parent


def main(folder: str) -> None:
    """Import, serve kernels from the socket in `folder`, and in each fork become that kernel."""
    gc.disable()  # as Python's manual advises before forks; looking for garbage was a sixth of the time of importing
    environment, stamp = dict(os.environ), library_stamp()
    if sys.path and sys.path[0] in ("", str(Path.cwd())):
        del sys.path[0]  # as ipykernel_launcher does; IPython puts it back
    _import_all()
    if (count := _threads()) > 1:
        _say(f"refused: {count - 1} thread(s) left by imports")
        return
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(Path(folder) / SOCKET))
    listener.listen(64)
    gc.freeze()  # the collector of a child then writes into none of the shared pages
    kernel = None
    with contextlib.suppress(BrokenPipeError):  # the owner was killed while this process imported
        _say("ready")
        kernel = serve(listener, environment, stamp)
    if kernel:
        _become(kernel, environment)
    shutil.rmtree(folder, ignore_errors=True)  # an owner that was killed cannot do it


class _InKernel:
    """What `get_ipython()` answers while pandas is imported, which asks whether tables are shown in a terminal."""

    kernel = True


def _import_all() -> None:
    import builtins
    import io

    import fpanalysis

    builtins.get_ipython = _InKernel
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="UTF-8")):  # spelt as in a kernel
        importlib.import_module("pandas")
    del builtins.get_ipython
    for name in IMPORTED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    names = [module.name for module in pkgutil.iter_modules(fpanalysis.__path__) if module.name not in LEFT_OUT]
    _warm_up([importlib.import_module(f"fpanalysis.{name}") for name in names])


def _warm_up(modules: Sequence[ModuleType]) -> None:
    """Fill the caches that depend on nothing but installed files, and that every notebook would fill anew.

    Modules that have such say how in a function `warm`. Of all this a kernel can see that matplotlib knows the fonts of
    the project, which its first figure would tell it.
    """
    import decimal

    from matplotlib.backends import backend_registry

    from . import releases, wording

    with decimal.localcontext():  # whose flags tell what was done
        backend_registry.list_all()  # all that is installed is looked through for it when a backend is chosen
        wording.catalogue()
        releases.program()
        for module in modules:
            getattr(module, "warm", lambda: None)()


def added(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what imports have added to the environment of this process's start."""
    return {name: os.environ[name] for name in os.environ.keys() - environment.keys()}


def _threads() -> int:
    """Return the number of threads of this process, those of libraries too where the system tells."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else threading.active_count()


def _say(line: str) -> None:
    """Tell the owner how the start went, and let go of its pipe."""
    os.write(1, f"{line}\n".encode())
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 1)


def serve(listener: socket.socket, environment: Mapping[str, str], stamp: str) -> Forked | None:
    """Return, in a forked child, the kernel to become; None in the parent, when its owner has gone."""
    owner, kernels = os.getppid(), dict[int, tuple[int, socket.socket]]()
    with _child_signals() as ended, contextlib.ExitStack() as own:
        while True:
            events = _events([0, ended, listener.fileno(), *kernels])
            if os.getppid() != owner or 0 in events:
                for pid, _ in kernels.values():
                    _kill(pid, signal.SIGKILL)
                return None
            if ended in events:
                os.read(ended, 4096)
            _reap(kernels)
            for number in kernels.keys() & events:
                _heed(number, kernels)
            if listener.fileno() in events:
                connection, _ = listener.accept()
                kernel = _forked(connection, kernels, environment, stamp)
                if kernel:
                    own.callback(_close, [listener, connection, *(c for _, c in kernels.values())])
                    return kernel


def _events(numbers: Sequence[int]) -> set[int]:
    """Return the file descriptors, of some, that have something to read or whose other side has gone."""
    poll = select.poll()
    for number in numbers:
        poll.register(number, select.POLLIN)
    return {number for number, _ in poll.poll(LOOK)}


@contextlib.contextmanager
def _child_signals() -> Iterator[int]:
    """Give a file descriptor that can be read when a child has ended; afterwards all signals are as they were."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    os.set_blocking(reading, False)
    before = signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, before)
        os.close(reading)
        os.close(writing)


def _reap(kernels: dict[int, tuple[int, socket.socket]]) -> None:
    """Tell the clients of kernels that have ended how, and let go of them."""
    for number, (pid, connection) in list(kernels.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            del kernels[number]
            with connection, contextlib.suppress(OSError):
                send(connection, {"exit": os.waitstatus_to_exitcode(status)})


def _heed(number: int, kernels: dict[int, tuple[int, socket.socket]]) -> None:
    """Pass on the signals that a client sends, one byte each, and say so; kill the kernel of one that has hung up."""
    pid, connection = kernels[number]
    try:
        numbers = connection.recv(64)
    except OSError:
        numbers = b""
    for signum in numbers or [signal.SIGKILL]:
        _kill(pid, signum)
        if numbers:
            with contextlib.suppress(OSError):
                send(connection, {"sent": signum})
    if not numbers:
        os.waitpid(pid, 0)
        connection.close()
        del kernels[number]


def _kill(pid: int, signum: int) -> None:
    """Send a signal to a kernel's process group; to itself, when it has none yet."""
    try:
        os.killpg(pid, signum)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)


def _forked(
    connection: socket.socket,
    kernels: dict[int, tuple[int, socket.socket]],
    environment: Mapping[str, str],
    stamp: str,
) -> Forked | None:
    """Return, in the child, the kernel that a client asks for; in the parent None, having answered and noted it."""
    connection.settimeout(5)
    try:
        asked, streams = receive(connection)
        kernel = Forked(asked["command"], asked["env"], asked["cwd"], streams)
        reason = (
            "the library has changed" if library_stamp() != stamp else refusal(kernel, environment, added(environment))
        )
        if not reason and (count := _threads()) > 1:
            reason = f"{count - 1} thread(s) run in the parent"
        pid = 0 if reason else os.fork()
        if not reason and not pid:
            return kernel
        for stream in streams:
            os.close(stream)
        send(connection, {"refused": reason, "pid": pid, "stale": bool(reason) and library_stamp() != stamp})
        if pid:
            kernels[connection.fileno()] = (pid, connection)
        else:
            connection.close()
    except (OSError, EOFError, ValueError, KeyError):
        connection.close()
    return None


def _close(sockets: Sequence[socket.socket]) -> None:
    for one in sockets:
        one.close()


# The child


def _become(kernel: Forked, environment: Mapping[str, str]) -> NoReturn:
    """Run the kernel in this forked process as an ordinary one would run, and end as it would.

    `environment` is that of the parent before its imports added to it.
    """
    os.setsid()
    _wear(kernel, environment)
    code: Any = 0
    try:
        from ipykernel.kernelapp import IPKernelApp

        IPKernelApp.launch_instance(parent_handle=os.getppid())
        control = IPKernelApp.instance().control_thread
        control.stop()  # still answering; ipykernel would stop its output first and then wait for it in vain
        control.join(2)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    _leave(code)


def _wear(kernel: Forked, environment: Mapping[str, str]) -> None:
    """Take over everything of an ordinary kernel's start that a fork does not bring: streams, folder, words, chance."""
    os.chdir(kernel.cwd)
    wanted = {**ENVIRONMENT, **added(environment), **kernel.env}
    os.environ.clear()
    os.environ.update(wanted)
    time.tzset()
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    for number, stream in enumerate(kernel.streams, start=1):
        os.dup2(stream, number)
        os.close(stream)
    options = kernel.command[kernel.command.index("ipykernel_launcher") + 1 :]
    spec = importlib.util.find_spec("ipykernel_launcher")
    sys.argv = [spec.origin if spec and spec.origin else "ipykernel_launcher", *_without_history(options)]
    sys.orig_argv = list(kernel.command)
    gc.enable()
    tempfile.tempdir = None
    random.seed()
    _wear_modules(kernel.cwd)


def _without_history(options: Sequence[str]) -> list[str]:
    given = any(word.startswith("--HistoryManager.enabled") for word in options)
    return [*options] if given else [*options, "--HistoryManager.enabled=False"]


def _wear_modules(cwd: str) -> None:
    """Bring modules that were imported in the parent to the state that this process would have given them."""
    import multiprocessing.process as processes

    import matplotlib
    import numpy as np

    np.random.seed()  # noqa: NPY002  the legacy generator, which the fork copied
    matplotlib.rcParams["backend"] = os.environ.get("MPLBACKEND") or "module://matplotlib_inline.backend_inline"
    processes.current_process().authkey = os.urandom(32)
    processes.ORIGINAL_DIR = cwd


def _leave(code: int) -> NoReturn:
    """End with an exit code: threads joined, exit handlers run, streams flushed; modules are not taken apart."""
    import atexit

    with contextlib.suppress(BaseException):
        threading._shutdown()
        atexit._run_exitfuncs()
    for stream in (sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
