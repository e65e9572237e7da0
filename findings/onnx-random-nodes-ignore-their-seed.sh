#!/usr/bin/env bash
# A random node with a seed inside an ONNX graph does not make a run repeatable in ONNX Runtime.
#
# onnxruntime 1.32.0 (PyPI, Python 3.11), RandomNormal with the attribute seed = 1: two runs of one session give different
# numbers, while the first runs of two sessions are equal. What a run gives thus depends on how many came before it in
# its session: a generator exported with its noise inside cannot be asked for the same sample twice. Make the noise an input.
#
# Exits 0 when the behaviour is still this, 1 when it changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORT_DISABLE_TELEMETRY=1
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6

"$work/venv/bin/python" -B - <<'PYTHON'
import numpy, onnx, onnxruntime
from onnx import TensorProto, helper
node = helper.make_node("RandomNormal", [], ["y"], shape=[4], seed=1.0)
graph = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
one, other = (onnxruntime.InferenceSession(model.SerializeToString()) for _ in range(2))
first, second = one.run(None, {})[0], one.run(None, {})[0]
fresh = other.run(None, {})[0]
print("session 1, run 1:", first)
print("session 1, run 2:", second)
print("session 2, run 1:", fresh)
raise SystemExit(not (numpy.array_equal(first, fresh) and not numpy.array_equal(first, second)))
PYTHON
