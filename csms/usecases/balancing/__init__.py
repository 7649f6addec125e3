"""A site's balancing inside the server: what happened becomes observations, what is decided becomes orders."""
