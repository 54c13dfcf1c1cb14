"""Gives a Python program the paths of verified packages on its node, and holds them while they are used.

What is installed is found by one readlink and held by a shared lock on a file, with no call and while no agent runs. What
is missing is put here by cpm-agent, which is asked over gRPC on a Unix domain socket; the generated client of the whole
contract is in cpm.agent.v1.

    with Agent() as agent, agent.hold("rise/tools@1.2.0") as package:
        subprocess.run([package.path / "payload" / "run.sh"])
"""

from ._agent import DEFAULT_ROOT, DEFAULT_SOCKET, Agent, HeldPackage
from ._errors import AgentError

__all__ = ["DEFAULT_ROOT", "DEFAULT_SOCKET", "Agent", "AgentError", "HeldPackage"]
