"""`koala verify` and `koala revert`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from koalacli.cli.display import JsonFlag, QuietFlag, RecordDisplay, VerboseFlag
from koalacli.cli.options import command
from koalacli.cli.terminal import print_table
from koalacli.config import RevertConfig, VerifyConfig
from koalacli.records import Outcome

if TYPE_CHECKING:
    from koalacli.pipelines.archive.verify import Proof
    from koalacli.records import Record, Started


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""

    @command(app, VerifyConfig)
    def verify(
        config: VerifyConfig,
        output: Annotated[str, typer.Argument(metavar="OUTPUT", help="What koala has written: a folder or a file.")],
        json: JsonFlag = False,
        quiet: QuietFlag = False,
        verbose: VerboseFlag = False,
    ) -> None:
        """Prove that outputs have the luma of their sources, and list what does not.

        JPEGs that keep their luma and films in lossless codecs are proven bit for bit, others by their lightness.
        Where the folder has a manifest, its digests are checked, too.
        """
        from koalacli.pipelines.archive.verify import Proof
        from koalacli.pipelines.archive.verify import verify as run

        proofs: list[Proof] = []

        def noted() -> "Iterator[Started | Record]":
            for record in run(output, config):
                if isinstance(record, Proof):
                    proofs.append(record)
                yield record

        display = ProofDisplay(
            as_json=json, quiet=quiet, verbose=verbose, report=config.report, verb="proven", unit="files"
        )
        code = display.show(noted())
        if not (json or quiet):
            print_table(proof_table(proofs))
        raise typer.Exit(code)

    @command(app, RevertConfig)
    def revert(
        config: RevertConfig,
        source: Annotated[str, typer.Argument(metavar="INPUT", help="A color JPEG, a folder, or a glob.")],
        output: Annotated[str, typer.Argument(metavar="OUTPUT", help="A folder, or a JPEG for a single input.")],
        json: JsonFlag = False,
        quiet: QuietFlag = False,
        verbose: VerboseFlag = False,
    ) -> None:
        """Give back, byte for byte, the gray JPEGs that color ones were made of.

        For JPEGs that keep their luma and carry their source's head; see `koala colorize --revertible`.
        """
        from koalacli.pipelines.archive.revert import revert as run

        display = RecordDisplay(as_json=json, quiet=quiet, verbose=verbose, report=config.report, verb="reverted")
        raise typer.Exit(display.show(run(source, output, config)))


class ProofDisplay(RecordDisplay):
    """What is proven has no line of its own: the table counts it."""

    def _say(self, record: "Record") -> None:
        if self.verbose or record.outcome != Outcome.DONE:
            super()._say(record)


def proof_table(proofs: "list[Proof]") -> Table:
    """Ways of proof down; how many files, how many of them bit for bit, the largest difference."""
    from koalacli.pipelines.archive.proofs import PROOFS

    failed = [proof for proof in proofs if proof.outcome == Outcome.FAILED]
    table = Table(box=SIMPLE_HEAD, title_justify="left")
    for name in ("proof", "files", "bit for bit", "largest difference", "what is compared"):
        table.add_column(name, justify="left" if name in ("proof", "what is compared") else "right")
    for name, way in PROOFS.items():
        done = [proof for proof in proofs if proof.way == name]
        if done:
            worst = max(proof.figure for proof in done)
            exact = sum(proof.exact for proof in done)
            table.add_row(name, str(len(done)), str(exact), f"{worst:.3f} {way.unit}", way.help)
    table.add_row("none", str(len(failed)), "", "", "failed: named above")
    return table
