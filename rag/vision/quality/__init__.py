"""How good the vectors of a collection are: spread, hubs, clusters, drift."""
