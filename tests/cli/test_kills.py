"""Ten kills at random moments: the short form of tests/soak/kills."""

import subprocess
import sys
import unittest

from harness import HERE, PROGRAM, TINY, Case

SOAK = HERE.parent / "soak" / "kills"


class Kills(Case):
    def test_kills_lose_nothing_and_change_nothing(self):
        reds = self.folder_model("reds", (200, 30, 30), count=80)
        noise = self.worker_model("noise", "--slow", 0.01)
        numbers = ["--kills", 10, "--samples", 200, "--checkpoint", 0.02]
        command = [sys.executable, SOAK, *numbers, "--program", PROGRAM, "--encoder", TINY, "--models", reds, noise]
        done = subprocess.run(list(map(str, command)), capture_output=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, (done.stdout + done.stderr).decode())
        self.assertIn(b"10 kills: verify found no fault", done.stdout)


if __name__ == "__main__":
    unittest.main()
