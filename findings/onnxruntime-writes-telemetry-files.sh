#!/usr/bin/env bash
# ONNX Runtime on Linux writes telemetry files into the user's folders when it is merely loaded.
#
# onnxruntime 1.32.0 (PyPI, Linux x86-64, Python 3.11): a process that opens one session leaves a device identifier and an event
# database below the cache folder, and a log in the temporary folder. With ORT_DISABLE_TELEMETRY=1 in the environment
# before the library is loaded, it leaves nothing. This matters for batch jobs with read-only or shared home folders, and for
# whoever promises that nothing is recorded.
#
# Exits 0 when the behaviour is still this, 1 when it changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6

cat >"$work/identity.py" <<'PYTHON'
import sys
import numpy, onnx, onnxruntime
from onnx import TensorProto, helper
value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value("x")], [value("y")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
session = onnxruntime.InferenceSession(model.SerializeToString())
session.run(None, {"x": numpy.ones(1, numpy.float32)})
PYTHON

files() { # name, then more variables of the environment: runs the program with empty folders and lists what it left
    mkdir -p "$work/$1/home/.cache" "$work/$1/tmp"
    env -u ORT_DISABLE_TELEMETRY HOME="$work/$1/home" XDG_CACHE_HOME="$work/$1/home/.cache" TMPDIR="$work/$1/tmp" \
        "${@:2}" "$work/venv/bin/python" -B "$work/identity.py"
    (cd "$work/$1" && find . -type f | sort)
}
default=$(files default)
disabled=$(files disabled ORT_DISABLE_TELEMETRY=1)
printf 'files left by default:\n%s\nfiles left with ORT_DISABLE_TELEMETRY=1:\n%s\n' "${default:-none}" "${disabled:-none}"
[[ -n $default && -z $disabled ]]
