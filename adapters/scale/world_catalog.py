"""The standing part of the generated Scale: errors, nodes, rules and job types, the odd but legal names among them."""

from datetime import timedelta
from typing import TYPE_CHECKING

from adapters.scale.world_rows import job_type_row

if TYPE_CHECKING:
    from adapters.scale.world import World

STORY_ERROR = "schema-migration-failed"
STORY_NODES = ("node01.scale.example", "node02.scale.example", "rechenknoten-münchen.scale.example")
ARCHIVED_AGO = timedelta(days=4)
"""How long before now the archived node was taken away."""

USUAL = (
    ("image-orthorectify", "1.1.0"),
    ("image-orthorectify", "1.0.0"),
    ("catalog-export", "3.2.0"),
    ("landsat-ndwi", "2.0.0"),
    ("scale-ingest", "1.0"),
    ("tiles:europa/50%", "0.9.1"),
)
"""Job types (name, version) that have nothing to do with the story."""

_ERRORS = (
    ("unknown", "Unknown", "The cause of this failure is unknown.", "SYSTEM"),
    ("database", "Database", "An error occurred with the Scale database.", "SYSTEM"),
    ("node-lost", "Node Lost", "The node failed and was lost, causing this job execution to be lost.", "SYSTEM"),
    ("timeout", "Timeout", "The algorithm timed out before completing.", "ALGORITHM"),
    ("algorithm-bad-input", "Bad input", "The algorithm could not read its input.", "ALGORITHM"),
    ("data-missing", "Data missing", "An input file is missing", "DATA"),
    (
        STORY_ERROR,
        "checkout 4.2.0: schema migration 0042 failed",
        "checkout 4.2.0 stopped at start: schema migration 0042 failed (column orders.region already exists)",
        "ALGORITHM",
    ),
)

_NODES = (
    *STORY_NODES,
    "node03.scale.example",
    "rack7/slot:3%2A.scale.example",
    "node04.scale.example",
    "node05.scale.example",
    "node06.scale.example",
)


def populate(world: "World") -> None:
    """Adds the standing rows to an empty world; instants are relative to its ``now``."""
    old = (world.now - timedelta(days=200)).replace(microsecond=0)
    for name, title, description, category in _ERRORS:
        columns = {"name": name, "title": title, "description": description, "category": category}
        builtin = category == "SYSTEM"
        world.insert("errors", {**columns, "is_builtin": builtin, "created": old, "last_modified": old})
    for place, hostname in enumerate(_NODES):
        created = old + timedelta(minutes=place)
        world.insert(
            "nodes",
            {
                "hostname": hostname,
                "port": 5051,
                "slave_id": f"20160815-000000-1683014024-5050-8216-S{place}",
                "is_paused": False,
                "is_paused_errors": False,
                "is_active": True,
                "created": created,
                "last_modified": created,
            },
        )
    last = len(_NODES)
    world.nodes[last - 2].update(is_paused=True, pause_reason="Disk replacement")
    world.nodes[last - 1].update(is_paused=True, is_paused_errors=True, pause_reason="High error rate")
    world.nodes[last].update(is_active=False, archived=world.now - ARCHIVED_AGO)
    _job_types(world)


def _job_types(world: "World") -> None:
    old = (world.now - timedelta(days=150)).replace(microsecond=0)
    rule = {"version": "1.0", "condition": {"media_type": "image/tiff"}, "data": {"input_data_name": "input_file"}}
    world.insert("rules", {"type": "PARSE", "name": "new-scenes", "is_active": True, "configuration": rule})
    system = {"is_system": True, "docker_image": "scale", "priority": 10, "icon_code": "f0f5"}
    mapping = {"version": "1.0", "exit_codes": {"42": STORY_ERROR}}
    checkout = ("Checkout ingest", "Ingests what the shop checked out", "checkout")
    for row in (
        job_type_row("scale-ingest", "1.0", old, ("Scale Ingest", "Ingests a source file", "system"), **system),
        job_type_row("image-orthorectify", "1.0.0", old, ("Orthorectify", None, "imagery"), icon_code="f03e"),
        job_type_row("image-orthorectify", "1.1.0", old, ("Orthorectify", None, "imagery"), icon_code="f03e"),
        job_type_row("landsat-ndwi", "2.0.0", old, ("Landsat NDWI", "Wässer aus Landsat", "imagery"), priority=50),
        job_type_row("catalog-export", "3.2.0", old, (None, None, "export"), author_name="Catalog Team"),
        job_type_row("tiles:europa/50%", "0.9.1", old, ("Kacheln für Übersichten",), is_paused=True, paused=old),
        job_type_row("checkout-ingest", "4.1.9", old, checkout, priority=20, error_mapping=mapping),
        job_type_row("checkout-ingest", "4.2.0", old, checkout, priority=20, error_mapping=mapping, trigger_rule_id=1),
    ):
        key = world.insert("job_types", row)
        world.insert("job_type_revs", {"job_type_id": key, "revision_num": 1, "created": old, "interface": row["interface"]})
