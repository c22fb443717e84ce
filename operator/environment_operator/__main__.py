"""python -m environment_operator."""

from environment_operator.app import main

main()
