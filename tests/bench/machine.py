"""What the numbers were measured on."""

import importlib.metadata
import os
import platform
import re

PACKAGES = ["torch", "transformers", "onnxruntime", "openvino", "numpy", "pillow"]
FLAGS = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16"]


def cpu_field(name):
    with open("/proc/cpuinfo") as info:
        found = re.search(rf"^{name}\s*: (.*)$", info.read(), re.M)
    return found[1] if found else "unknown"


def describe(library, threads):
    flags = cpu_field("flags").split()
    return {
        "cpu": cpu_field("model name"),
        "family_model": f"{cpu_field('cpu family')}/{cpu_field('model')}",
        "cores": os.cpu_count(),
        "threads": threads,
        "flags": [flag for flag in FLAGS if flag in flags],
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "openblas_kernel": library.blas_kernel(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def summary(machine):
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['cpu']} (family/model {machine['family_model']}: {' '.join(machine['flags'])}), "
        f"{machine['threads']} threads of {machine['cores']} cores, load {machine['load']:.1f} at the start; "
        f"OpenBLAS kernel {machine['openblas_kernel']}; {packages}."
    )
