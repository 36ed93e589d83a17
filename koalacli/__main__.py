"""`python -m koalacli` is `koala`."""

from koalacli.cli import main

main()
