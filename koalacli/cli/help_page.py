"""How `--help` is laid out: examples, then arguments, then options in groups; rare ones under `--help-all`."""

from typing import Annotated, Any

import typer
import typer.core

COMMON = {
    "Look": (
        *("colored", "size", "vividness", "saturation", "stretch", "hints", "decisions", "reviewer"),
        *("reference", "palette", "reference_strength", "references"),
        *("temporal", "preview", "preview_layout", "deinterlace", "layer", "proposals"),
        *("sizes", "vividnesses", "saturations", "at", "pick"),
    ),
    "Files and names": (
        *("output", "include", "exclude", "name", "suffix", "on_exist", "recursive", "follow_links", "watch", "shard"),
        *("start", "end", "track", "fps", "export_scenes", "manifest", "preserve_times", "source"),
    ),
    "Formats": (
        *("format", "quality", "chroma_subsampling", "lossless_luma", "revertible", "strip_metadata", "provenance"),
        *("verify", "codec", "crf", "encoder_preset", "encoder_option", "pix_fmt", "no_audio", "no_subtitles"),
        *("subtitles", "max_pixels", "logits", "half"),
    ),
    "Run": (
        *("weights", "device", "batch_size", "workers", "dry_run", "fail_fast", "retry_failed", "serve", "port"),
        "config_file",
        *("engine", "ray", "ray_workers", "ray_cpus", "ray_gpus"),
    ),
    "Messages": ("json", "quiet", "verbose", "report", "gallery", "log_file", "help_all", "help"),
}
TRAIN = {
    "Pictures": ("data", "val_data", "val_split", "val_limit", "limit", "image_size", "augment", "data_terms"),
    "Network": ("preset", "width", "start", "extractor", "cut", "extractor_weights", "cache_embeddings", "head"),
    "Learning": (
        *("epochs", "steps", "minutes", "batch_size", "lr", "early_stopping", "overfit", "loss", "optimizer"),
        *("schedule", "weight_decay", "clip", "ema", "trunk_rate", "trunk_warmup", "rebalance_strength"),
        *("regression_weight", "edge_weight", "chroma_weight", "chroma_gain", "training", "class_weight"),
    ),
    "Run": (
        *("name", "runs", "resume", "device", "devices", "workers", "precision", "seed", "tensorboard"),
        *("checkpoint_minutes", "config_file"),
    ),
    "Messages": COMMON["Messages"],
}
EVAL = {
    "What is judged": ("data", "weights", "pred", "ref", "protocol", "limit", "clip_frames", "hints"),
    "Look": ("size", "vividness", "saturation", "stretch"),
    "Reports": ("report", "csv", "study", "study_pictures", "study_results"),
    "More figures": ("floor_data", "inception", "lpips"),
    "Run": ("device", "batch_size", "workers", "config_file"),
    "Messages": ("json", "quiet", "verbose", "log_file", "help_all", "help"),
}
GROUPS = {"train": TRAIN, "eval": EVAL}  # of the other commands: COMMON

RARE = {
    "train": (
        *("val_limit", "data_terms", "width", "cut", "extractor_weights", "cache_embeddings", "head", "loss"),
        *("optimizer", "schedule", "weight_decay", "clip", "ema", "trunk_rate", "trunk_warmup", "rebalance_strength"),
        *("regression_weight", "edge_weight", "chroma_weight", "chroma_gain", "devices", "precision", "training"),
        "class_weight",
        "checkpoint_minutes",
    ),
    "video": ("ray", "ray_workers", "ray_cpus", "ray_gpus"),
    "colorize": ("engine", "ray", "ray_workers", "ray_cpus", "ray_gpus", "chroma_subsampling", "shard"),
}

EXAMPLES = {
    "colorize": (
        ("koala colorize scans/", "a folder; the results are in scans-color/"),
        ("koala colorize *.jpg -o color/", "several pictures"),
        ("koala colorize portrait.tif --vividness 0.3", "one, more vivid: portrait.color.tif"),
    ),
    "video": (
        ("koala video film.mkv", "writes film.color.mkv"),
        ("koala video film.mkv --preview 10", "ten seconds, gray beside color"),
        ("koala video reels/ -o color/", "a folder of films"),
    ),
    "try": (
        ("koala try boy.jpg", "boy.try.html: twelve looks beside each other"),
        ("koala try boy.jpg --pick 7", "writes the seventh: boy.color.jpg"),
        ("koala try film.mkv --at 0:10,0:40", "two moments of a film"),
    ),
    "review": (
        ("koala review scans/ -o review/", "then open review/index.html"),
        ("koala review film.mkv -o review/", "a still of every scene"),
    ),
    "train": (
        ("koala train --data photos/ --from koala --minutes 60", "go on from the shipped weights"),
        ("koala train --data photos/ --resume", "continue an interrupted run"),
        ("koala train --data photos/ --overfit 8", "can it learn eight pictures by heart?"),
    ),
    "eval": (
        ("koala eval --data photographs/ --report report.html", "weights on color photographs"),
        ("koala eval --pred results/ --ref photographs/", "any program's colorings"),
        ("koala eval --data photographs/ --study study.html", "real or recolored? Ask people"),
    ),
}


class GroupedCommand(typer.core.TyperCommand):
    """A command whose help begins with examples and shows its options in groups."""

    shows_all = False

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Examples, then what the command does; what stands behind a form feed is for --help-all."""
        if examples := EXAMPLES.get(self.name or ""):
            with formatter.section("Examples"):
                formatter.write_dl(examples)
        whole = self.help
        self.help = (whole or "").replace("\f", "") if self.shows_all else (whole or "").partition("\f")[0]
        super().format_help_text(ctx, formatter)
        self.help = whole

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, then options by group, those that are in none last."""
        records = {param.name: param.get_help_record(ctx) for param in self.get_params(ctx)}
        arguments = tuple(param.name for param in self.get_params(ctx) if param.param_type_name == "argument")
        rare = () if self.shows_all else RARE.get(self.name or "", ())
        sections = {"Arguments": arguments, **GROUPS.get(self.name or "", COMMON)}
        known = {name for names in sections.values() for name in names}
        sections["Other"] = tuple(name for name in records if name not in known)
        for title, names in sections.items():
            shown = [record for name in names if name not in rare and (record := records.get(name))]
            if shown:
                with formatter.section(title):
                    formatter.write_dl(shown)
        if any(name in records for name in rare):
            formatter.write_paragraph()
            formatter.write_text("Rarely needed options are left out; --help-all shows them.")


def show_all(context: typer.Context, asked: bool) -> None:
    """For --help-all: the whole help, and the end."""
    if asked:
        command: Any = context.command
        command.shows_all = True
        typer.echo(context.get_help())
        command.shows_all = False
        raise typer.Exit


HelpAllFlag = Annotated[
    bool, typer.Option("--help-all", callback=show_all, is_eager=True, help="Show all options and exit.")
]
