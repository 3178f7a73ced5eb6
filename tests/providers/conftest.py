"""These tests use the meddling server of the contract suite, which lies beside them."""

from __future__ import annotations

import sys
from pathlib import Path

CONTRACT = str(Path(__file__).parent.parent / "contract")
if CONTRACT not in sys.path:
    sys.path.insert(0, CONTRACT)
