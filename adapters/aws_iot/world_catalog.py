"""The standing part of the generated account: things, groups and kinds of jobs, the odd but legal names among them.

Thing names are ``[a-zA-Z0-9:_-]{1,128}`` (contract, section 1): a colon is all the oddity that they allow. Text beyond ASCII
lives in descriptions and status details.
"""

from typing import TYPE_CHECKING, NamedTuple
from uuid import NAMESPACE_URL, uuid5

if TYPE_CHECKING:
    from adapters.aws_iot.world import World

_CITIES = ("berlin", "lyon", "turin", "zuerich", "krakow")

TILLS = tuple(f"till-{city}-{number:02}" for city in _CITIES for number in range(1, 7))
KIOSKS = tuple(f"kiosk:{city}:{number:02}" for city in _CITIES for number in (1, 2))
GATEWAYS = tuple(f"GW_{city}" for city in _CITIES)
DELETED = ("till-altstadt-01", "kiosk:geneva:01")
"""Things that have executions but are in the registry no more."""

STORY_THINGS, CANARIES = TILLS[:20], TILLS[20:26]
GROUP, CANARY_GROUP = "checkout-tills", "checkout-canaries"
TEMPLATE, DELETED_TEMPLATE = "device-update", "device-update-2024"


class Kind(NamedTuple):
    """A kind of job: the start of its ids, its description, and what its executions report when they fail."""

    name: str
    description: str
    reasons: tuple[str, ...]


KINDS = (
    Kind("firmware-2_7", "Firmware 2.7 für Türsteuerungen", ("checksum mismatch", "disk full")),
    Kind("certificates", "Rotate the device certificates", ("signature verification failed", "clock skew too large")),
    Kind("opening-hours", "Öffnungszeiten übernehmen: Zürich & Genève", ("unbekannter Zeitraum", "download interrupted")),
    Kind("diagnostics", "Collect diagnostics (100 % of the fleet)", ("upload refused", "download interrupted")),
    Kind("agent_1-14", "Agent 1.14 — canary/stable", ("checksum mismatch", "agent did not come back")),
    Kind("checkout-4_1_9", "checkout 4.1.9", ("download interrupted", "disk full")),
)


def populate(world: "World") -> None:
    """Adds the registry to an empty world."""
    for kind, names in (("till", TILLS), ("kiosk", KIOSKS), ("gateway", GATEWAYS)):
        for place, name in enumerate(names):
            city = name.replace(":", "-").replace("_", "-").split("-")[1]
            # A registry is never tidy: some things have no type, some no attributes.
            world.add_thing(
                name,
                thingTypeName=None if place % 7 == 3 else kind,
                attributes={} if place % 9 == 5 else {"site": city, "fw": f"2.{place % 3}.0", "rack": f"eu/{city}:{place}"},
                version=1 + place % 4,
            )
    for group, members in ((GROUP, STORY_THINGS + CANARIES), (CANARY_GROUP, CANARIES), ("gateways", GATEWAYS)):
        world.groups[group] = {
            "thingGroupName": group,
            "thingGroupId": str(uuid5(NAMESPACE_URL, group)),
            "things": list(members),
        }
