"""Skills every adapter needs on the wire: connections, faults, JSON lines, pictures. Knows no vendor."""
