"""`python -m koalacli` is `koala`."""

import sys


def main() -> None:
    """Entry point of `koala`: an interrupt that comes while the command line is loaded ends it in order, too."""
    try:
        from koalacli.cli.app import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
