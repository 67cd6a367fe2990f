"""`python -m jupyter_remote_kit.server`: JupyterLab as `jupyter lab` runs it, with a start that collects less garbage.

While a server starts it makes some 300,000 objects that stay; the collector, at its default thresholds, looks through them again and
again, which is 13 % of the processor time until the first answer. `tuning.settle` goes back to the defaults before the gate opens.
"""

from __future__ import annotations

import sys

from jupyter_remote_kit.server import tuning

tuning.start()

from jupyterlab.labapp import main  # noqa: E402  what is imported here is most of what the collector would look through

sys.exit(main())
