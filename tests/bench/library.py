"""libgensearch_bench.so (bench.h) from Python.

    library = Library("build/native/tests/bench/libgensearch_bench.so")
    with library.open(directory, threads=2, batch=64, precision="bf16") as encoder:
        features = encoder.images(frames)  # frames [n, height, width, 3] u8 -> [n, dim] f32
        features = encoder.texts(["a red cat"])
"""

import ctypes
import os

import numpy as np

POINTER, SIZE, INT, TEXT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p
SIGNATURES = {
    "open": (POINTER, [TEXT, INT, SIZE, TEXT, TEXT, TEXT]),
    "close": (None, [POINTER]),
    "error": (TEXT, []),
    "dim": (SIZE, [POINTER]),
    "image_size": (INT, [POINTER]),
    "images": (INT, [POINTER, POINTER, SIZE, INT, INT, POINTER]),
    "images_on_device": (INT, [POINTER, POINTER, SIZE, INT, INT, POINTER]),
    "texts": (INT, [POINTER, ctypes.POINTER(TEXT), SIZE, POINTER]),
    "prepare": (INT, [POINTER, POINTER, INT, INT, POINTER]),
    "decode": (INT, [TEXT, SIZE, POINTER]),
    "index": (INT, [POINTER, TEXT, TEXT, ctypes.c_uint64, SIZE]),
}


class GensearchError(RuntimeError):
    """What gs_bench_error() says."""


class Library:
    def __init__(self, path):
        # Deep binding: torch brings an OpenMP and a oneDNN of other versions into the process, which are not ours.
        self.loaded = ctypes.CDLL(os.path.abspath(path), mode=os.RTLD_LOCAL | os.RTLD_DEEPBIND)
        for name, (result, arguments) in SIGNATURES.items():
            function = self.function(name)
            function.restype, function.argtypes = result, arguments

    def function(self, name):
        return getattr(self.loaded, "gs_bench_" + name)

    def check(self, good):
        if not good:
            raise GensearchError(self.function("error")().decode())

    def call(self, name, *arguments):
        self.check(self.function(name)(*arguments) == 0)

    def open(self, directory, threads=0, batch=0, precision="f32", device="cpu", backend=None):
        names = [precision.encode(), device.encode(), backend and backend.encode()]
        handle = self.function("open")(os.fsencode(directory), threads, batch, *names)
        self.check(handle)
        return Encoder(self, handle)

    def decode(self, data, shape=None):
        """Decodes the bytes of a picture; with its shape [height, width, 3] known, returns it too."""
        rgb = np.empty(shape, np.uint8) if shape else None
        self.call("decode", data, len(data), rgb.ctypes.data if shape else None)
        return rgb

    def blas_kernel(self):
        """What OpenBLAS picked for this processor."""
        corename = self.loaded.openblas_get_corename  # found in the library that ours links
        corename.restype = TEXT
        return corename().decode()


class Encoder:
    def __init__(self, library, handle):
        self.library, self.handle = library, handle
        self.dim = library.function("dim")(handle)
        self.image_size = library.function("image_size")(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.library.function("close")(self.handle)
        self.handle = None

    def images(self, frames):
        count, height, width, _ = frames.shape
        features = np.empty((count, self.dim), np.float32)
        self.library.call("images", self.handle, frames.ctypes.data, count, width, height, features.ctypes.data)
        return features

    def images_on_device(self, address, count, height, width):
        """The same of frames [count, height, width, 3] u8 that lie at this address of the device's memory."""
        features = np.empty((count, self.dim), np.float32)
        self.library.call("images_on_device", self.handle, address, count, width, height, features.ctypes.data)
        return features

    def texts(self, texts):
        features = np.empty((len(texts), self.dim), np.float32)
        pointers = (TEXT * len(texts))(*(text.encode() for text in texts))
        self.library.call("texts", self.handle, pointers, len(texts), features.ctypes.data)
        return features

    def prepare(self, rgb):
        """rgb [height, width, 3] -> pixels [3, size, size]."""
        pixels = np.empty((3, self.image_size, self.image_size), np.float32)
        self.library.call("prepare", self.handle, rgb.ctypes.data, rgb.shape[1], rgb.shape[0], pixels.ctypes.data)
        return pixels

    def index(self, model, database, samples, batch):
        self.library.call("index", self.handle, os.fsencode(model), os.fsencode(database), samples, batch)
