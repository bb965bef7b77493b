"""The gateway as real clients of the ecosystem see it."""
