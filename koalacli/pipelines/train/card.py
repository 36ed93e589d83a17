"""The provenance inside a weights file, and the model card beside it."""

from datetime import date
from typing import Any

from koalacli.data.sources import Sample
from koalacli.model.recipes import TrainSettings
from koalacli.pipelines.train.pictures import Pictures
from koalacli.pipelines.train.session import Session
from koalacli.presets import NetworkConfig
from koalacli.train_config import stated
from koalacli.version import __version__

NOT_RECIPE = {"runs", "resume", "workers", "device", "checkpoint_minutes", "data_terms", "tensorboard"}
NO_TERMS = "not stated by whoever trained it; the terms of the pictures apply"


def provenance_of(
    config: TrainSettings,
    session: Session,
    pictures: Pictures,
    row: dict[str, float],
    baseline: dict[str, float],
    skipped: dict[Sample, str],
) -> dict[str, Any]:
    """What a weights file says about how it was made; plain values only."""
    recipe = {key: value for key, value in stated(config).items() if key not in NOT_RECIPE}
    return {
        "koala": __version__,
        "date": date.today().isoformat(),
        "summary": f"{config.preset}, {int(row['step'])} steps of {pictures.loader.batch_size} pictures "
        f"in {row['seconds'] / 60:.1f} minutes",
        "data": f"{len(pictures.loader.samples)} pictures of {', '.join(config.data)}; {len(skipped)} found unusable",
        "validation": f"{len(pictures.validation)} pictures of {', '.join(config.val_data or config.data)}",
        "terms": config.data_terms or NO_TERMS,
        "started_from": session.origin,
        "recipe": recipe,
        "figures": {key: round(value, 6) for key, value in row.items() if value == value},  # no NaN in JSON
        "constant_color": {key: round(value, 6) for key, value in baseline.items()},
    }


def model_card(name: str, config: NetworkConfig, provenance: dict[str, Any], digest: str) -> str:
    """Markdown about a weights file: what it is, made from what, how good, under which terms."""
    figures, constant = provenance["figures"], provenance["constant_color"]
    rows = "".join(f"| {key} | {figures[key]:.4g} | {constant[key]:.4g} |\n" for key in constant if key in figures)
    recipe = "".join(f"| {key} | {value} |\n" for key, value in provenance["recipe"].items())
    return f"""# {name}

{provenance["summary"]}; koala {provenance["koala"]}, {provenance["date"]}.

- Network: preset {config.preset}, extractor {config.extractor} ({config.cut}), head {config.head}
- Trained on: {provenance["data"]}
- Validated on: {provenance["validation"]}
- Terms of the pictures: {provenance["terms"]}
- Started from: {provenance["started_from"] or "random values and the extractor or trunk of the recipe"}
- Digest: {digest}

| figure | these weights | one constant color |
|---|---|---|
{rows}
Figures are measured on small validation pictures at the size of the network's output;
`koala eval` measures whole pictures.

| setting | value |
|---|---|
{recipe}"""
