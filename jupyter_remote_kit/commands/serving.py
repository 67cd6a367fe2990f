"""What stands between a prepared instance and its server: the checks, and how it is started. What `up` and `service` share."""

from __future__ import annotations

import os
from collections.abc import Callable

from jupyter_remote_kit.commands.init import Prepared
from jupyter_remote_kit.errors import Failed, Refused
from jupyter_remote_kit.grammar import MAX_PORT
from jupyter_remote_kit.host import files, ports, processes
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import inherited
from jupyter_remote_kit.plan.answers import WILDCARDS
from jupyter_remote_kit.plan.inherited import Source
from jupyter_remote_kit.plan.init import secret_paths
from jupyter_remote_kit.plan.launch import plan_launch
from jupyter_remote_kit.plan.policy import Severity
from jupyter_remote_kit.plan.policy import check as findings_of
from jupyter_remote_kit.plan.posture import declared, problem
from jupyter_remote_kit.plan.userconfig import REFUSED_CODES

ADDRESS_POLL_S = 0.5
# Less than a manager of services gives a start (TimeoutStartSec=180 of the unit): it begins anew, and not too often for its own limits.
SERVICE_AWAITS_ADDRESS_S = 120.0


def check(prepared: Prepared) -> None:
    """Refuse on what the policy, or the user's own configuration, would refuse inside the server as well. Raises `Refused`."""
    findings = findings_of(declared(prepared.settings, prepared.credentials, as_root=prepared.facts.is_root))
    problems = [problem(finding) for finding in findings if finding.severity is Severity.REFUSE]
    problems += [found for found in prepared.plan.findings if found.code in REFUSED_CODES]
    if problems:
        raise Refused(*problems)


def check_exposed(prepared: Prepared) -> None:
    """Refuse when others can read what was written; the folders' modes were just set right. Raises `Refused`."""
    exposed = files.exposed(secret_paths(prepared.settings, prepared.facts.layout))
    posture = declared(prepared.settings, prepared.credentials, as_root=prepared.facts.is_root, exposed_paths=exposed)
    problems = [problem(finding) for finding in findings_of(posture) if finding.severity is Severity.REFUSE]
    if problems:
        raise Refused(*problems)


def await_address(ip: str, most_s: float, tell: Callable[[Message], None]) -> None:
    """Return once this host has the address `ip`; `tell` is told where that takes time.

    Raises `Failed` after `most_s` seconds: that another try may mend, which exit code 78 would say it does not.
    """
    if ip in WILDCARDS or ports.is_local(ip):
        return
    tell(msg("This host does not have the address {ip} yet: waiting for it.", ip=ip))
    if not processes.wait_for(lambda: ports.is_local(ip), most_s, ADDRESS_POLL_S):
        raise Failed.of(
            "address-late",
            msg("This host has not got the address {ip} within {seconds} s.", ip=ip, seconds=int(most_s)),
            msg("See which ones it has: ip address"),
        )


def check_port(ip: str, port: int) -> None:
    """Raises `Failed` with the name of whoever holds the port."""
    holder = ports.port_holder(ip, port)
    if holder is None:
        return
    free = port + 1 if port < MAX_PORT else port - 1
    hint = msg("Stop it, or choose another port: --port {port}", port=free)
    if holder.pid is None:
        who = holder.user or "?"
        raise Failed.of("port-taken", msg("Port {port} is taken by a process of the user {user}.", port=port, user=who), hint)
    raise Failed.of(
        "port-taken",
        msg(
            "Port {port} is taken by process {pid} of {user}: {command}",
            port=port,
            pid=holder.pid,
            user=holder.user or "?",
            command=holder.command or "?",
        ),
        hint,
    )


def launch_of(prepared: Prepared) -> processes.Launch:
    """How the server of a prepared instance is started, in this environment."""
    layout = prepared.facts.layout
    plan = plan_launch(prepared.settings.instance, layout, prepared.facts.python, os.environ.get("PATH", ""))
    # The server works in a folder of ours, where a relative one would mean another.
    absolute = {name: folder for name, folder in layout.variables.items() if _is_relative(os.environ.get(name, ""))}
    ours = inherited.added_by(Source.CONNECT)
    shell = {name: value for name, value in os.environ.items() if name not in ours}
    return processes.Launch(plan.argv, {**shell, **absolute, **plan.environment}, plan.cwd, None)


def _is_relative(folder: str) -> bool:
    return folder != "" and not folder.startswith("/")
