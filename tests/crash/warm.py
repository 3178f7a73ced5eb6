"""What the server loads that children are forked from: the program, and all that its first job makes ready.

Import it for that alone. It takes a fifth off what each of the thousands of children needs.
"""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path

import httpx

from tests.crash import child as child
from tests.parts import make_context, run_to_end, sheet, started

with tempfile.TemporaryDirectory() as _name, make_context(Path(_name)) as _ctx:
    run_to_end(_ctx, started(_ctx, sheet(Path(_name), [{"prompt": "a red mug"}])))
httpx.Client().close()
gc.freeze()  # what is here for good is not looked at again, and so stays shared
