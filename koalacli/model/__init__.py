"""The networks, in Keras 3. Importing this package starts Keras and the array library under it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# oneDNN's kernels give a picture the same result in every batch, and are faster; TensorFlow
# turns them on by itself only on some processors.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Without its own allocator TensorFlow returns every large array to the system and has it zeroed again by the next
# step, which slows training on a processor. It is read as the library starts.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")


@contextmanager
def _native_notes_held_back() -> Iterator[None]:
    """Hold back what native code writes to stderr, and give it out if the import fails.

    TensorFlow announces its CPU features there before its own log level is in force.
    """
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


with _native_notes_held_back():
    import keras  # noqa: F401
