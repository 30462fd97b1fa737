"""What is used here of torch although torch calls it private, for want of a public way; nothing else names such things.

A release of torch may change any of it: tests/resources/test_torch_private.py says on which ones it was tried.
"""

from __future__ import annotations

from torch._subclasses.fake_tensor import FakeTensorMode as FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode as TorchDispatchMode
from torch.utils._python_dispatch import _disable_current_modes

#: Releases of torch on which all of this was tried.
TRIED_ON = {"torch": ("2.14",)}

#: A context manager: no mode (such as a `TorchDispatchMode`) that is entered around it sees what is done in it.
without_modes = _disable_current_modes
