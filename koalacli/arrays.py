"""Names for arrays: what an annotation says without saying it each time. Axes and units stand in docstrings."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Rgb8 = NDArray[np.uint8]  # (..., H, W, 3), gamma-encoded sRGB
Pixels = NDArray[Any]  # uint8 or uint16: gray (H, W) or rgb (H, W, 3), gamma-encoded
Tensor = Any  # of whichever array library is under Keras
