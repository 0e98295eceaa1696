"""What a run leaves out: of its imports a part that nothing here uses, and most of its looks for garbage.

jsonschema, which nbformat imports, makes a parser of international addresses at once (1.4 CPU seconds, as long as all
of pandas) for a format that no notebook has; where the parser cannot be had, it leaves that check out. To be imported
before nbformat, in processes that are a run and nothing else: not in kernels, whose notebooks may want the parser.
"""

from __future__ import annotations

import functools
import gc
import sys

__all__ = ["UNUSED", "settle"]

UNUSED = ("rfc3987_syntax",)

for name in UNUSED:
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # an import then fails, which jsonschema expects

gc.set_threshold(10_000, 10, 10)  # as in the kernels of a run (`engine`): a tenth of the time of importing goes there


def settle() -> None:
    """Take what has been imported out of the looks for garbage: hundreds of megabytes, and none of it ever is any.

    Walked through several times for each report, they took a tenth of its time.
    """
    _settled(len(sys.modules))


@functools.lru_cache(maxsize=1)
def _settled(modules: int) -> None:
    """Do so once for so many modules; what is garbage by then goes first, since nothing will look for it again."""
    gc.collect()
    gc.freeze()
