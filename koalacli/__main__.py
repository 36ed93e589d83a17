"""`python -m koalacli` is `koala`."""

from koalacli.cli.app import main

main()
