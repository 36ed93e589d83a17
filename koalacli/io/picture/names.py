"""Names of colors, as CSS has them: name in small letters -> `#rrggbb`."""

from PIL import ImageColor

CSS_COLORS: dict[str, str] = {name: code for name, code in ImageColor.colormap.items() if isinstance(code, str)}
