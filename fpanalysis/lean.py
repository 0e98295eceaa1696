"""What a run leaves out of its imports: a part of another package that costs much and that nothing here uses.

jsonschema, which nbformat imports, makes a parser of international addresses at once (1.4 CPU seconds, as long as all
of pandas) for a format that no notebook has; where the parser cannot be had, it leaves that check out. To be imported
before nbformat, in processes that are a run and nothing else: not in kernels, whose notebooks may want the parser.
"""

from __future__ import annotations

import sys

__all__ = ["UNUSED"]

UNUSED = ("rfc3987_syntax",)

for name in UNUSED:
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # an import then fails, which jsonschema expects
