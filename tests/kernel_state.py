"""Print, as JSON, everything of a process that a notebook could notice: the same in a forked kernel and a cold one."""

import contextlib
import decimal
import gc
import importlib
import json
import locale
import logging
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.stats  # noqa: F401
from matplotlib import font_manager

from fpanalysis import desk, figures  # noqa: F401
from fpanalysis.zygote import IMPORTED

for name in IMPORTED:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)


def _flat(options: dict, before: str = "") -> dict[str, str]:
    found = {}
    for name, value in options.items():
        inner = isinstance(value, dict)
        found |= _flat(value, f"{before}{name}.") if inner else {before + name: repr(value)}
    return found


loggers = {name: one for name, one in logging.root.manager.loggerDict.items() if isinstance(one, logging.Logger)}
state = {
    "pandas": _flat(pd._config.config._global_config),
    "matplotlib": {name: repr(value) for name, value in plt.rcParams.items()},
    "backend": plt.get_backend(),
    "fonts": len([font for font in font_manager.fontManager.ttflist if not Path(font.fname).name.startswith("FPA")]),
    "numpy": repr((np.get_printoptions(), np.geterr())),
    "decimal": repr(decimal.getcontext()),
    "locale": [locale.getlocale(), locale.setlocale(locale.LC_ALL)],
    "zone": [time.tzname, time.timezone],
    "warnings": sorted(map(repr, warnings.filters)),
    "path": sys.path,
    "words": [sys.argv[0], *sys.orig_argv[:4]],
    "flags": repr((sys.flags, sys._xoptions, sys.getrecursionlimit(), sys.getswitchinterval())),
    "environment": dict(os.environ),
    "folders": [str(Path.cwd()), tempfile.gettempdir(), multiprocessing.process.ORIGINAL_DIR],
    "signals": {str(number): repr(signal.getsignal(number)).split(" at ")[0] for number in range(1, 32)},
    "loggers": sorted(
        (name, one.level, len(one.handlers))
        for name, one in loggers.items()
        if (one.level or one.handlers) and name != "lark"  # made by nbformat's check of a notebook, which is done early
    ),
    "collector": [gc.isenabled(), gc.get_threshold(), gc.get_debug()],
    "threads": sorted(thread.name.split("-")[0] for thread in threading.enumerate()),
    "session": [os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()],
    "limits": [resource.getrlimit(number) for number in range(10)],
    "stdin": os.read(0, 1).decode(),
    "streams": [type(sys.stdout).__name__, sys.stdout.encoding, sys.__stdout__.encoding],
    "names": sorted(name for name in globals() if name.startswith("__")),
    "main": sys.modules["__main__"].__dict__ is globals(),
    "trace": repr((sys.gettrace(), sys.getprofile())),
}
chance = [random.random(), float(np.random.random()), multiprocessing.current_process().authkey.hex()]  # noqa: NPY002
print(json.dumps({"state": state, "chance": chance}))
