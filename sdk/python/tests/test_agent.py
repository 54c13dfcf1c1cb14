"""Needs a running agent, whose places are in the environment (tests/src/agent/sdk.test.ts starts one)."""

import os
import tempfile
import unittest

import grpc
from cpm.agent.v1 import agent_pb2
from cpm_agent import Agent, AgentError

SOCKET = os.environ.get("CPM_TEST_AGENT_SOCKET", "")
ROOT = os.environ.get("CPM_TEST_AGENT_ROOT", "")
# The package that the surrounding test has published, with a file payload/greeting.
NAME = "rise/greeting"


@unittest.skipIf(SOCKET == "", "CPM_TEST_AGENT_SOCKET names no agent")
class AgentTest(unittest.TestCase):
    def open(self, **options):
        agent = Agent(**{"socket": SOCKET, "root": ROOT, **options})
        self.addCleanup(agent.close)
        return agent

    def greeting(self, package):
        return (package.path / "payload" / "greeting").read_text()

    def test_handshake(self):
        info = self.open().get_info()
        self.assertEqual((info.api_level, info.root), (1, ROOT))

    def test_hold_puts_a_package_here_and_keeps_it(self):
        agent = self.open()
        with agent.hold(f"{NAME}@1.0.0") as package:
            self.assertEqual((self.greeting(package), package.by), ("hello 1.0.0", "lock"))
            removed = agent.calls.Remove(agent_pb2.RemoveRequest(name=NAME, version="1.0.0"))
            self.assertEqual((removed.removed, removed.tree_removed), (True, False))
        package.release()

    def test_an_installed_version_needs_no_agent(self):
        self.open().hold(f"{NAME}@1.1.0").release()
        nobody = self.open(socket="/nonexistent/agent.sock")
        with nobody.hold(f"{NAME}@1.1.0") as package:
            self.assertEqual(self.greeting(package), "hello 1.1.0")
        with self.assertRaises(AgentError) as raised:
            nobody.hold(f"{NAME}@9.0.0")
        self.assertEqual(raised.exception.code, "agent-client/unreachable")

    def test_a_range_is_the_newest(self):
        with self.open().hold(f"{NAME}@^1.0.0") as package:
            self.assertEqual(self.greeting(package), "hello 1.1.0")

    def test_hold_by_a_lease_where_files_cannot_be_locked(self):
        with tempfile.TemporaryDirectory() as elsewhere:
            agent = self.open(root=elsewhere)

            def leases():
                reference = agent_pb2.PackageReference(name=NAME)
                return agent.calls.Resolve(agent_pb2.ResolveRequest(package=reference)).installed.leases

            with agent.hold(f"{NAME}@1.1.0") as package:
                self.assertEqual((self.greeting(package), package.by, leases()), ("hello 1.1.0", "lease", 1))
            self.assertEqual(leases(), 0)

    def test_errors_have_the_agents_codes_and_hints(self):
        with self.assertRaises(AgentError) as raised:
            self.open().hold(f"{NAME}@^7.0.0")
        error = raised.exception
        self.assertEqual((error.code, error.status), ("agent/no-version", grpc.StatusCode.NOT_FOUND))
        self.assertIn("cpm info", error.hint)
        with self.assertRaises(AgentError) as raised:
            self.open().hold(f"{NAME}@1.1.0-not+installed", timeout_s=30)
        self.assertEqual(raised.exception.code, "agent/no-version")
        with self.assertRaises(AgentError) as raised:
            self.open().hold("Nonsense")
        self.assertEqual(raised.exception.code, "agent-client/invalid")


if __name__ == "__main__":
    unittest.main()
