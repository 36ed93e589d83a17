"""JSON that koala prints, held to the pages of docs/schema."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "schema"


def read_events(page: str, text: str) -> list[dict[str, Any]]:
    """The events of a stream, one per line; each follows docs/schema/PAGE.json and tells nothing that is not there."""
    schema = json.loads((FOLDER / f"{page}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    check = Draft202012Validator(schema)
    events = [json.loads(line) for line in text.splitlines()]
    for event in events:
        check.validate(event)
        known = schema["$defs"][event["event"]]["properties"]
        assert set(event) <= set(known), f"{event['event']} of docs/schema/{page}.json lacks {set(event) - set(known)}"
    return events
