"""Made-up movement whose every number is known: random waypoint, missions in the air, a straight street."""
