import subprocess
import sys

from apps.billing.gateways.chain_wire import MODULE

_PROBE = f"""
import sys
import django
django.setup()
from apps.core.recursion import import_with_kept_limit
before = sys.getrecursionlimit()
import_with_kept_limit({MODULE!r})
assert "web3" in sys.modules
print(before, sys.getrecursionlimit())
"""


def test_loading_the_chains_library_leaves_the_recursion_limit_alone():
    done = subprocess.run(
        [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["1000", "1000"]


def test_processes_that_read_strangers_json_start_with_pythons_own_limit():
    probe = "import sys; import config.asgi, config.urls; print(sys.getrecursionlimit())"

    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["1000"]
