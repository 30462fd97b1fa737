"""Every Triton kernel compiled for GPUs that need not be there. Prints JSON, a row a kernel.

    python -m disco.kernels.offline 80 90 [--only losses]

What is compiled are the examples of the package's modules that end in `_triton`: each has a function `examples()`,
which returns tuples of a kernel, the types of its arguments and the values of its constants, as
`triton.compiler.ASTSource` takes them, and where the launcher gives options a dict of these (num_warps, num_stages).
Pointers are taken to be aligned to 16 bytes, as torch's are. A row:

    module, kernel, capability     what, and for which compute capability (80 is 8.0: A100; 90 is 9.0: H100, H200)
    types                          those of its pointers
    cubin_bytes, shared_bytes      the machine code; the shared memory of a block
    registers, stack_bytes         of a thread; a stack that is not empty holds what the registers did not

The last two are left out where Triton comes without cuobjdump. In Triton's interpreter nothing can be compiled.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import disco.kernels as kernels
from disco.kernels.backend import has_triton, interpreted

#: Threads that run in step, on every NVIDIA GPU.
WARP = 32


def modules() -> list[str]:
    """Names of the modules that hold Triton kernels."""
    return sorted(found.name for found in pkgutil.iter_modules(kernels.__path__) if found.name.endswith("_triton"))


def compiled(module: str, capability: int) -> Iterator[dict[str, Any]]:
    """A row for each example of this module. Raises what Triton raises where a kernel does not compile."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    for kernel, signature, constexprs, *options in importlib.import_module(f"{kernels.__name__}.{module}").examples():
        pointers = {name: kind for name, kind in signature.items() if kind.startswith("*")}
        aligned = {(kernel.arg_names.index(name),): [["tt.divisibility", 16]] for name in pointers}
        source = ASTSource(kernel, signature=signature, constexprs=constexprs, attrs=aligned)
        done: Any = triton.compile(source, target=GPUTarget("cuda", capability, WARP), options=dict(*options))
        yield {
            "module": module,
            "kernel": source.name,
            "capability": capability,
            "types": " ".join(pointers.values()),
            "cubin_bytes": len(done.asm["cubin"]),
            "shared_bytes": done.metadata.shared,
            **resources(done.asm["cubin"]),
        }


def resources(cubin: bytes) -> dict[str, int]:
    """Registers and stack of a thread, as NVIDIA's tool reads them from machine code; empty without the tool."""
    import triton

    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    if not tool.exists():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kernel.cubin"
        file.write_bytes(cubin)
        said = subprocess.run([tool, "--dump-resource-usage", file], capture_output=True, text=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", said)
    return {"registers": int(found[1]), "stack_bytes": int(found[2])} if found else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capabilities", nargs="*", type=int, default=[80, 90], help="compute capabilities: 80 90")
    parser.add_argument("--only", metavar="NAME", help="the kernels of this operation alone: losses, sphere ...")
    options = parser.parse_args()
    if not has_triton():
        raise SystemExit("Triton is not installed")
    if interpreted():
        raise SystemExit("TRITON_INTERPRET=1 is set, and what is interpreted cannot be compiled: unset it")
    chosen = [name for name in modules() if options.only in (None, name.removesuffix("_triton"))]
    rows = [row for capability in options.capabilities for module in chosen for row in compiled(module, capability)]
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
