"""One module per command: options in, Result out. Only `cli` prints and exits."""
