"""Signals, as people, schedulers and profilers send them: nothing is damaged, no worker is left behind."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from harness import HERE, PROGRAM, TINY, Case, speckled

INTERRUPTED = 130


def worker_of(parent):
    """The process id of the only child."""
    for _ in range(600):
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.02)
    raise AssertionError("no worker was started")


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def threads_of(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        return 0


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


class Signals(Case):
    def arguments(self, db, model, *more):
        return [PROGRAM, "index", db, str(model), "--encoder", str(TINY), "--samples", "60", "--batch", "4", *more]

    def start(self, *arguments, **options):
        process = subprocess.Popen(
            list(map(str, arguments)), cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def test_runs_that_are_interrupted_anywhere_end_as_an_uncut_one(self):
        model = self.worker_model("noise", "--slow", 0.01)
        self.index(model, samples=60, batch=4, threads=2)
        uncut = self.moments("noise")
        cut = str(self.dir / "cut.db")
        rng = random.Random(1)
        for attempt in range(12):
            process = self.start(*self.arguments(cut, model, "--threads", 2, "--checkpoint", 0, "--quiet"))
            time.sleep(0.15 + 0.15 * rng.random())
            process.send_signal(rng.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP]))
            _, message = process.communicate(timeout=60)
            # The signal may come before the program is ready to stop gracefully, and then ends it.
            self.assertIn(process.returncode, (0, INTERRUPTED, -2, -15, -1), (attempt, message.decode()))
        self.db = cut
        self.index(model, samples=60, batch=4, threads=2)
        self.assertEqual(self.moments("noise", "cut.npz"), uncut)

    def test_timers_of_a_profiler_reach_no_computing_thread(self):
        model = self.worker_model("noise", "--slow", 0.1)
        self.index(model, samples=60, batch=4, threads=2)
        before = self.moments("noise")
        flooded = str(self.dir / "flooded.db")

        def set_timers():  # they survive exec, which must be over when the first one fires
            signal.setitimer(signal.ITIMER_PROF, 0.2, 0.005)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.2, 0.005)

        process = self.start(*self.arguments(flooded, model, "--threads", 2, "--quiet"), preexec_fn=set_timers)
        _, message = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, message.decode())
        self.db = flooded
        self.assertEqual(self.moments("noise", "flooded.npz"), before)

    def test_hundreds_of_signals_that_ask_for_nothing_change_nothing(self):
        model = self.folder_model("reds", (200, 30, 30), count=60)
        self.index(model, samples=60, batch=4, threads=2)
        before = self.moments("reds")
        self.db = str(self.dir / "pelted.db")
        process = self.start(*self.arguments(self.db, model, "--threads", 2, "--quiet"))
        numbers = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGPROF, signal.SIGVTALRM, signal.SIGWINCH]
        wait_until(lambda: threads_of(process.pid) > 1 or process.poll() is not None)
        for i in range(400):
            if process.poll() is not None:
                break
            process.send_signal(numbers[i % len(numbers)])
        _, message = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, message.decode())
        self.assertEqual(self.moments("reds", "pelted.npz"), before)

    def test_a_silent_worker_is_not_waited_for(self):
        model = self.worker_model("noise", "--hang-at", 20)
        process = self.start(*self.arguments(self.db, model))
        worker = worker_of(process.pid)
        self.assertIn(b"hangs\n", process.stderr)  # read up to there
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=60)  # not the worker's 300 seconds
        self.assertEqual(process.returncode, INTERRUPTED, message.decode())
        self.assertIn("stopping when the batch under way is saved", message.decode())
        self.assertIn("interrupted; run again to resume", message.decode())
        self.assertFalse(is_running(worker))

    def test_a_hung_worker_does_not_outlive_a_program_that_is_killed(self):
        model = self.worker_model("noise", "--hang-at", 4)
        process = self.start(*self.arguments(self.db, model))
        worker = worker_of(process.pid)
        process.kill()
        process.communicate()
        self.assertTrue(wait_until(lambda: not is_running(worker)))

    def test_children_of_a_worker_end_with_a_program_that_is_asked_twice(self):
        child = f"{sys.executable} {HERE / 'worker.py'} --hang-at 4"
        script = f"exec 3<&0; {child} <&3 & echo $! >&2; wait"
        model = self.write_model("noise", {"kind": "worker", "command": ["sh", "-c", script]})
        process = self.start(*self.arguments(self.db, model))
        pid = next(int(line) for line in process.stderr if line.strip().isdigit())
        self.assertIn(b"hangs\n", process.stderr)  # read up to there
        process.send_signal(signal.SIGINT)
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (INTERRUPTED, -signal.SIGINT))
        self.assertTrue(wait_until(lambda: not is_running(pid)))

    def test_signals_that_the_caller_ignores_stay_ignored(self):
        model = self.worker_model("noise", "--slow", 0.05)

        def ignore():  # as nohup does, and a shell for what its scripts start in the background
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)

        process = self.start(*self.arguments(self.db, model), preexec_fn=ignore)
        worker_of(process.pid)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, message.decode())
        self.assertIn("noise: 60 samples", message.decode())

    def test_no_thread_can_run_a_handler(self):
        pipe = self.dir / "never.png"
        os.mkfifo(pipe)
        several = {**os.environ, "OMP_NUM_THREADS": "2"}  # so that OpenBLAS starts a thread as it is loaded
        process = self.start(PROGRAM, "encode", "--encoder", TINY, "--image", pipe, env=several)
        self.assertTrue(wait_until(lambda: threads_of(process.pid) > 1))
        faults = {"SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS", "ABRT"}
        defaults = {"PIPE", "QUIT", "TSTP", "TTIN", "TTOU", "CONT", "KILL", "STOP"}
        wanted = set(signal.valid_signals()) - {getattr(signal, f"SIG{name}") for name in faults | defaults}
        waiting = [{signal.SIGINT, signal.SIGTERM, signal.SIGHUP}]  # sigwait() takes what it waits for out of the mask
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            (mask,) = re.findall(r"^SigBlk:\s*(\w+)$", (task / "status").read_text(), re.M)
            open_signals = {number for number in wanted if not int(mask, 16) >> (number - 1) & 1}
            if open_signals in waiting:
                waiting.remove(open_signals)
                continue
            self.assertEqual(open_signals, set())

    def test_a_command_that_only_waits_ends_at_the_first_signal(self):
        pipe = self.dir / "never.png"
        os.mkfifo(pipe)
        process = self.start(PROGRAM, "encode", "--encoder", TINY, "--image", pipe)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT)

    def test_a_reader_that_leaves_ends_the_program_quietly(self):
        script = f"'{PROGRAM}' encode --encoder '{TINY}' --text a | true"
        done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60, check=False)
        self.assertEqual(done.stderr, b"")


class Threads(Case):
    def test_more_threads_than_cores_are_not_started(self):
        done = self.run_program("encode", "--encoder", TINY, "--text", "a", "--threads", 1000)
        self.assertEqual(done.returncode, 0)
        said = r"^gensearch: \d+ threads?, not 1000: this process may use that many cores\n$"
        self.assertRegex(done.stderr.decode(), said)

    def test_an_affinity_of_one_core_is_one_thread(self):
        one = {min(os.sched_getaffinity(0))}
        done = subprocess.run(
            [PROGRAM, "encode", "--encoder", str(TINY), "--text", "a", "--threads", "2"],
            capture_output=True,
            preexec_fn=lambda: os.sched_setaffinity(0, one),
            timeout=60,
            check=False,
        )
        self.assertIn("1 thread, not 2", done.stderr.decode())

    def test_many_pictures_at_once_give_the_features_of_each_alone(self):
        pictures = []
        for i in range(5):
            pictures.append(self.dir / f"{i}.png")
            pictures[-1].write_bytes(speckled((20 * i, 90, 200 - 20 * i), i))
        parts = [word for path in pictures for word in ("--image", path)]
        parts[4:4] = ["--text", "a red car"]
        together = self.json("encode", "--encoder", TINY, *parts)
        self.assertEqual([p["kind"] for p in together], ["image", "image", "text", "image", "image", "image"])
        for line in together:
            (alone,) = self.json("encode", "--encoder", TINY, f"--{line['kind']}", line["input"])
            for a, b in zip(alone["feature"], line["feature"]):
                self.assertAlmostEqual(a, b, delta=1e-6)
