"""TensorBoard logs of a run: figures of every check and sample grids. TensorFlow is not needed for them."""

import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koalacli.errors import UsageError, output_error


def check_tensorboard() -> None:
    """Raise UsageError if the package that writes event files is missing."""
    try:
        import_module("tensorboardX.event_file_writer")
    except ImportError as error:
        raise UsageError("--tensorboard needs a package: pip install 'koala-colorizer[tensorboard]'") from error


class TensorBoard:
    """Writes an event file.

    Args:
        folder: where TensorBoard is pointed to.
        step: first step of this process; whatever older files hold beyond it is hidden.

    Raises:
        OutputError: the folder cannot be written to.

    The package that writes event files has to be there; see `check_tensorboard`.
    """

    def __init__(self, folder: Path, step: int):
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto import event_pb2, summary_pb2

        self.folder, self._event, self._summary = folder, event_pb2, summary_pb2.Summary
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = EventsWriter(str(folder / "events"), f".{time.time_ns()}")
        except OSError as error:
            raise output_error(folder, error) from error
        started = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(step, session_log=started)

    def write(self, row: dict[str, float], sheet: NDArray[np.uint8], picture: bytes) -> None:
        """Add a check.

        Args:
            row: its figures.
            sheet: its sample grid, rgb8 (H, W, 3), and `picture`, the same as a file.

        Raises:
            StorageFullError: no room.
        """
        values = [
            self._summary.Value(tag=tag, simple_value=value)
            for tag, value in row.items()
            if tag != "step" and value == value
        ]
        height, width, planes = sheet.shape
        image = self._summary.Image(height=height, width=width, colorspace=planes, encoded_image_string=picture)
        values.append(self._summary.Value(tag="samples", image=image))
        self._write(int(row["step"]), summary=self._summary(value=values))

    def close(self) -> None:
        """Close the file; all of it is on disk already."""
        self._writer.close()

    def _write(self, step: int, **content: Any) -> None:
        try:
            self._writer.write_event(self._event.Event(step=step, wall_time=time.time(), **content))
            self._writer.flush()
        except OSError as error:
            raise output_error(self.folder, error) from error
