"""Pages from templates: what they are made of lies beside this module."""

from pathlib import Path

from koalacli.io.texts import as_json

HERE = Path(__file__).parent


def fill(template: str, slots: dict[str, str]) -> str:
    """A template with every {{slot}} replaced in one pass: nothing inserted is read again; {{head}} begins pages."""
    slots = {"head": read_asset("head.html"), **slots}
    first, *rest = (HERE / template).read_text("utf-8").split("{{")
    pieces = [first]
    for part in rest:
        name, text = part.split("}}", 1)
        pieces += [slots[name], text]
    return "".join(pieces)


def embed_json(value: object) -> str:
    """JSON that can stand inside a script element."""
    return as_json(value).replace("<", "\\u003c")


def read_asset(name: str) -> str:
    return (HERE / name).read_text("utf-8")
