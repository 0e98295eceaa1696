"""What the parent of kernels and its clients agree on; the forks themselves are tested in test_kernels."""

import os
import socket
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpanalysis import kernels
from fpanalysis.zygote import ENVIRONMENT, SOCKET, Forked, library_stamp, receive, refusal, send

pytestmark = pytest.mark.skipif(not kernels.is_wanted(), reason="this system has ordinary kernels only")
COMMAND = [sys.executable, "-m", "ipykernel_launcher", "-f", "x.json"]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.dictionaries(TEXT, TEXT))
def test_a_message_arrives_as_it_was_sent(message):
    one, other = socket.socketpair()
    with one, other:
        send(one, message)

        assert receive(other) == (message, [])


def test_file_descriptors_travel_with_a_message():
    one, other = socket.socketpair()
    reading, writing = os.pipe()
    with one, other:
        send(one, {}, [writing])
        _, (received,) = receive(other)
    os.write(received, b"x")

    assert os.read(reading, 1) == b"x"
    for number in (reading, writing, received):
        os.close(number)


def test_an_end_is_noticed():
    one, other = socket.socketpair()
    one.close()

    with other, pytest.raises(EOFError):
        receive(other)


@given(st.dictionaries(st.sampled_from(["JPY_PARENT_PID", "FPANALYSIS_HOME", "MPLBACKEND", "PWD"]), TEXT))
def test_what_nothing_reads_while_importing_may_differ(free):
    assert refusal(Forked(COMMAND, free, os.curdir), ENVIRONMENT) == ""


@given(
    st.dictionaries(st.sampled_from(["A", "B", "TZ"]), TEXT), st.dictionaries(st.sampled_from(["A", "B", "TZ"]), TEXT)
)
def test_everything_else_must_be_equal(wanted, has):
    refused = refusal(Forked(COMMAND, wanted, os.curdir), {**ENVIRONMENT, **has})

    assert (refused == "") == (wanted == has)


def test_what_imports_have_added_may_be_there():
    kernel = Forked(COMMAND, {"PYDEVD_X": "NO"}, os.curdir)

    assert refusal(kernel, ENVIRONMENT, {"PYDEVD_X": "NO"}) == ""
    assert refusal(kernel, ENVIRONMENT, {"PYDEVD_X": "YES"}) == "the environment differs in PYDEVD_X"


def test_a_refusal_names_no_value():
    assert "secret" not in refusal(Forked(COMMAND, {"TOKEN": "secret"}, os.curdir), ENVIRONMENT)


@pytest.mark.parametrize(
    "command",
    [["R", "--slave"], ["/usr/bin/other-python", *COMMAND[1:]], [sys.executable, "-m", "bash_kernel", "-f", "x.json"]],
)
def test_other_kernels_are_refused(command):
    assert refusal(Forked(command, {}, os.curdir), ENVIRONMENT) == "the kernel is not this Python's own"


def test_the_stamp_is_the_same_in_every_process():
    code = "from fpanalysis.zygote import library_stamp; print(library_stamp())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout.strip() == library_stamp()


PARENT = """
import sys, threading, time
from fpanalysis import zygote
def imports():
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
zygote._import_all = imports
zygote.main(sys.argv[1])
"""


@pytest.mark.slow
def test_a_parent_whose_owner_goes_while_it_imports_ends_and_leaves_nothing(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    parent = subprocess.Popen(
        [sys.executable, "-m", "fpanalysis.zygote", str(folder)], env={**os.environ, **ENVIRONMENT}, **pipes
    )
    parent.stdin.close()
    parent.stdout.close()
    with parent.stderr:
        assert (parent.wait(120), b"Traceback" in parent.stderr.read()) == (0, False)

    assert not folder.exists()


def test_a_parent_with_a_thread_refuses_to_serve(tmp_path):
    done = subprocess.run([sys.executable, "-c", PARENT, str(tmp_path)], capture_output=True, text=True)

    assert done.stdout == "refused: 1 thread(s) left by imports\n"
    assert not (tmp_path / SOCKET).exists()
