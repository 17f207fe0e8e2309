"""Stand-ins for Eventbrite, Humanitix and Xero: real HTTP servers with a promoter's season and faults on demand.

This package is written from the platforms' published behaviour alone and shares no code with
`housecount`, so that a mistake on one side shows on the other.

    from housecount_sandbox import Sandbox, World

    with Sandbox(World.small(seed=1)) as sandbox:
        ...  # sandbox.eventbrite_url, sandbox.humanitix_url, sandbox.xero_api_url, sandbox.world, sandbox.faults
"""

from housecount_sandbox.clock import HandClock
from housecount_sandbox.faults import Fault, Faults
from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World

__all__ = ["Fault", "Faults", "HandClock", "Sandbox", "World"]
