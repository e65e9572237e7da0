#!/usr/bin/env bash
# ONNX Runtime for node takes the external weights of a graph that it was given as bytes from the current folder.
#
# onnxruntime-node 1.30.0 (npm, Linux x86-64): InferenceSession.create(bytes) of a graph whose tensor lies in "weights.data" reads
# the file of that name in the process's current folder, whatever folder the graph came from. The same bytes therefore
# compute other numbers in another folder, with no warning; where there is no such file, opening fails. A session made from
# the graph's path reads beside the graph. Give the path, or check that a graph made from bytes has no external data.
#
# Exits 0 when the behaviour is still this, 1 when it changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORT_DISABLE_TELEMETRY=1
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 numpy==2.4.6
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" onnxruntime-node@1.30.0
mkdir "$work/model" "$work/other" "$work/empty"

"$work/venv/bin/python" -B - "$work" <<'PYTHON'
import sys
import numpy, onnx
from onnx import TensorProto, helper, numpy_helper
value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [256])
weight = numpy_helper.from_array(numpy.full(256, 1, numpy.float32), "w")
graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [value("x")], [value("y")], [weight])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.save(model, f"{sys.argv[1]}/model/g.onnx", save_as_external_data=True, location="weights.data", size_threshold=0)
numpy.full(256, 2, numpy.float32).tofile(f"{sys.argv[1]}/other/weights.data")
PYTHON

cat >"$work/add.cjs" <<'JAVASCRIPT'
const { readFileSync } = require('node:fs');
const ort = require('onnxruntime-node');
(async () => {
  const path = `${__dirname}/model/g.onnx`;
  for (const [name, source] of [['bytes', readFileSync(path)], ['path', path]]) {
    try {
      const session = await ort.InferenceSession.create(source);
      const { y } = await session.run({ x: new ort.Tensor('float32', new Float32Array(256), [256]) });
      console.log(`${name}: 0 + w = ${y.data[0]}`);
    } catch {
      console.log(`${name}: refused`);
    }
  }
})();
JAVASCRIPT
output=$(for folder in model other empty; do
    echo "in $folder/, $(cd "$work/$folder" && node "$work/add.cjs" 2>/dev/null | paste -sd ';')"
done)
echo "$output"
[[ $output == "in model/, bytes: 0 + w = 1;path: 0 + w = 1
in other/, bytes: 0 + w = 2;path: 0 + w = 1
in empty/, bytes: refused;path: 0 + w = 1" ]]
