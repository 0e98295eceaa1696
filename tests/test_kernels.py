"""A forked kernel is equal to an ordinary one, ends when it should, and gives way wherever it could differ."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager, start_new_kernel
from jupyter_client.provisioning import KernelProvisionerFactory

from fpanalysis import kernels
from fpanalysis.execute import run_notebook
from fpanalysis.kernels import (
    PROVISIONER,
    NoWarmKernel,
    WarmKernelClient,
    WarmKernelManager,
    WarmProvisioner,
    fork_kernel,
)

pytestmark = pytest.mark.skipif(not kernels.is_wanted(), reason="this system has ordinary kernels only")
KINDS = ("warm", "cold")
SHARED = ("FPANALYSIS_KERNELS", "FPANALYSIS_ZYGOTE", "JPY_PARENT_PID")


def executed(folder: Path, *sources: str, kind: str, name: str = "x") -> nbformat.NotebookNode:
    """A notebook of code cells, run with forked or with ordinary kernels."""
    cells = [nbformat.v4.new_code_cell(source) for source in ("lang = 'zh'", *sources)]
    cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FPANALYSIS_KERNELS", kind)
        run_notebook(folder / f"{name}.ipynb", folder / f"{name}.{kind}.ipynb", {})
    return nbformat.read(folder / f"{name}.{kind}.ipynb", as_version=4)


def said(notebook: nbformat.NotebookNode) -> str:
    return "".join(o.text for o in notebook.cells[-1].outputs if o.output_type == "stream")


@pytest.fixture(scope="module")
def kernel():
    """A forked kernel's manager and client, as nbval starts them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KernelProvisionerFactory.instance(), "default_provisioner_name", PROVISIONER)
        manager, client = start_new_kernel(kernel_name="python3")
        yield manager, client
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def states(tmp_path_factory) -> dict[str, list[dict]]:
    """What processes of kernels are like: of two forked ones and an ordinary one."""
    code = (Path(__file__).parent / "kernel_state.py").read_text("utf-8")
    folder = tmp_path_factory.mktemp("states")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            patch.setenv(name, "1")
        patch.setenv("JE_ARROW_MALLOC_CONF", "background_thread:false")
        kinds = ("warm", "warm", "cold")
        return [json.loads(said(executed(folder, code, kind=kind))) for kind in kinds]


def test_a_forked_kernel_is_in_the_state_of_an_ordinary_one(states):
    warm, _, cold = ({**s["state"], "environment": {k: v for k, v in s["state"]["environment"].items() if k not in SHARED}}
                     for s in states)  # fmt: skip

    assert warm == cold


def test_chance_is_each_kernels_own(states):
    first, second, _ = (state["chance"] for state in states)

    assert not set(first) & set(second)


def test_a_figure_has_the_same_bytes(tmp_path):
    draw = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('出生')\nplt.show()"
    warm, cold = (executed(tmp_path, draw, kind=kind) for kind in KINDS)

    assert "image/png" in warm.cells[-1].outputs[-1].data
    assert warm.cells[-1].outputs == cold.cells[-1].outputs


def test_no_history_is_written(tmp_path, kernel):
    warm = executed(tmp_path, "print(get_ipython().history_manager.enabled, In[1])", kind="warm")

    assert said(warm).split() == ["False", "lang", "=", "'zh'"]


def test_kernels_share_nothing_that_they_change(tmp_path):
    change = "import os, sys, pandas\nos.environ['X'] = '1'\nsys.path.append('x')\npandas.mine = 1\nos.chdir('/')"
    executed(tmp_path, change, kind="warm")
    look = "import os, sys, pandas\nprint('X' in os.environ, 'x' in sys.path, hasattr(pandas, 'mine'), os.getcwd())"

    assert said(executed(tmp_path, look, kind="warm")).split() == ["False", "False", "False", str(tmp_path)]


def test_the_kernel_is_a_fork(kernel):
    manager, _ = kernel

    assert isinstance(manager.provisioner, WarmProvisioner)
    assert isinstance(manager.provisioner.process, kernels.WarmKernel)


def test_files_and_folders_are_for_this_user_only(kernel):
    manager, _ = kernel
    folder = manager.provisioner.process.parent.folder

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(manager.connection_file).stat().st_mode) == 0o600


# Ends


@pytest.fixture
def forked():
    """A forked kernel without anything of jupyter_client around it, as far as its process goes."""
    started = []

    def start(**environment: str) -> kernels.WarmKernel:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", os.devnull + "-none"]
        env = {**os.environ, "JPY_PARENT_PID": str(os.getpid()), **environment}
        started.append(
            fork_kernel(command, env=env, cwd=str(Path.cwd()), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait(10)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pid: int) -> bool:
    """Whether a process ends within ten seconds."""
    deadline = time.monotonic() + 10
    while is_there(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_there(pid)


def test_the_client_is_told_how_a_kernel_ended(forked):
    kernel = forked()

    assert kernel.poll() is None
    os.kill(kernel.pid, signal.SIGKILL)
    assert kernel.wait(10) == -signal.SIGKILL


def test_a_signal_is_sent_when_the_call_returns(forked):
    kernel = forked()
    kernel.terminate()

    assert kernel.wait(10) == -signal.SIGTERM


def test_a_kernel_whose_client_hangs_up_is_killed(forked):
    kernel = forked()
    kernel.connection.close()
    kernel.returncode = 0

    assert gone(kernel.pid)


OWNER = """
import os, sys, time
from fpanalysis.kernels import fork_kernel
command = [sys.executable, "-m", "ipykernel_launcher", "-f", "none.json"]
kernel = fork_kernel(command, env=dict(os.environ, JPY_PARENT_PID=str(os.getpid())), cwd=os.getcwd())
print(kernel.pid, kernel.parent.process.pid, kernel.parent.folder, flush=True)
{then}
"""


@pytest.mark.parametrize("then", ["os.kill(os.getpid(), 9)", pytest.param("sys.exit()", marks=pytest.mark.slow)])
def test_everything_ends_with_its_owner(then, tmp_path):
    done = subprocess.run([sys.executable, "-c", OWNER.format(then=then)], capture_output=True, text=True, cwd=tmp_path)
    kernel, parent, folder = done.stdout.split()[:3]

    assert gone(int(kernel)) and gone(int(parent))
    assert not Path(folder).exists()


# Ordinary kernels where a fork would differ


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"TZ": "Asia/Shanghai"}, "the environment differs in TZ"),
        ({"OMP_NUM_THREADS": "4"}, "the environment differs in OMP_NUM_THREADS"),
        ({"PYTHONHASHSEED": "1", "LANG": "xx"}, "the environment differs in LANG, PYTHONHASHSEED"),
        ({"PYTHONPATH": "src"}, "PYTHONPATH has a relative folder"),
    ],
)
def test_another_environment_is_refused_by_name(forked, change, reason):
    forked()

    with pytest.raises(NoWarmKernel, match=reason):
        forked(**change)


def test_a_matplotlibrc_in_the_folder_is_obeyed(tmp_path):
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 7\n", "utf-8")
    code = "import matplotlib\nprint(matplotlib.rcParams['lines.linewidth'])"

    assert said(executed(tmp_path, code, kind="warm")) == "7.0\n"


def test_a_kernel_of_another_zone_is_cold_and_right(tmp_path, monkeypatch):
    executed(tmp_path, "1", kind="warm")
    monkeypatch.setenv("TZ", "Asia/Shanghai")

    assert said(executed(tmp_path, "import time\nprint(time.timezone)", kind="warm")) == "-28800\n"


def test_kernels_can_be_had_cold(monkeypatch):
    monkeypatch.setenv("FPANALYSIS_KERNELS", "cold")

    assert not kernels.is_wanted()


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_have_ordinary_kernels(system, monkeypatch):
    monkeypatch.setattr(sys, "platform", system)
    if system == "win32":
        monkeypatch.delattr(os, "fork")

    assert not kernels.is_wanted()


@pytest.mark.slow
def test_a_changed_library_gets_a_new_parent(forked):
    before = forked()
    own = Path(kernels.__file__).parent
    os.utime(own / "errors.py")  # its time, not its content
    after = forked()

    assert after.parent is not before.parent
    assert before.poll() is None


def test_a_parent_that_cannot_start_is_not_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "_own", [])
    monkeypatch.setattr(kernels, "_failed", {})
    monkeypatch.setattr(sys, "executable", "/bin/false")
    for _ in range(2):
        with pytest.raises(NoWarmKernel, match="did not start"):
            fork_kernel(["/bin/false"], env=dict(os.environ), cwd=str(tmp_path))

    assert len(kernels._failed) == 1


# Everybody's kernels


def test_the_provisioner_is_known_by_name():
    spec = WarmKernelManager(kernel_name="python3").kernel_spec

    assert spec.metadata["kernel_provisioner"] == {"provisioner_name": PROVISIONER}
    assert KernelProvisionerFactory.instance().is_provisioner_available(spec)


def test_a_restarted_kernel_starts_afresh(kernel):
    manager, client = kernel
    client.execute_interactive("x = 1", timeout=20)
    manager.restart_kernel(now=True)
    client.wait_for_ready(timeout=30)

    assert client.execute_interactive("x", timeout=20)["content"]["ename"] == "NameError"


def test_a_cell_can_be_interrupted(kernel):
    manager, client = kernel
    client.execute("import time; time.sleep(60)")
    time.sleep(0.5)
    manager.interrupt_kernel()

    assert client.get_shell_msg(timeout=20)["content"]["ename"] == "KeyboardInterrupt"


async def started(signum: int) -> tuple[WarmKernelManager, WarmKernelClient]:
    """A kernel that gets a signal before anybody has heard of it."""
    manager = WarmKernelManager(kernel_name="python3", shutdown_wait_time=1.0)
    await manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    manager.provisioner.process.send_signal(signum)
    client = manager.client()
    client.start_channels()
    return manager, client


@pytest.mark.parametrize(("signum", "said"), [(signal.SIGKILL, "died before"), (signal.SIGSTOP, "within 0.5 seconds")])
def test_a_client_does_not_wait_for_ever_and_a_kernel_that_will_not_end_is_killed(signum, said):
    async def look() -> int:
        manager, client = await started(signum)
        with pytest.raises(RuntimeError, match=said):
            await client.wait_for_ready(timeout=0.5)
        client.stop_channels()
        pid = manager.provisioner.pid
        await manager.shutdown_kernel()
        return pid

    assert gone(asyncio.run(look()))


def test_who_looks_at_a_kernel_while_it_is_asked_to_end_hears_how_it_ended():
    async def ended() -> list[int]:
        manager, client = await started(0)
        await client.wait_for_ready(timeout=60)
        client.stop_channels()
        process, heard = manager.provisioner.process, []

        async def look() -> None:
            while process.poll() is None:
                await asyncio.sleep(0)
            heard.append(process.returncode)

        await asyncio.gather(manager.shutdown_kernel(), look())
        return [*heard, process.returncode]

    assert asyncio.run(ended()) == [0, 0]


def test_kernels_started_from_a_kernel_come_from_the_same_parent(tmp_path):
    code = """
import os, sys
from fpanalysis.kernels import fork_kernel
env = dict(os.environ, JPY_PARENT_PID=str(os.getpid()))
kernel = fork_kernel([sys.executable, "-m", "ipykernel_launcher", "-f", "none.json"], env=env, cwd=os.getcwd())
print(os.getppid() == int(open(f"/proc/{kernel.pid}/stat").read().rpartition(")")[2].split()[1]))
kernel.kill()"""

    assert said(executed(tmp_path, code, kind="warm")) == "True\n"


def test_the_kernelspec_of_everybody_stays_as_it_is():
    spec = KernelSpecManager().get_kernel_spec("python3")

    assert "kernel_provisioner" not in spec.metadata
    assert isinstance(KernelManager(kernel_name="python3").kernel_spec, type(spec))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(p.stem for p in (Path(__file__).parent.parent / "notebooks").glob("*.ipynb")))
def test_the_projects_notebooks_have_the_same_bytes(name, root, tmp_path, monkeypatch):
    monkeypatch.setenv("FPANALYSIS_OUTPUTS", str(tmp_path))
    for kind in KINDS:
        monkeypatch.setenv("FPANALYSIS_KERNELS", kind)
        run_notebook(root / "notebooks" / f"{name}.ipynb", tmp_path / f"{kind}.ipynb", {"place": "renqiu"})

    assert (tmp_path / "warm.ipynb").read_bytes() == (tmp_path / "cold.ipynb").read_bytes()
