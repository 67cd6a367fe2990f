"""`asking.py TARGET`: asks the kit of a host, over one line, again and again.

Each line of standard input is a question in JSON: a search, and the arguments for the kit. Each answer is a line as well: the path of the
kit and its data, or the code and the sentence of what went wrong.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.errors import RemoteKitError
from jupyter_remote_kit.host.line import Line
from jupyter_remote_kit.plan import target
from jupyter_remote_kit.plan.kitsearch import Search
from jupyter_remote_kit.plan.ssh import Opening


async def main(host: str) -> None:
    """Until the end of the input."""
    async with Line.open(Opening(target.parse(host), batch=True)) as line:
        for row in sys.stdin:
            search, arguments = json.loads(row)
            sys.stdout.write(json.dumps(await _answer(line, Search(**search), tuple(arguments))) + "\n")


async def _answer(line: Line, search: Search, arguments: tuple[str, ...]) -> dict[str, Any]:
    try:
        reply = await distant.ask_kit(line, search, "the host", arguments)
    except RemoteKitError as error:
        problem = error.problems[0]
        return {"code": problem.code, "message": str(problem.message)}
    return {"kit": reply.kit, "data": reply.data}


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
