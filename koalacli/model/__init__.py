"""The networks, in Keras 3. Importing this package starts Keras and the array library under it."""

from koalacli.process import native_notes_held_back, set_runtime_defaults

set_runtime_defaults()
with native_notes_held_back():
    import keras  # noqa: F401
