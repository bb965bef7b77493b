"""CenturyLink (Lumen) Cloud Runner."""
