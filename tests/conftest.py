"""Puts the repository root on the import path: the modules are flat."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def pytest_make_parametrize_id(val, argname):
    """Bytes may hold the time (archives do): two processes would not agree on a name."""
    return argname if isinstance(val, bytes) else None
