"""ThreatConnect v3, a threat intelligence platform: its jobs and their executions."""
