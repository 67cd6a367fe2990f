"""The parts of `connect`: what is wished for, how a line is made, how it is kept, and how that is shown."""
